package compiled

import (
	"bytes"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
)

// Policies that people use, asked about Pods of random shape.
func TestPoliciesOnRandomPods(t *testing.T) {
	seed, inputs := uint64(7), 400
	if testing.Short() {
		inputs = 60
	}
	for _, f := range fixtures(t) {
		t.Run(f.name, func(t *testing.T) {
			s := f.subject(t)
			p := New(s.compiler, nil)
			q, err := p.Query(s.body, s.qc)
			if err != nil {
				t.Fatal(err)
			}
			var c tally
			m, data := NewMachine(p), s.data(t)
			for _, pod := range pods(seed, inputs) {
				c.judge(t, s, m, q, data, f.input(pod))
			}
			t.Logf("seed %d: %d of %d answered without OPA, %d different %v", seed, c.answered, inputs, c.different, c.reasons)
		})
	}
}

// Random policies, asked about random inputs. ATTEST_RANDOM_POLICIES asks for so many more, from a seed that is told.
func TestRandomPolicies(t *testing.T) {
	first, policies := uint64(1), 200
	if more, err := strconv.Atoi(os.Getenv("ATTEST_RANDOM_POLICIES")); err == nil {
		first, policies = rand.Uint64()>>1, more
	}
	var c tally
	for seed := first; seed < first+uint64(policies); seed++ {
		c.try(t, seed, 4)
		if c.different > 5 {
			break
		}
	}
	t.Logf("policies from seed %d on: %d pairs of policy and input, %d compiled, %d answered without OPA, %d end in errors, %d different %v",
		first, c.cases, c.compiled, c.answered, c.errors, c.different, c.reasons)
}

// try judges one random policy on some random inputs. What OPA's compiler refuses is no policy.
func (c *tally) try(t *testing.T, seed uint64, inputs int) {
	text := policy(seed)
	compiler, err := ast.CompileModulesWithOpt(map[string]string{"p.rego": text}, ast.CompileOpts{ParserOptions: ast.ParserOptions{RegoVersion: ast.RegoV1}})
	if err != nil {
		c.refused("OPA's compiler")
		return
	}
	r := rand.New(rand.NewPCG(seed, 5))
	s := &subject{compiler: compiler, qc: compiler.QueryCompiler(), store: inmem.NewFromObject(fields{"base": randomInput(r)})}
	if s.body, err = s.qc.Compile(ast.MustParseBody("x = data.p.result")); err != nil {
		t.Fatal(err)
	}
	c.cases += inputs
	p := New(compiler, nil)
	q, err := p.Query(s.body, s.qc)
	if err != nil {
		c.refused(err.Error())
		return
	}
	c.compiled += inputs
	m, data := NewMachine(p), s.data(t)
	before := c.different
	for range inputs {
		c.judge(t, s, m, q, data, ast.NewTerm(ast.MustInterfaceToValue(randomInput(r))))
	}
	if c.different > before {
		t.Logf("seed %d:\n%s", seed, text)
	}
}

// FuzzRandomPolicies is `go test -fuzz FuzzRandomPolicies`: the seed makes the policy and its inputs.
func FuzzRandomPolicies(f *testing.F) {
	f.Add(uint64(1))
	f.Fuzz(func(t *testing.T, seed uint64) {
		var c tally
		c.try(t, seed, 4)
	})
}

// FuzzInputs gives benchmark policies inputs that nobody thought of.
func FuzzInputs(f *testing.F) {
	for _, pod := range pods(1, 5) {
		f.Add([]byte(pod.String()))
	}
	var subjects []*subject
	all := fixtures(f)
	for _, fixture := range all {
		subjects = append(subjects, fixture.subject(f))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		value, err := ast.ValueFromReader(bytes.NewReader(text))
		if err != nil {
			return
		}
		var c tally
		for i, s := range subjects {
			c.compare(t, s, all[i].input(ast.NewTerm(value)))
		}
	})
}
