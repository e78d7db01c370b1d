package optimize

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"attest.continuu.ms/engine/internal/develop/explore"
	"attest.continuu.ms/engine/internal/trial"
)

// statements are what random bodies are made of: guards, loops, closures, negations, and work that may be undefined.
var statements = []string{
	"input.resource.kind == \"Pod\"", "input.resource.kind in kinds", "is_pod", "some c in input.resource.spec.containers",
	"some d in input.resource.spec.containers", "some i, j", "x := split(c.image, \"/\")", "x := upper(c.name)", "y := lower(c.name)",
	"count(split(c.image, \"/\")) > 1", "not startswith(c.image, concat(\"\", [lower(input.parameters.registry), \"/\"]))",
	"not upper(c.name) == \"A\"", "upper(c.name) != upper(d.name)", "z := [e | some e in input.resource.spec.containers; e.name == c.name]",
	"count(z) > 1", "count({n | some n in split(input.parameters.words, \",\")}) > 1", "every e in input.resource.spec.containers { upper(e.name) != \"B\" }",
	"every c in input.resource.spec.containers { upper(c.name) != \"C\" }", "count([upper(c.name) | some c in input.resource.spec.containers]) > 1",
	"count([1 | some c in input.resource.spec.containers; upper(c.name) != \"A\"]) > 1", "{c.name | c := input.resource.spec.containers[_]; count(split(c.image, \"/\")) > 1} != set()",
	"split(input.parameters.words, \",\")[i] == c.name", "input.resource.spec.containers[i].name == split(input.parameters.words, \",\")[j]",
	"lower(input.resource.kind) == \"pod\" with input.resource.kind as \"POD\"", "w := lower(input.resource.metadata.name)",
	"to_number(c.name) > 1", "object.get(input.parameters, \"words\", \"\") != \"\"", "not is_odd(c)", "helper(c.name) == \"A\"", "walk(input.resource.spec, [p, \"A\"])",
	"not split(input.parameters.words, \",\")[3]", "split(input.parameters.words, \",\")[0] in {\"a\", c.name}",
}

const helpers = `
kinds := {"Pod", "Job"}

is_pod if input.resource.kind == "Pod"

is_odd(c) if count(split(c.image, "/")) % 2 == 1

helper(name) := upper(name) if upper(name) != "B"

first_word := split(input.parameters.words, ",")[0]
`

// randomPolicy is a policy of random bodies; most do not compile.
func randomPolicy(random *rand.Rand) string {
	var out strings.Builder
	out.WriteString("package p\n" + helpers)
	for range 2 + random.IntN(2) {
		out.WriteString("\nviolation contains {\"msg\": upper(c.name), \"at\": first_word} if {\n")
		for _, i := range random.Perm(len(statements))[:2+random.IntN(5)] {
			out.WriteString("\t" + statements[i] + "\n")
		}
		out.WriteString("\tsome c in input.resource.spec.containers\n}\n")
	}
	return out.String()
}

// randomWorld is an input that no exploration has made: with what is missing, empty and of the wrong type.
func randomWorld(random *rand.Rand, s *explore.Subject) explore.World {
	pick := func(values ...any) any { return values[random.IntN(len(values))] }
	var containers []any
	for range random.IntN(4) {
		container := map[string]any{}
		if random.IntN(6) > 0 {
			container["name"] = pick("a", "A", "b", "c", "2", json.Number("3"))
		}
		if random.IntN(6) > 0 {
			container["image"] = pick("a/b", "x/y/z", "r/a:1", "", nil)
		}
		containers = append(containers, container)
	}
	resource := map[string]any{"kind": pick("Pod", "Job", "pod", nil), "metadata": map[string]any{"name": pick("a", "B", json.Number("1"))}}
	if random.IntN(8) > 0 {
		resource["spec"] = map[string]any{"containers": containers}
	}
	parameters := map[string]any{}
	if random.IntN(5) > 0 {
		parameters["words"] = pick("a,b,c", "A", "", "a,b,c,d", json.Number("1"))
	}
	if random.IntN(5) > 0 {
		parameters["registry"] = pick("R", "x", json.Number("1"))
	}
	w := s.Empty()
	w["input"] = map[string]any{"resource": resource, "parameters": parameters}
	return w
}

// TestRewritesChangeNoResult makes every rewrite of random policies, faster or not, and judges inputs that took no
// part in proving them.
func TestRewritesChangeNoResult(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	made, wanted := 0, 60
	if testing.Short() {
		wanted = 12
	}
	for policies := 0; policies < wanted; {
		policy := randomPolicy(random)
		root := trial.Folder(t, map[string]string{"p.rego": policy})
		o, _ := open(context.Background(), Params{File: root + "/p.rego", Budget: 150})
		if o == nil {
			continue
		}
		policies++
		made += rewrites(t, o, func(changed *explore.Subject, what string) {
			for range 150 {
				w := randomWorld(random, o.subject)
				if a, b := o.answerOf(o.subject, w), o.answerOf(changed, w); !a.same(b, false) {
					t.Fatalf("%s in %s:\n%v\n%v\n%s\n%s", what, w.Key(), a, b, policy, changed.Text)
				}
			}
		})
		o.close()
	}
	if made < wanted {
		t.Errorf("only %d rewrites were made", made)
	}
}

// rewrites makes each rewrite of a policy, and all that go together.
func rewrites(t *testing.T, o *optimizer, judge func(*explore.Subject, string)) int {
	t.Helper()
	if problems := o.gather(); len(problems) > 0 {
		t.Fatal(problems)
	}
	var proven []*candidate
	for _, finder := range finders {
		for _, c := range finder.find(o) {
			if len(c.edits) == 0 {
				continue
			}
			changed := o.subject.With(o.ctx, apply(o.subject.Text, c.edits))
			if changed == nil {
				t.Fatalf("%s does not compile:\n%s", c.Title, apply(o.subject.Text, c.edits))
			}
			judge(changed, c.Title)
			proven = append(proven, &c)
		}
	}
	var result Result
	o.write(&result, proven)
	if result.Text != "" {
		judge(o.subject.With(o.ctx, result.Text), "all")
	}
	return len(proven)
}

// TestShippedPoliciesKeepTheirResults does the same with the policies that ship and everything their search finds.
func TestShippedPoliciesKeepTheirResults(t *testing.T) {
	files, err := filepath.Glob("../../../../policies/*/*.rego")
	if err != nil || len(files) == 0 {
		t.Fatal("there are no shipped policies", err)
	}
	budget := 200
	if testing.Short() {
		budget = 40
	}
	for i, file := range files {
		if testing.Short() && i%8 > 1 { // of each policy there is one file with its tests
			continue
		}
		if strings.HasSuffix(file, "_test.rego") || strings.Contains(file, "/lib/") {
			continue
		}
		t.Run(filepath.Base(file), func(t *testing.T) {
			o, problems := open(context.Background(), Params{File: file, Libraries: []string{"../../../../policies/lib"}, Budget: budget})
			if o == nil {
				t.Fatal(problems)
			}
			defer o.close()
			rewrites(t, o, func(changed *explore.Subject, what string) {
				if !o.unchanged(changed, o.checks()) {
					t.Errorf("%s changes results:\n%s", what, changed.Text)
				}
			})
		})
	}
}
