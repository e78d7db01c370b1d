package compiled

import (
	"math/rand/v2"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
)

// Policies that people use, asked about Pods of random shape.
func TestPoliciesOnRandomPods(t *testing.T) {
	const seed, inputs = 7, 400
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

// Random policies, asked about random inputs. ATTEST_RANDOM_POLICIES asks for more of them, from another seed on.
func TestRandomPolicies(t *testing.T) {
	first, policies := uint64(1), 1500
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
