package optimize

import (
	"context"
	"slices"
	"strings"
	"testing"

	"attest.continuu.ms/engine/internal/model"
	"attest.continuu.ms/engine/internal/trial"
)

const resources = `apiVersion: v1
kind: Pod
metadata: {name: web, labels: {teams: "a,b,c,d"}}
spec:
  containers:
  - {name: a, image: "docker.io/library/nginx:1", ports: [{containerPort: 80}]}
  - {name: b, image: "registry.company.com/shop/web:2", ports: [{containerPort: 81}]}
  - {name: c, image: "quay.io/x/y:3"}
---
apiVersion: v1
kind: Service
metadata: {name: web, labels: {teams: "a,b"}}
spec: {ports: [{port: 80}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: web}
data: {a: b}
`

// opened is an optimizer of a policy that is ready to look for suggestions.
func opened(t *testing.T, policy string, params Params) *optimizer {
	t.Helper()
	root := trial.Folder(t, map[string]string{"p.rego": policy, "data/all.yaml": resources})
	params.File, params.Paths = root+"/p.rego", []string{root + "/data"}
	params.Budget = 400
	o, problems := open(context.Background(), params)
	if o == nil {
		t.Fatal(problems)
	}
	t.Cleanup(o.close)
	if problems := o.gather(); len(problems) > 0 {
		t.Fatal(problems)
	}
	return o
}

// a kindCase is a body or a file with what a finder says of it: the text that each title must have, in order.
type kindCase struct {
	policy string
	titles []string
	// rewritten are lines that the file has after the rewrite of each.
	rewritten []string
}

const pods = `package p

violation contains {"msg": msg} if {
	input.resource.kind == "Pod"
	some c in input.resource.spec.containers
`

func run(t *testing.T, find func(*optimizer) []candidate, cases map[string]kindCase, params Params) {
	t.Helper()
	for name, one := range cases {
		t.Run(name, func(t *testing.T) {
			o := opened(t, one.policy, params)
			found := find(o)
			if len(found) != len(one.titles) {
				t.Fatalf("found %d: %+v", len(found), titles(found))
			}
			for i, c := range found {
				if !strings.Contains(c.Title, one.titles[i]) {
					t.Errorf("title %q lacks %q", c.Title, one.titles[i])
				}
				if c.Line < 1 || c.Column < 1 || c.Reason == "" || (c.edits == nil) == (c.Advice == "") {
					t.Errorf("incomplete: %+v", c.Suggestion)
				}
				holds(t, o, c)
			}
			text := o.subject.Text
			for _, c := range found {
				text = apply(o.subject.Text, c.edits)
			}
			for _, line := range one.rewritten {
				if !strings.Contains(text, line) {
					t.Errorf("no line %q in:\n%s", line, text)
				}
			}
		})
	}
}

func titles(found []candidate) []string {
	var out []string
	for _, c := range found {
		out = append(out, c.Title)
	}
	return out
}

// holds checks that a rewrite changes nothing.
func holds(t *testing.T, o *optimizer, c candidate) {
	t.Helper()
	if c.edits == nil {
		return
	}
	changed := o.subject.With(o.ctx, apply(o.subject.Text, c.edits))
	if changed == nil {
		t.Fatalf("does not compile:\n%s", apply(o.subject.Text, c.edits))
	}
	if !o.unchanged(changed, o.checks()) {
		t.Errorf("changes results:\n%s", apply(o.subject.Text, c.edits))
	}
}

func TestRepeatedWork(t *testing.T) {
	run(t, (*optimizer).repeated, map[string]kindCase{
		"a call several times in a body": {
			pods + "\tsplit(c.image, \"/\")[0] != \"quay.io\"\n\tmsg := split(c.image, \"/\")[0]\n}\n",
			[]string{"`split(c.image, \"/\")` is worked out 2 times"},
			[]string{"\timage_split := split(c.image, \"/\")\n\timage_split[0] != \"quay.io\"\n\tmsg := image_split[0]\n"},
		},
		"a variable that has it already": {
			pods + "\tparts := split(c.image, \"/\")\n\tmsg := concat(\"/\", split(c.image, \"/\"))\n\tcount(parts) > 1\n}\n",
			[]string{"is worked out 2 times"},
			[]string{"\tparts := split(c.image, \"/\")\n\tmsg := concat(\"/\", parts)\n"},
		},
		"in the head and in a comprehension": {
			"package p\n\nviolation contains {\"msg\": upper(c.name)} if {\n\tsome c in input.resource.spec.containers\n\tupper(c.name) != \"A\"\n" +
				"\tcount([x | some x in [1, 2]; x != upper(c.name)]) == 2\n}\n",
			[]string{"`upper(c.name)` is worked out 3 times"},
			[]string{"{\"msg\": name_upper} if {", "x != name_upper]"},
		},
		"once in a body": {pods + "\tmsg := split(c.image, \"/\")[0]\n}\n", nil, nil},
		"of two fields": {
			pods + "\tupper(c.name) == \"A\"\n\tmsg := upper(c.image)\n}\n", nil, nil,
		},
		"a variable of the same name in a comprehension": {
			pods + "\tupper(c.name) == \"A\"\n\tmsg := concat(\"\", [upper(c.name) | some c in [{\"name\": \"x\"}]])\n}\n", nil, nil,
		},
		"a loop in a comprehension over a variable of the same name": {
			pods + "\tmsg := concat(\",\", [c.image | some c in input.resource.spec.containers; upper(c.name) != \"A\"])\n}\n", nil, nil,
		},
		"a value in a comprehension under the same name": {
			pods + "\tmsg := concat(\",\", [c.image | some d in input.resource.spec.containers; c := d; upper(c.name) != \"A\"])\n}\n", nil, nil,
		},
		"a variable of an `every` of the same name": {
			pods + "\tevery c in input.resource.spec.containers { some d in input.resource.spec.containers; upper(c.name) != lower(d.name) }\n\tmsg := c.name\n}\n",
			[]string{"`upper(c.name)` is worked out for each element of the loop in line 6"}, nil,
		},
		"a branch without braces, whose expressions have no places": {
			"package p\n\nviolation contains {\"msg\": name(c)} if some c in input.resource.spec.containers\n\n" +
				"name(c) := c.title if c.title\n\nelse := upper(c.name) if upper(c.name) != \"A\"\n", nil, nil,
		},
		"comparisons and sums cost nothing": {pods + "\tc.x + 1 > 2\n\tc.x + 1 < 9\n\tmsg := c.name\n}\n", nil, nil},
		"a random value is another one each time": {
			pods + "\trand.intn(c.name, 2) == 0\n\tmsg := format_int(rand.intn(c.name, 2), 10)\n}\n", nil, nil,
		},
		"under `with` the input is another": {
			pods + "\tlower(input.resource.kind) == \"pod\" with input.resource.kind as \"POD\"\n\tmsg := lower(input.resource.kind)\n}\n",
			[]string{"for each element of the loop"}, nil,
		},
		"only under not": {pods + "\tnot upper(c.name) == \"A\"\n\tmsg := c.name\n}\n", nil, nil},
		"a statement after a loop that it does not depend on": {
			pods + "\t# the registries\n\tallowed := {lower(r) | some r in split(input.parameters.registries, \",\")} # all\n\tnot c.image in allowed\n\tmsg := c.name\n}\n",
			[]string{"for each element of the loop in line 5"},
			[]string{"\t# the registries\n\tallowed := {lower(r) | some r in split(input.parameters.registries, \",\")} # all\n\tsome c in"},
		},
		"a condition on one line": {
			"package p\n\nviolation contains {\"msg\": c.name} if { some c in input.resource.spec.containers; input.resource.kind == \"Pod\" }\n",
			[]string{"`input.resource.kind == \"Pod\"` is worked out for each"},
			[]string{"if { input.resource.kind == \"Pod\"; some c in input.resource.spec.containers }"},
		},
		"a part of a statement": {
			pods + "\tnot startswith(c.image, concat(\"\", [input.parameters.registry, \"/\"]))\n\tmsg := c.name\n}\n",
			[]string{"`concat(\"\", [input.parameters.registry, \"/\"])` is worked out for each"},
			[]string{"\tregistry_concat := concat(\"\", [input.parameters.registry, \"/\"])\n\tsome c in"},
		},
		"what depends on a variable that is called like a rule stays": {
			"package p\n\nname := \"a\"\n\n" + strings.TrimPrefix(pods, "package p\n") +
				"\tsome name in [\"x\", \"y\"]\n\tfound := {lower(part) | some part in split(name, \",\")}\n\tmsg := concat(c.name, found)\n}\n",
			nil, nil,
		},
		"what depends on the loop stays": {pods + "\tallowed := {lower(r) | some r in split(c.image, \",\")}\n\tmsg := concat(\"\", allowed)\n}\n", nil, nil},
		"a call in two rules": {
			"package p\n\n# One.\nviolation contains {\"msg\": t} if some t in split(input.resource.metadata.labels.teams, \",\")\n\n" +
				"violation contains {\"msg\": \"many\"} if count(split(input.resource.metadata.labels.teams, \",\")) > 3\n",
			[]string{"is worked out in 2 rules"},
			[]string{"teams_split := split(input.resource.metadata.labels.teams, \",\")\n\n# One.\nviolation", "some t in teams_split\n", "count(teams_split) > 3"},
		},
		"a rule that has it already": {
			"package p\n\nteams := split(input.resource.metadata.labels.teams, \",\")\n\nviolation contains {\"msg\": t} if some t in teams\n\n" +
				"violation contains {\"msg\": \"many\"} if count(split(input.resource.metadata.labels.teams, \",\")) > 3\n",
			[]string{"is worked out in 2 rules"},
			[]string{"teams := split(input.resource.metadata.labels.teams, \",\")\n", "count(teams) > 3"},
		},
		"in two rules, once under not": {
			"package p\n\nviolation contains {\"msg\": t} if some t in split(input.resource.metadata.labels.teams, \",\")\n\n" +
				"violation contains {\"msg\": \"few\"} if not split(input.resource.metadata.labels.teams, \",\")[3]\n", nil, nil,
		},
	}, Params{})
}

func TestRuleIndex(t *testing.T) {
	const other = "\n\nviolation contains {\"msg\": \"other\"} if input.resource.kind == \"Service\"\n"
	run(t, (*optimizer).indexing, map[string]kindCase{
		"in a rule": {
			"package p\n\nkinds := {\"Pod\", \"Job\"}\n\nviolation contains {\"msg\": \"a\"} if input.resource.kind in kinds" + other,
			[]string{"it does not know `input.resource.kind in kinds`"}, []string{"if input.resource.kind in {\"Pod\", \"Job\"}\n"},
		},
		"a key of a rule": {
			"package p\n\nkinds := {\"Pod\", \"Job\"}\n\nviolation contains {\"msg\": \"a\"} if kinds[input.resource.kind]" + other,
			[]string{"it does not know `kinds[input.resource.kind]`"}, []string{"if input.resource.kind in {\"Pod\", \"Job\"}\n"},
		},
		"a helper": {
			"package p\n\nis_pod if input.resource.kind == \"Pod\"\n\nviolation contains {\"msg\": \"a\"} if {\n\tis_pod\n\tinput.resource.spec\n}" + other,
			[]string{"it does not know `is_pod`"}, []string{"\tinput.resource.kind == \"Pod\"\n\tinput.resource.spec\n"},
		},
		"a call, which is left to the author": {
			"package p\n\nviolation contains {\"msg\": \"a\"} if {\n\tlower(input.resource.kind) == \"pod\"\n\tinput.resource.spec\n}" + other,
			[]string{"it does not know `lower(input.resource.kind) == \"pod\"`"}, nil,
		},
		"`==` is known":           {"package p\n\nviolation contains {\"msg\": \"a\"} if input.resource.kind == \"Pod\"" + other, nil, nil},
		"`in` constants is known": {"package p\n\nviolation contains {\"msg\": \"a\"} if input.resource.kind in {\"Pod\", \"Job\"}" + other, nil, nil},
		"another condition is known": {
			"package p\n\nis_pod if input.resource.kind == \"Pod\"\n\nviolation contains {\"msg\": \"a\"} if {\n\tis_pod\n\tinput.resource.apiVersion == \"v1\"\n}" + other, nil, nil,
		},
		"one body alone": {"package p\n\nis_pod if input.resource.kind == \"Pod\"\n\nviolation contains {\"msg\": \"a\"} if is_pod\n", nil, nil},
		"a helper with two ways": {
			"package p\n\nis_pod if input.resource.kind == \"Pod\"\n\nis_pod if input.resource.x\n\nviolation contains {\"msg\": \"a\"} if is_pod" + other, nil, nil,
		},
		"a condition that has nothing to do with kinds": {
			"package p\n\nviolation contains {\"msg\": \"a\"} if not input.resource.metadata.labels.owner" + other, nil, nil,
		},
	}, Params{})
}

func TestRequestsInLoops(t *testing.T) {
	const scan = "scan(image) := http.send({\"method\": \"GET\", \"url\": concat(\"\", [\"https://scan.company.com/\", image])})\n"
	run(t, (*optimizer).network, map[string]kindCase{
		"in a body": {
			pods + "\tanswer := http.send({\"method\": \"GET\", \"url\": concat(\"\", [\"https://scan.company.com/\", c.image])})\n\tmsg := answer.body.text\n}\n",
			[]string{"each element of the loop in line 5"}, nil,
		},
		"in a function": {pods + "\tmsg := scan(c.image).body.text\n}\n\n" + scan, []string{"each element of the loop in line 5"}, nil},
		"in a comprehension": {
			"package p\n\nviolation contains {\"msg\": \"x\"} if {\n\tcount([a | some c in input.resource.spec.containers; a := scan(c.image)]) > 0\n}\n\n" + scan,
			[]string{"each element of the loop in line 4"}, nil,
		},
		"before the loop": {
			"package p\n\nviolation contains {\"msg\": c.name} if {\n\tanswer := scan(input.resource.metadata.name)\n\tsome c in answer.body.list\n}\n\n" + scan, nil, nil,
		},
		"the same request each time": {pods + "\tmsg := concat(c.name, scan(input.resource.metadata.name).body.text)\n}\n\n" + scan, nil, nil},
	}, Params{})
}

func TestRequestsAreCountedAndNeverSent(t *testing.T) {
	o := opened(t, pods+"\tmsg := http.send({\"method\": \"GET\", \"url\": concat(\"\", [\"https://scan.company.com/\", c.image])}).body.text\n}\n", Params{})
	c := o.network()[0]
	if !o.prove(&c) || c.Before.Calls != 3 || c.After.Calls != 1 {
		t.Errorf("counted %d → %d", c.Before.Calls, c.After.Calls)
	}
}

func TestSquares(t *testing.T) {
	run(t, (*optimizer).square, map[string]kindCase{
		"two loops over one list": {
			pods + "\tsome d in input.resource.spec.containers\n\tc.name != d.name\n\tc.ports[_].containerPort == d.ports[_].containerPort\n\tmsg := c.name\n}\n",
			[]string{"runs in full for each element of the loop in line 5"}, nil,
		},
		"a comprehension that OPA can't index": {
			pods + "\tsame := [x | some x in input.resource.spec.containers; x.name == c.name]\n\tcount(same) > 1\n\tmsg := c.name\n}\n",
			[]string{"runs in full for each element of the loop in line 5"},
			[]string{"\tname := c.name\n\tsame := [x | some x in input.resource.spec.containers; x.name == name]\n"},
		},
		"a comprehension that OPA indexes": {
			pods + "\tname := c.name\n\tsame := [x | some x in input.resource.spec.containers; x.name == name]\n\tcount(same) > 1\n\tmsg := c.name\n}\n", nil, nil,
		},
		"a list inside an element": {pods + "\tsome port in c.ports\n\tmsg := format_int(port.containerPort, 10)\n}\n", nil, nil},
		"a list of another size":   {pods + "\tsome word in [\"a\", \"b\", \"c\"]\n\tc.name == word\n\tmsg := c.name\n}\n", nil, nil},
	}, Params{})
}

func TestPartialEvaluation(t *testing.T) {
	const heavy = "\tcount([x | some x in numbers.range(1, 60); x % 7 == 0]) > 1\n"
	params := Params{Parameters: map[string]map[string]any{"p": {"strict": false, "words": "a,b,c"}}}
	run(t, (*optimizer).partial, map[string]kindCase{
		"a rule that can't hold": {
			"package p\n\nviolation contains {\"msg\": \"a\"} if {\n" + heavy + "\tinput.parameters.strict\n\tinput.resource.kind\n}\n",
			[]string{"this body of `violation` can never hold"}, nil,
		},
		"an expression that is settled": {
			pods + "\tc.name in split(input.parameters.words, \",\")\n\tmsg := c.name\n}\n",
			[]string{"settle 1 expression: `split(input.parameters.words, \",\")` is [\"a\", \"b\", \"c\"]"}, nil,
		},
		"nothing is configured for it": {pods + "\tc.name in split(input.resource.metadata.name, \",\")\n\tmsg := c.name\n}\n", nil, nil},
		"it depends on the resource":   {pods + "\tmsg := concat(input.parameters.words, [c.name])\n}\n", nil, nil},
	}, params)
}

func TestTheLineToBlameMustStay(t *testing.T) {
	// `bad` leads to the field; in a rule that does not read it, the resource's first line would be blamed.
	policy := "package p\n\nviolation contains {\"msg\": \"a\"} if {\n\tbad := input.resource.spec.containers[1].name\n\tbad == \"b\"\n}\n"
	o := opened(t, policy, Params{})
	if other := o.subject.With(o.ctx, strings.Replace(policy, "bad == ", "bad != \"x\"\n\tbad == ", 1)); !o.sameFindings(other) {
		t.Error("the same findings are not the same")
	}
	other := o.subject.With(o.ctx, "package p\n\nviolation contains {\"msg\": \"a\"} if input.resource.kind == \"Pod\"\n")
	if !o.answerOf(other, o.samples[0].world).same(o.answerOf(o.subject, o.samples[0].world), true) {
		t.Fatal("the results differ")
	}
	if o.sameFindings(other) {
		t.Error("another line is blamed, and nobody noticed")
	}
}

func TestARuleThatCanNotHoldIsMeasured(t *testing.T) {
	policy := "package p\n\nviolation contains {\"msg\": \"a\"} if {\n\tcount([x | some x in numbers.range(1, 90); x % 7 == 0]) > 1\n\tinput.parameters.strict\n}\n"
	o := opened(t, policy, Params{Parameters: map[string]map[string]any{"p": {"strict": false}}})
	if c := o.partial()[0]; !o.prove(&c) || c.After.Time >= c.Before.Time {
		t.Errorf("%+v", c.Suggestion)
	}
}

const wasteful = `package p

violation contains {"msg": msg} if {
	input.resource.kind == "Pod"
	some c in input.resource.spec.containers
	allowed := {lower(r) | some r in split("a,b,c,d,e,f,g,h,i,j,k,l", ",")} # all of them
	not c.name in {"x"}
	count(allowed) == 12
	msg := sprintf("%s %s", [c.name, "é"]) # ünïcode
}
`

func TestAWholeRun(t *testing.T) {
	root := trial.Folder(t, map[string]string{"p.rego": wasteful, "data/all.yaml": resources})
	result, err := Run(context.Background(), Params{File: root + "/p.rego", Paths: []string{root + "/data"}, Budget: 300}, quiet)
	if err != nil || len(result.Problems) > 0 {
		t.Fatal(err, result.Problems)
	}
	want := strings.Replace(wasteful, "\tsome c in input.resource.spec.containers\n", "", 1)
	want = strings.Replace(want, "\tnot c.name", "\tsome c in input.resource.spec.containers\n\tnot c.name", 1)
	if !strings.Contains(result.Text, "# all of them\n") || !slices.ContainsFunc(result.Suggestions, func(s Suggestion) bool { return s.Included }) {
		t.Errorf("%+v\n%s\nfor instance:\n%s", result.Suggestions, result.Text, want)
	}
	if *result.Samples != (Samples{"data", 3}) || result.Checked.Examples != 3 || result.Checked.Generated == 0 {
		t.Errorf("%+v %+v", *result.Samples, result.Checked)
	}
	if result.After.Time >= result.Before.Time || result.After.Evaluations >= result.Before.Evaluations {
		t.Errorf("%+v → %+v", result.Before, result.After)
	}
}

func TestLineEndsAndAMarkStay(t *testing.T) {
	text := "\ufeff" + strings.ReplaceAll(wasteful, "\n", "\r\n")
	root := trial.Folder(t, map[string]string{"p.rego": text, "data/all.yaml": resources})
	for _, given := range []string{"", text} {
		result, err := Run(context.Background(), Params{File: root + "/p.rego", Text: given, Paths: []string{root + "/data"}, Budget: 300}, quiet)
		if err != nil || !strings.HasPrefix(result.Text, "\ufeffpackage p\r\n") || strings.Count(result.Text, "\n") != strings.Count(result.Text, "\r\n") {
			t.Errorf("%v %q", err, result.Text)
		}
	}
}

func TestAPolicyWithNothingToSayOf(t *testing.T) {
	root := trial.Folder(t, map[string]string{"p.rego": "package p\n\nviolation contains {\"msg\": \"a\"} if input.resource.kind == \"Pod\"\n"})
	result, err := Run(context.Background(), Params{File: root + "/p.rego", Budget: 200}, quiet)
	if err != nil || len(result.Suggestions) > 0 || result.Text != "" || result.Samples.From != "generated" || result.Samples.Resources == 0 {
		t.Errorf("%v %+v", err, result)
	}
}

func quiet(string) error { return nil }

func TestWhatCanNotBeMeasured(t *testing.T) {
	cases := map[string]struct{ policy, code string }{
		"it does not end": {
			"package p\n\nviolation contains \"a\" if {\n\tsome a in numbers.range(1, 100000)\n\tsome b in numbers.range(1, 100000)\n\ta * b < 0\n}\n", "eval_timeout",
		},
		"it fails":        {"package p\n\ndeny contains f(1)\n\nf(x) := 1 if x\n\nf(x) := 2 if x\n", "eval_conflict_error"},
		"it is a library": {"package p\n\nx := 1\n", "no_rules"},
		"it is not Rego":  {"package p\n\nviolation contains {", "rego_parse_error"},
	}
	for name, one := range cases {
		t.Run(name, func(t *testing.T) {
			root := trial.Folder(t, map[string]string{"p.rego": one.policy, "data/all.yaml": resources})
			for _, paths := range [][]string{nil, {root + "/data"}} {
				result, err := Run(context.Background(), Params{File: root + "/p.rego", Paths: paths, Timeout: 100, Budget: 50}, quiet)
				if err != nil || len(result.Problems) != 1 || result.Problems[0].Code != one.code || result.Problems[0].Severity != model.Error || result.Problems[0].Line == 0 {
					t.Errorf("%v: %v %+v", paths, err, result.Problems)
				}
			}
		})
	}
}
