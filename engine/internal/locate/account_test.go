package locate

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/compiled"
	"attest.continuu.ms/engine/internal/trial"
)

// derivations are how the compiled evaluator makes the entries of a query; none where it leaves them to OPA.
func derivations(t testing.TB, q Query) []compiled.Derivation {
	t.Helper()
	qc, out := q.Compiler.QueryCompiler(), ast.Var("result")
	body, err := qc.Compile(ast.NewBody(ast.Equality.Expr(ast.NewTerm(out), ast.NewTerm(q.Rule))))
	if err != nil {
		t.Fatal(err)
	}
	runner := compiled.NewRunner(compiled.Compiled, q.Compiler, nil)
	asked := runner.Prepare(body, qc, out)
	Watch(runner, q.Compiler, q.Rule)
	var derived []compiled.Derivation
	if _, answered := runner.Run(t.Context(), asked, q.Input, compiled.Environment{Derived: &derived}); !answered {
		return nil
	}
	return derived
}

// telling is of how many entries the derivations tell the place by themselves, and with expressions that are evaluated again.
type telling struct{ alone, again, entries int }

func (t *telling) add(one telling) {
	t.alone, t.again, t.entries = t.alone+one.alone, t.again+one.again, t.entries+one.entries
}

// agree compares, for each entry, what its derivations tell with what an evaluation of everything tells.
func agree(t testing.TB, q Query) (told telling) {
	t.Helper()
	q.Plans, q.Copy, q.Derived = &Plans{}, NewCopy(q.Resource), derivations(t, q)
	found := entries(t, q)
	if len(found) == 0 {
		return told
	}
	want := pathsOf(t, q, found)
	count := func(entry *ast.Term, again bool, want []any, n *int) {
		path, ok := q.told(entry).path(t.Context(), again)
		if !ok {
			return
		}
		if *n++; pointer(path) != pointer(want) {
			t.Errorf("%v: its derivation tells %q, the evaluation %q: %s", q.Rule, pointer(path), pointer(want), text(entry))
		}
	}
	for i, entry := range found {
		told.entries++
		count(entry, false, want[i], &told.alone)
		count(entry, true, want[i], &told.again)
	}
	return told
}

// TestDerivationsTellWhatAnEvaluationTells asks the policies of the benchmarks and the shipped ones about Pods of many
// shapes, and the shipped ones about real manifests.
func TestDerivationsTellWhatAnEvaluationTells(t *testing.T) {
	const parameters = `{repos: [registry.company.com/, gcr.io/company/], cpu: 500m, memory: 512Mi, probes: [livenessProbe, readinessProbe],
labels: [{key: team, allowedRegex: "^[a-z-]+$"}, {key: owner}], exemptImages: ["registry.company.com/base/*"], allowedCapabilities: [NET_BIND_SERVICE]}`
	want := []telling{{0, 14, 14}, {3, 16, 16}, {3, 3, 3}, {0, 25, 25}, {0, 6, 6}, {78, 90, 90}} // by policy
	policies, manifests := shipped(t), manifests(t)
	told := make([]telling, len(want))
	for _, pod := range trial.Pods(7, 12) {
		resource := ast.NewTerm(ast.MustInterfaceToValue(pod)).String()
		for i, p := range benched(t) {
			told[i].add(agree(t, p.query(t, resource, parameters)))
		}
		for _, p := range policies {
			agree(t, p.query(t, resource, "{}"))
		}
	}
	for i := 0; i < len(manifests); i += 1 + len(manifests)/10 {
		for _, p := range policies {
			agree(t, p.query(t, manifests[i], "{}"))
		}
	}
	if !slices.Equal(told, want) {
		t.Errorf("derivations tell of the benchmarks' policies %v, want %v", told, want)
	}
}

// benched are the policies of the benchmarks.
func benched(t testing.TB) (out []rules) {
	t.Helper()
	read := func(path string) string {
		text, err := os.ReadFile(filepath.Join("../../../benchmarks", path))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	libraries := []string{read("templates/library/lib/exempt.rego"), read("templates/library/lib/quantity.rego")}
	for _, name := range []string{"labels", "limits", "privileged", "probes", "repos"} {
		out = append(out, compile(t, append([]string{read("templates/library/" + name + ".rego")}, libraries...)...))
	}
	return append(out, compile(t, read("policies/workloads.rego")))
}

const twins = `{kind: Pod, metadata: {name: web}, spec: {containers: [{name: a, image: x}, {name: b, image: q}], initContainers: [{name: a, image: x}]}}`

// What could mislead: values that are equal, remembered, left over or from elsewhere. Each is either told as an evaluation
// tells it, or left to one.
func TestWhatDerivationsMustNotMistake(t *testing.T) {
	const all = "\nall contains c if some c in input.resource.spec.containers\nall contains c if some c in input.resource.spec.initContainers\n"
	for name, c := range map[string]struct {
		rule, resource, parameters string
		told, left                 int
	}{
		"one container of many":         {rule: "violation contains m if { some c in input.resource.spec.containers; c.image == \"q\"; m := c.name }", told: 1},
		"a scalar that stands twice":    {rule: "violation contains m if { some c in input.resource.spec.containers; n := c.image; n == \"x\"; m := c.name }", resource: `{spec: {containers: [{name: a, image: x, tag: x}, {name: x, image: z}]}}`, told: 1},
		"what is not there":             {rule: "violation contains m if { some c in input.resource.spec.containers; not c.resources.limits.cpu; m := c.name }", told: 2},
		"a list of one":                 {rule: "violation contains m if { some c in input.resource.spec.containers; not c.resources; m := c.name }", resource: "{kind: Pod, spec: {containers: [{name: a, image: x}]}}", told: 1},
		"equal containers":              {rule: "violation contains m if { some c in all; c.image == \"x\"; m := c.name }" + all},
		"one message of two containers": {rule: "violation contains \"no\" if { some c in input.resource.spec.containers; c.image != \"\" }", left: 1},
		"one message at one place":      {rule: "violation contains \"no\" if { some i in [1, 2]; input.resource.metadata.name != \"\"; i > 0 }", told: 1},
		"a negation over many":          {rule: "violation contains m if { some c in input.resource.spec.containers; not known(c); m := c.name }\nknown(c) if c.image in {\"z\"}"},
		"a function of the whole":       {rule: "violation contains m if { some c in input.resource.spec.containers; bad(c); m := c.name }\nbad(c) if c.image == \"q\""},
		"a function, remembered":        {rule: "violation contains m if { some c in input.resource.spec.containers; some i in [1, 2]; bad(c.image); m := sprintf(\"%s%d\", [c.name, i]) }\nbad(image) if image == \"q\"", told: 2},
		"a function that looks around":  {rule: "violation contains m if { some c in input.resource.spec.containers; bad(c.image); m := c.name }\nbad(image) if { image == \"q\"; input.resource.spec.initContainers[0].image == \"x\" }"},
		"a comprehension":               {rule: "violation contains m if { some c in input.resource.spec.containers; found := [i | i := c.image; i == \"q\"]; count(found) > 0; m := c.name }"},
		"an every":                      {rule: "violation contains m if { m := input.resource.metadata.name; every c in input.resource.spec.containers { c.image != \"z\" } }"},
		"with":                          {rule: "violation contains m if { some c in input.resource.spec.containers; bad with input as c; m := c.name }\nbad if input.image == \"q\"", left: 1},
		"parameters like the resource":  {rule: "violation contains m if { some c in input.parameters.list; c.image == \"x\"; m := c.name }", parameters: "{list: [{name: a, image: x}]}"},
		"an element that was made":      {rule: "violation contains m if { some c in made; c.image == \"q\"; m := c.name }\nmade contains {\"name\": c.name, \"image\": c.image} if some c in input.resource.spec.containers"},
		"a set of texts":                {rule: "violation contains i if { some i in images; i == \"q\" }\nimages contains c.image if some c in input.resource.spec.containers"},
		"a key":                         {rule: "violation contains k if { some k, v in input.resource.metadata; k == \"name\" }", told: 1},
		"a kind alone":                  {rule: "violation contains \"no\" if input.resource.kind == \"Pod\"", told: 1},
		"else":                          {rule: "violation := {\"no\"} if input.resource.kind == \"Job\" else := {\"yes\"} if input.resource.kind == \"Pod\"", left: 1},
		"a helper that tests":           {rule: "violation contains m if { some c in tested; c.name != \"\"; m := c.name }\ntested contains c if { some c in input.resource.spec.containers; c.image == \"q\" }"},
		"a helper that tests besides":   {rule: "violation contains m if { some c in all; input.resource.spec.containers[_].name == \"q\"; m := c }\nall contains c if { c := input.resource.metadata.name; input.resource.spec.list[_] == \"q\" }", resource: "{metadata: {name: a}, spec: {list: [q], containers: [{name: q}]}}"},
		"object.get":                    {rule: "violation contains m if { some c in input.resource.spec.containers; object.get(c, \"image\", \"\") == \"q\"; m := c.name }"},
		"object.get of what is missing": {rule: "violation contains m if { some c in input.resource.spec.containers; object.get(c, [\"resources\", \"limits\"], \"\") == \"\"; m := c.name }"},
		"object.get, negated":           {rule: "violation contains m if { some c in input.resource.spec.containers; not object.get(c, \"ok\", false); m := c.name }", told: 2},
		"object.get by a list, negated": {rule: "violation contains m if { some c in input.resource.spec.containers; not object.get(c, [\"ok\", \"so\"], false); m := c.name }", told: 2},
		"object.get by a name, negated": {rule: "violation contains m if { some c in input.resource.spec.containers; some k in [\"ok\"]; not object.get(c, k, false); m := c.name }", told: 2},
		"what holds the resource":       {rule: "violation contains m if { asked := input; asked.resource.spec.containers[0].image == \"x\"; m := asked.resource.metadata.name }"},
		"a review":                      {rule: "violation contains m if { asked := input.review; asked.object.spec.containers[0].image == \"x\"; m := asked.object.metadata.name }"},
		"a review, in the text":         {rule: "violation contains m if { input.parameters == {}; asked := input.review; m := sprintf(\"%s\", [asked.object.metadata.name]) }"},
		"what holds it, in the text":    {rule: "violation contains m if { input.parameters == {}; asked := input; m := sprintf(\"%s\", [asked.resource.metadata.name]) }"},
		"what holds it, by object.get":  {rule: "violation contains m if { asked := object.get(input, \"resource\", {}); asked.kind == \"Pod\"; m := asked.metadata.name }"},
		"a part of what holds it":       {rule: "violation contains \"no\" if { input.parameters == {}; object.get(input.review, [\"object\", \"kind\"], \"\") == \"Pod\" }", resource: "{kind: Pod, metadata: {name: a}}"},
		"what holds it, by any key":     {rule: "violation contains m if { some k; input[k].kind == \"Pod\"; m := input[k].metadata.name }"},
		"what holds it, in an object":   {rule: "violation contains m if { o := {\"a\": input.resource}; o.a.kind == \"Pod\"; m := o.a.metadata.name }"},
		"what holds it, in a list":      {rule: "violation contains m if { some o in [input.resource]; o.kind == \"Pod\"; m := o.metadata.name }"},
		"a part with a name":            {rule: "violation contains m if { some l in {\"a\", \"b\"}; not metadata.labels[l]; m := l }\nmetadata := input.resource.metadata\nmetadata := input.metadata", told: 2},
		"a name of a name":              {rule: "violation contains m if { not labels.team; m := \"no\" }\nlabels := metadata.labels\nmetadata := input.resource.metadata", resource: "{metadata: {name: a, labels: {x: u, z: w}}}", told: 1},
		"a name that is not there":      {rule: "violation contains m if { not labels.team; m := \"no\" }\nlabels := metadata.labels\nmetadata := input.resource.metadata"},
		"a name of a scalar":            {rule: "violation contains \"no\" if kind == \"Pod\"\nkind := input.resource.kind\nkind := input.kind", told: 1},
		"a name of a scalar, negated":   {rule: "violation contains \"no\" if not kind == \"Job\"\nkind := input.resource.kind\nkind := input.kind", told: 1},
		"a scalar and its name":         {rule: "violation contains m if { name == \"p\"; m := input.resource.metadata.name }\nname := input.resource.metadata.name", resource: "{kind: Pod, metadata: {name: p}}", told: 1},
		"a name for some kinds":         {rule: "violation contains m if { pod.hostPID == true; m := \"no\" }\npod := spec if kind == \"Pod\"\npod := spec.template.spec if kind in {\"Job\", \"Deployment\"}\nspec := input.resource.spec\nkind := input.resource.kind", resource: "{kind: Pod, spec: {hostPID: true, x: u}}", told: 1},
		"a name for some, negated":      {rule: "violation contains m if { not pod.hostPID; m := \"no\" }\npod := spec if kind == \"Pod\"\npod := spec.template.spec if kind == \"Job\"\nspec := input.resource.spec\nkind := input.resource.kind", resource: "{kind: Pod, spec: {x: u, z: w}}"},
		"a name under a test":           {rule: "violation contains m if { pod.x == \"u\"; m := \"no\" }\npod := input.resource.spec if input.resource.spec.hostPID", resource: "{kind: Pod, spec: {x: u, hostPID: true}}"},
		"a name under a negated test":   {rule: "violation contains m if { pod.x == \"u\"; m := \"no\" }\npod := input.resource.spec if not input.resource.spec.hostPID", resource: "{kind: Pod, spec: {x: u, z: w}}"},
		"a key that was computed":       {rule: "violation contains m if { k := lower(input.resource.metadata.name); input.resource.metadata.labels[k] == \"u\"; m := \"no\" }", resource: "{kind: Pod, metadata: {name: WEB, labels: {web: u}}}", told: 1},
		"a key that was put together":   {rule: "violation contains m if { k := concat(\"\", [input.resource.metadata.name]); input.resource.metadata.labels[k] == \"u\"; m := \"no\" }", resource: "{kind: Pod, metadata: {name: web, labels: {web: u}}}"},
		"a key of two lists":            {rule: "violation contains m if { some k, v in input.resource.metadata; v == \"web\"; not input.resource.spec[k]; m := k }", told: 1},
		"a name of two places":          {rule: "violation contains m if { part.x == \"u\"; m := \"no\" }\npart := input.resource.spec\npart := input.resource.template", resource: "{kind: Pod, spec: {x: u, z: w}, template: {x: u, z: w}}"},
		"a name of one place or other":  {rule: "violation contains m if { not part.a; m := \"no\" }\npart := input.resource.spec\npart := input.resource.template", resource: "{kind: Pod, spec: {x: u, z: w}}"},
		"a name of an equal part":       {rule: "violation contains m if { part.x == \"u\"; m := \"no\" }\npart := input.resource.template", resource: "{kind: Pod, spec: {x: u, z: w}, template: {x: u, z: w}}"},
		"a default name":                {rule: "violation contains m if { part.x == \"u\"; m := \"no\" }\ndefault part := {}\npart := input.resource.spec", resource: "{kind: Pod, spec: {x: u, z: w}}"},
		"a name below a container":      {rule: "violation contains m if { some c in pod.containers; not c.resources; m := c.name }\npod := spec if kind == \"Pod\"\nspec := input.resource.spec\nkind := input.resource.kind", told: 2},
		"a set of parts":                {rule: "violation contains m if { s := {c | some c in input.resource.spec.containers}; some c in s; c.image == \"q\"; m := c.name }"},
		"an element of a set of texts":  {rule: "violation contains m if { s := {c.image | some c in input.resource.spec.containers}; some m in s; m == \"q\" }"},
		"objects that are alike":        {rule: "violation contains m if { some c in input.resource.spec.containers; o := made(c); not o.ok; m := c.name }\nmade(c) := {\"ok\": false, \"why\": \"no\"} if c.image != \"\"", resource: "{kind: Pod, spec: {containers: [{name: a, image: x}]}}"},
		"an object of a set":            {rule: "violation contains m if { general[{\"m\": m, \"of\": \"containers\"}] }\ngeneral contains {\"m\": m, \"of\": of} if { some of; some c in input.resource.spec[of]; not c.resources; m := c.name }", told: 2},
		"the same object for two":       {rule: "violation contains m if { general[{\"m\": m, \"of\": \"x\"}] }\ngeneral contains {\"m\": \"no\", \"of\": \"x\"} if { some c in input.resource.spec.containers; not c.resources }", left: 1},
		"an object that tests nothing":  {rule: "violation contains m if { general[{\"m\": m, \"of\": \"x\"}] }\ngeneral contains {\"m\": c.name, \"of\": \"x\"} if { some c in input.resource.spec.containers }", left: 2},
		"a function of what it holds":   {rule: "violation contains m if { not deleted(input.review); some c in input.review.object.spec.containers; not c.resources; m := c.name }\ndeleted(r) if r.operation == \"DELETE\"", told: 2},
		"a function of all it holds":    {rule: "violation contains m if { not known(input.review); m := input.review.object.metadata.name }\nknown(r) if r.object.metadata.name == \"x\"", resource: "{metadata: {name: a}}"},
		"a list of one, made":           {rule: "violation contains m if { some c in input.resource.spec.containers; l := made(c); bad(l); m := c.name }\nmade(c) := [c.image]\nbad(l) if l[0] == \"q\""},
		"an object like one of a set":   {rule: "violation contains m if { general[{\"m\": m, \"of\": \"containers\"}] }\ngeneral contains {\"m\": m, \"of\": of} if { some of; some c in input.resource.spec[of]; not c.resources; m := c.name }", resource: "{spec: {containers: [{name: a, image: x}], like: {m: a, of: containers}}}", left: 1},
		"a walk":                        {rule: "violation contains m if { walk(input.resource, [path, value]); value == \"q\"; m := concat(\"/\", [sprintf(\"%v\", [p]) | some p in path]) }"},
		"a part handed through":         {rule: "violation contains m if { some c in input.resource.spec.containers; i := image(c); i == \"q\"; m := c.name }\nimage(c) := c.image"},
	} {
		t.Run(name, func(t *testing.T) {
			resource, parameters := c.resource, c.parameters
			if resource == "" {
				resource = twins
			}
			if parameters == "" {
				parameters = "{}"
			}
			told := agree(t, compile(t, "package p\n"+c.rule).query(t, resource, parameters))
			if told.entries == 0 {
				t.Fatal("nothing is found")
			}
			if told.alone != c.told || told.again != told.entries-c.left {
				t.Errorf("of %d are told %d, and %d with an evaluation of some expressions; want %d and all but %d", told.entries, told.alone, told.again, c.told, c.left)
			}
		})
	}
}
