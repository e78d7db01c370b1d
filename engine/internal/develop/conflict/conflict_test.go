package conflict

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"attest.continuu.ms/engine/internal/policyset"
	"attest.continuu.ms/engine/internal/rego"
	"attest.continuu.ms/engine/internal/trial"
)

// files are the sources of a case, by name.
type files map[string]string

// with adds files to others.
func (f files) with(more files) files {
	out := files{}
	for _, some := range []files{f, more} {
		for name, text := range some {
			out[name] = text
		}
	}
	return out
}

// policy is a file `NAME.rego` of the package `p.NAME` with one violation for each list of conditions, in
// the lines 3, 5, 7…
func policy(name string, conditions ...string) files { return rules("violation", name, conditions...) }

func rules(set, name string, conditions ...string) files {
	var text strings.Builder
	fmt.Fprintf(&text, "package p.%s\n", name)
	for i, c := range conditions {
		fmt.Fprintf(&text, "\n%s contains \"%s %d\" if { %s }\n", set, name, i, c)
	}
	return files{name + ".rego": text.String()}
}

// all joins the files of a case.
func all(some ...files) files {
	out := files{}
	for _, f := range some {
		out = out.with(f)
	}
	return out
}

const (
	deployment = `input.resource.kind == "Deployment"; `
	pod        = `input.resource.kind == "Pod"; `
	reviewed   = `input.review.object.kind == "Deployment"; `
)

// template is a ConstraintTemplate of a kind; its violation asks for the conditions.
func template(kind, conditions string) files {
	return files{strings.ToLower(kind) + ".yaml": fmt.Sprintf(`apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata: {name: %s}
spec:
  crd: {spec: {names: {kind: %s}, validation: {openAPIV3Schema: {type: object, properties: {min: {type: integer}}}}}}
  targets:
    - target: admission.k8s.gatekeeper.sh
      rego: |
        package t
        violation[{"msg": "no"}] { %s }
`, strings.ToLower(kind), kind, conditions)}
}

// bind is a constraint of a kind, with the spec as YAML in one line.
func bind(kind, name, spec string) files {
	return files{name + ".yaml": fmt.Sprintf("apiVersion: constraints.gatekeeper.sh/v1beta1\nkind: %s\nmetadata: {name: %s}\nspec: {%s}\n", kind, name, spec)}
}

// find runs a search over files and writes down each conflict as `certainty kind file:line file:line`.
func find(t *testing.T, f files, set func(*Params)) ([]string, Result) {
	t.Helper()
	root := trial.Folder(t, f)
	params := Params{Params: policyset.Params{Paths: []string{root}, OPA: true, Gatekeeper: true}, Budget: 300}
	if set != nil {
		set(&params)
	}
	for i, path := range params.Paths {
		params.Paths[i] = filepath.Join(root, strings.TrimPrefix(path, root))
	}
	result, err := Run(context.Background(), params, func(string) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, c := range result.Conflicts {
		text := c.Certainty + " " + c.Kind
		for _, s := range c.Sides {
			text += fmt.Sprintf(" %s:%d", strings.TrimPrefix(s.File, root+"/"), s.Line)
		}
		out = append(out, text)
	}
	return out, result
}

type testCase struct {
	files files
	set   func(*Params)
	want  []string
}

func check(t *testing.T, cases map[string]testCase) {
	t.Helper()
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, result := find(t, c.files, c.set)
			if !slices.Equal(got, c.want) {
				t.Errorf("got\n  %s\nexpected\n  %s\n%+v", strings.Join(got, "\n  "), strings.Join(c.want, "\n  "), result.Problems)
				for _, one := range result.Conflicts {
					t.Log(one.Message)
				}
			}
		})
	}
}

func TestContradictions(t *testing.T) {
	few, many := deployment+`input.resource.spec.replicas < 2`, deployment+`input.resource.spec.replicas >= 2`
	check(t, map[string]testCase{
		"two limits that meet": {all(policy("few", few), policy("many", many)), nil, []string{"certain contradiction few.rego:3 many.rego:3"}},
		"two limits that overlap": {
			all(policy("few", deployment+`input.resource.spec.replicas < 3`), policy("many", deployment+`input.resource.spec.replicas > 1`)), nil,
			[]string{"certain contradiction few.rego:3 many.rego:3"},
		},
		"two limits with a value between them": {
			all(policy("few", few), policy("many", deployment+`input.resource.spec.replicas > 2`)), nil, nil,
		},
		"limits of different fields": {
			all(policy("few", few), policy("many", deployment+`input.resource.spec.revisionHistoryLimit >= 2`)), nil, nil,
		},
		"limits of different kinds": {
			all(policy("few", few), policy("many", `input.resource.kind == "StatefulSet"; input.resource.spec.replicas >= 2`)), nil, nil,
		},
		"one kind and every kind": {
			all(policy("few", few), policy("many", `input.resource.spec.replicas >= 2`)), nil, []string{"certain contradiction few.rego:3 many.rego:3"},
		},
		"a label that must and must not be there": {
			all(policy("with", pod+`not input.resource.metadata.labels.team`), policy("without", pod+`input.resource.metadata.labels.team`)), nil,
			[]string{"certain contradiction with.rego:3 without.rego:3"},
		},
		"two labels": {
			all(policy("with", pod+`not input.resource.metadata.labels.team`), policy("without", pod+`input.resource.metadata.labels.squad`)), nil, nil,
		},
		"a value that must and must not be": {
			all(policy("is", `input.resource.kind == "Service"; input.resource.spec.type != "ClusterIP"`),
				policy("not", `input.resource.kind == "Service"; input.resource.spec.type == "ClusterIP"`)), nil,
			[]string{"certain contradiction is.rego:3 not.rego:3"},
		},
		"all values that are allowed are refused": {
			all(policy("is", pod+`not input.resource.spec.restartPolicy in {"Always", "Never"}`),
				policy("not", pod+`input.resource.spec.restartPolicy in {"Never", "OnFailure", "Always"}`)), nil,
			[]string{"certain contradiction is.rego:3 not.rego:3"},
		},
		"one of the values that are allowed is refused": {
			all(policy("is", pod+`not input.resource.spec.restartPolicy in {"Always", "Never"}`), policy("not", pod+`input.resource.spec.restartPolicy == "Never"`)),
			nil, nil,
		},
		"every container": {
			all(policy("is", `some c in input.resource.spec.containers; c.imagePullPolicy != "Always"`),
				policy("not", `some c in input.resource.spec.containers; c.imagePullPolicy == "Always"`)), nil,
			[]string{"certain contradiction is.rego:3 not.rego:3"},
		},
		"containers of different names": {
			all(policy("is", `some c in input.resource.spec.containers; c.name == "web"; c.imagePullPolicy != "Always"`),
				policy("not", `some c in input.resource.spec.containers; c.imagePullPolicy == "Always"`)), nil, nil,
		},
		"no policy asks for another kind": {
			all(policy("pods", `input.resource.kind == "Pod"`), policy("others", `input.resource.kind != "Pod"`)), nil, nil,
		},
		"a constraint and a policy": {
			all(template("Few", reviewed+`input.review.object.spec.replicas < input.parameters.min`),
				bind("Few", "few-pods", `match: {kinds: [{apiGroups: ["apps"], kinds: [Deployment]}]}, parameters: {min: 2}`), policy("many", many)), nil,
			[]string{"certain contradiction many.rego:3 few-pods.yaml:1"},
		},
		"a constraint whose parameters leave room": {
			all(template("Few", reviewed+`input.review.object.spec.replicas < input.parameters.min`),
				bind("Few", "few-pods", `match: {kinds: [{apiGroups: ["apps"], kinds: [Deployment]}]}, parameters: {min: 2}`),
				policy("many", deployment+`input.resource.spec.replicas > 2`)), nil, nil,
		},
		"constraints whose namespaces exclude each other": {
			all(template("Few", `input.review.object.spec.replicas < 2`), template("Many", `input.review.object.spec.replicas >= 2`),
				bind("Few", "prod", `match: {namespaces: [prod]}`), bind("Many", "test", `match: {namespaces: ["test-*"]}`)), nil, nil,
		},
		"constraints whose namespaces meet": {
			all(template("Few", `input.review.object.spec.replicas < 2`), template("Many", `input.review.object.spec.replicas >= 2`),
				bind("Few", "prod", `match: {namespaces: [prod]}`), bind("Many", "test", `match: {namespaces: ["pro*"]}`)), nil,
			[]string{"certain contradiction prod.yaml:1 test.yaml:1"},
		},
		"what no text shows": {
			all(policy("few", deployment+`count(object.get(input.resource, ["spec", "template", "spec", "containers"], [])) < 2`),
				policy("many", deployment+`count(object.get(input.resource, ["spec", "template", "spec", "containers"], [])) > 1`)), nil,
			[]string{"suspected contradiction few.rego:3 many.rego:3"},
		},
		"what no text shows, with room": {
			all(policy("few", deployment+`count(object.get(input.resource, ["spec", "template", "spec", "containers"], [])) < 2`),
				policy("many", deployment+`count(object.get(input.resource, ["spec", "template", "spec", "containers"], [])) > 2`)), nil, nil,
		},
	})
}

func TestAContradictionShowsTheResourceThatFlips(t *testing.T) {
	_, result := find(t, all(policy("few", deployment+`input.resource.spec.replicas < 3`), policy("many", deployment+`input.resource.spec.replicas > 1`)), nil)
	c := result.Conflicts[0]
	if c.Message != "no Deployment that sets spec.replicas can satisfy both `p-few` and `p-many`" {
		t.Error(c.Message)
	}
	if c.Sides[0].Condition != "spec.replicas < 3" || c.Sides[1].Condition != "spec.replicas > 1" {
		t.Error(c.Sides)
	}
	replicas := func(resource any) string {
		object, _ := resource.(map[string]any)
		return fmt.Sprint(at(object, "spec", "replicas"))
	}
	if first, second := replicas(c.Resource), replicas(c.Flipped); first >= "2" || second < "3" {
		t.Errorf("%s violates the first, %s the second", first, second)
	}
}

func TestDuplicatesAndShadowing(t *testing.T) {
	host := pod + `input.resource.spec.hostNetwork == true`
	check(t, map[string]testCase{
		"the same conditions": {
			all(policy("a", `some x in input.resource.spec.containers; x.tty == true`), policy("b", `some y in input.resource.spec.containers; y.tty == true`)), nil,
			[]string{"certain duplicate a.rego:3 b.rego:3"},
		},
		"the same conditions in another order": {
			all(policy("a", host), policy("b", `input.resource.spec.hostNetwork == true; `+pod+`true`)), nil, []string{"certain duplicate a.rego:3 b.rego:3"},
		},
		"the same in one policy, with two messages": {policy("a", host, host), nil, []string{"certain duplicate a.rego:3 a.rego:5"}},
		"another field": {all(policy("a", host), policy("b", pod+`input.resource.spec.hostPID == true`)), nil, nil},
		"another value": {
			all(policy("a", pod+`input.resource.spec.restartPolicy == "Never"`), policy("b", pod+`input.resource.spec.restartPolicy == "Always"`)), nil, nil,
		},
		"a condition more": {
			all(policy("a", host+`; input.resource.metadata.namespace == "prod"`), policy("b", host)), nil, []string{"certain shadowed a.rego:3 b.rego:3"},
		},
		"a lower limit": {
			all(policy("a", deployment+`input.resource.spec.replicas < 2`), policy("b", deployment+`input.resource.spec.replicas < 3`)), nil,
			[]string{"certain shadowed a.rego:3 b.rego:3"},
		},
		"a limit of another kind": {
			all(policy("a", deployment+`input.resource.spec.replicas < 2`), policy("b", `input.resource.kind == "StatefulSet"; input.resource.spec.replicas < 3`)), nil, nil,
		},
		"conditions on one container": {
			all(policy("a", `some c in input.resource.spec.containers; c.tty == true; c.stdin == true`), policy("b", `some d in input.resource.spec.containers; d.tty == true`)),
			nil, []string{"certain shadowed a.rego:3 b.rego:3"},
		},
		"conditions on two containers": {
			all(policy("a", `some c in input.resource.spec.containers; c.tty == true; some d in input.resource.spec.containers; d.stdin == true`),
				policy("b", `some c in input.resource.spec.containers; c.tty == true; c.stdin == true`)), nil, []string{"certain shadowed b.rego:3 a.rego:3"},
		},
		"a message that names the resource": {
			all(files{"a.rego": "package p.a\n\nviolation contains msg if {\n\t" + host + "\n\tmsg := sprintf(\"%s is bad\", [input.resource.metadata.name])\n}\n"}, policy("b", host)), nil,
			[]string{"certain duplicate a.rego:3 b.rego:3"},
		},
		"a message in an object": {
			all(files{"a.rego": "package p.a\n\nviolation contains {\"message\": msg} if {\n\t" + host + "\n\tmsg := sprintf(\"%s is bad\", [input.resource.metadata.name])\n}\n"}, policy("b", host)), nil,
			[]string{"certain duplicate a.rego:3 b.rego:3"},
		},
		"a message that asks for a field": {
			all(files{"a.rego": "package p.a\n\nviolation contains {\"message\": msg} if {\n\t" + host + "\n\tmsg := sprintf(\"%s is bad\", [input.resource.spec.nodeName])\n}\n"}, policy("b", host)), nil,
			[]string{"certain shadowed a.rego:3 b.rego:3"},
		},
		"the wider one only warns": {
			all(policy("a", host+`; input.resource.spec.hostPID == true`), rules("warn", "b", host)), nil, nil,
		},
		"what no text shows": {
			all(policy("a", `some c in input.resource.spec.containers; regex.match("^nginx:1", c.image)`),
				policy("b", `some c in input.resource.spec.containers; startswith(c.image, "nginx")`)), nil,
			[]string{"suspected shadowed a.rego:3 b.rego:3"},
		},
		"what no text shows, with a difference": {
			all(policy("a", `some c in input.resource.spec.containers; regex.match("nginx:1", c.image)`),
				policy("b", `some c in input.resource.spec.containers; startswith(c.image, "nginx")`)), nil, nil,
		},
		"constraints of two kinds": {
			all(template("One", `input.review.object.spec.hostNetwork == true`), template("Two", `input.review.object.spec.hostNetwork == true`),
				bind("One", "one-all", ""), bind("Two", "two-all", "")), nil, []string{"certain duplicate one-all.yaml:1 two-all.yaml:1"},
		},
		"constraints of two kinds for different namespaces": {
			all(template("One", `input.review.object.spec.hostNetwork == true`), template("Two", `input.review.object.spec.hostNetwork == true`),
				bind("One", "one-all", `match: {namespaces: [prod]}`), bind("Two", "two-all", `match: {excludedNamespaces: [prod]}`)), nil, nil,
		},
		"a policy and a constraint that matches less": {
			all(policy("a", `input.resource.spec.hostNetwork == true`), template("Two", `input.review.object.spec.hostNetwork == true`),
				bind("Two", "two-all", `match: {namespaces: [prod]}`)), nil, []string{"certain shadowed two-all.yaml:1 a.rego:3"},
		},
	})
}

// copied is a policy in the package `p.NAME` whose conditions can't be told without asking its own rules, with the names
// of its variables and helpers, and what a helper and a document say.
func copied(name, variable, helper, says, document string) files {
	text := fmt.Sprintf(`package p.%[1]s

violation contains msg if {
	walk(input.resource, [%[2]s, "secret"])
	every c in containers { not %[3]s(c) }
	data.p.%[1]s.limits.most > 1
	msg := sprintf("%%v", [%[2]s])
}

containers contains %[2]s if some %[2]s in object.get(input.resource.spec, "containers", [])

%[3]s(%[2]s) if count({r | some r in input.parameters.allowed; startswith(%[2]s.image, r)}) > %[4]s

%[3]s(%[2]s) if json.marshal(%[2]s) == "x"
`, name, variable, helper, says)
	if document == "" {
		return files{name + ".rego": strings.Replace(text, fmt.Sprintf("\tdata.p.%s.limits.most > 1\n", name), "", 1)}
	}
	return files{name + ".rego": text, "p/" + name + "/limits/data.json": document}
}

func TestCopiesOfPolicies(t *testing.T) {
	same := all(copied("a", "x", "permitted", "0", ""), copied("b", "y", "allowed", "0", ""))
	given := func(a, b string) func(*Params) {
		return func(p *Params) {
			p.Policies = []rego.Selection{
				{Name: "p-a", Parameters: map[string]any{"allowed": []any{a}}}, {Name: "p-b", Parameters: map[string]any{"allowed": []any{b}}},
			}
		}
	}
	certain := []string{"certain duplicate a.rego:3 b.rego:3"}
	for name, c := range map[string]struct {
		testCase
		certain bool
	}{
		"by other names":                    {testCase{files: same}, true},
		"with the same parameters":          {testCase{files: same, set: given("x", "x")}, true},
		"with other parameters":             {testCase{files: same, set: given("x", "y")}, false},
		"with a helper that says more":      {testCase{files: all(copied("a", "x", "permitted", "0", ""), copied("b", "x", "permitted", "1", ""))}, false},
		"with the package's own documents":  {testCase{files: all(copied("a", "x", "permitted", "0", `{"most": 2}`), copied("b", "x", "permitted", "0", `{"most": 3}`))}, false},
		"with conditions in another order":  {testCase{files: all(policy("a", `walk(input.resource, [p, "x"]); count(p) > 2; json.marshal(input.resource) != "{}"`), policy("b", `json.marshal(input.resource) != "{}"; walk(input.resource, [q, "x"]); count(q) > 2`))}, true},
		"of which one asks for another one": {testCase{files: all(policy("a", `walk(input.resource, [p, "x"]); walk(input.resource, [q, "y"]); count(p) > 2`), policy("b", `walk(input.resource, [p, "x"]); walk(input.resource, [q, "y"]); count(q) > 2`))}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, result := find(t, c.files, c.set)
			if slices.Contains(got, certain[0]) != c.certain || len(result.Problems) > 0 {
				t.Errorf("got %v %v", got, result.Problems)
			}
		})
	}
}

func TestConstraintsOfOneKind(t *testing.T) {
	base := template("Few", `input.review.object.spec.replicas < input.parameters.min`)
	two := func(a, b string) files { return all(base, bind("Few", "one", a), bind("Few", "two", b)) }
	kinds := func(kind string) string { return `kinds: [{apiGroups: ["apps"], kinds: [` + kind + `]}]` }
	check(t, map[string]testCase{
		"two parameters for all": {two(`parameters: {min: 2}`, `parameters: {min: 3}`), nil, []string{"certain overlap one.yaml:1 two.yaml:1"}},
		"two parameters for two kinds": {
			two(`match: {`+kinds("Deployment")+`}, parameters: {min: 2}`, `match: {`+kinds("StatefulSet")+`}, parameters: {min: 3}`), nil, nil,
		},
		"two parameters for namespaces with stars": {
			two(`match: {namespaces: ["prod-*"]}, parameters: {min: 2}`, `match: {namespaces: ["*-eu"]}, parameters: {min: 3}`), nil,
			[]string{"certain overlap one.yaml:1 two.yaml:1"},
		},
		"two parameters, the second for the others": {
			two(`match: {namespaces: ["prod-*"]}, parameters: {min: 2}`, `match: {excludedNamespaces: ["prod-*"]}, parameters: {min: 3}`), nil, nil,
		},
		"two parameters for labels that exclude each other": {
			two(`match: {labelSelector: {matchLabels: {tier: web}}}, parameters: {min: 2}`,
				`match: {labelSelector: {matchExpressions: [{key: tier, operator: NotIn, values: [web]}]}}, parameters: {min: 3}`), nil, nil,
		},
		"two parameters for labels that may meet": {
			two(`match: {labelSelector: {matchLabels: {tier: web}}}, parameters: {min: 2}`,
				`match: {labelSelector: {matchExpressions: [{key: team, operator: Exists}]}}, parameters: {min: 3}`), nil,
			[]string{"certain overlap one.yaml:1 two.yaml:1"},
		},
		"two parameters for labels of namespaces that exclude each other": {
			two(`match: {namespaceSelector: {matchExpressions: [{key: env, operator: Exists}]}}, parameters: {min: 2}`,
				`match: {namespaceSelector: {matchExpressions: [{key: env, operator: DoesNotExist}]}}, parameters: {min: 3}`), nil, nil,
		},
		"two parameters for two scopes": {
			two(`match: {scope: Cluster}, parameters: {min: 2}`, `match: {scope: Namespaced}, parameters: {min: 3}`), nil, nil,
		},
		"two parameters for two names": {
			two(`match: {name: "web-*"}, parameters: {min: 2}`, `match: {name: "db-*"}, parameters: {min: 3}`), nil, nil,
		},
		"the same twice":                {two(`parameters: {min: 2}`, `parameters: {min: 2}`), nil, []string{"certain duplicate one.yaml:1 two.yaml:1"}},
		"the same for two kinds":        {two(`match: {`+kinds("Deployment")+`}`, `match: {`+kinds("StatefulSet")+`}`), nil, nil},
		"the same, one for less":        {two(`parameters: {min: 2}`, `match: {namespaces: [prod]}, parameters: {min: 2}`), nil, []string{"certain shadowed two.yaml:1 one.yaml:1"}},
		"the same, for some that meet":  {two(`match: {name: "a*"}, parameters: {min: 2}`, `match: {namespaces: [prod]}, parameters: {min: 2}`), nil, []string{"suspected duplicate one.yaml:1 two.yaml:1"}},
		"the same, one of which denies": {two(`parameters: {min: 2}`, `enforcementAction: dryrun, parameters: {min: 2}`), nil, []string{"certain enforcement one.yaml:1 two.yaml:1"}},
		"the configuration enforces both alike": {
			two(`enforcementAction: warn, parameters: {min: 2}, match: {name: a}`, `parameters: {min: 2}, match: {name: b}`),
			func(p *Params) { p.Enforcement = map[string]string{"Few/one": "strict"} }, nil,
		},
		"one that is not in force": {
			two(`parameters: {min: 2}`, `parameters: {min: 3}`), func(p *Params) { p.Policies = []rego.Selection{{Name: "Few/one"}} }, nil,
		},
	})
}

func TestEnforcement(t *testing.T) {
	few := deployment + `input.resource.spec.replicas < 2`
	warn := func(name string) func(*Params) {
		return func(p *Params) { p.Enforcement = map[string]string{name: "warn"} }
	}
	helper := func(name, rest string) files {
		return files{name + ".rego": "package p." + name + "\n\nviolation contains \"x\" if {\n\tsome c in containers\n\t" + rest +
			"\n}\n\ncontainers contains c if some c in input.resource.spec.containers\n\ncontainers contains c if some c in input.resource.spec.initContainers\n"}
	}
	check(t, map[string]testCase{
		"the same condition": {all(policy("a", few), rules("warn", "b", few)), nil, []string{"certain enforcement a.rego:3 b.rego:3"}},
		"the same condition, by configuration": {
			all(policy("a", few), policy("b", few)), warn("p-a"), []string{"certain enforcement a.rego:3 b.rego:3"},
		},
		"the same field": {
			all(policy("a", few), rules("warn", "b", deployment+`input.resource.spec.replicas > 100`)), nil, []string{"suspected enforcement a.rego:3 b.rego:3"},
		},
		"the same field of different kinds": {
			all(policy("a", few), rules("warn", "b", `input.resource.kind == "StatefulSet"; input.resource.spec.replicas > 100`)), nil, nil,
		},
		"another field":             {all(policy("a", few), rules("warn", "b", deployment+`input.resource.spec.paused == true`)), nil, nil},
		"the same field, one level": {all(policy("a", few), policy("b", deployment+`input.resource.spec.replicas > 100`)), nil, nil},
		"one policy that warns before it denies": {
			files{"a.rego": "package p.a\n\ndeny contains \"x\" if input.resource.spec.replicas > 100\n\nwarn contains \"x\" if input.resource.spec.replicas > 50\n"}, nil, nil,
		},
		"the same field behind a helper": {
			all(helper("a", `c.imagePullPolicy == "Never"`), helper("b", `c.imagePullPolicy == "Always"`)), warn("p-b"),
			[]string{"suspected enforcement a.rego:3 b.rego:3"},
		},
		"two fields behind a helper": {
			all(helper("a", `c.imagePullPolicy == "Never"`), helper("b", `c.terminationMessagePolicy == "File"`)), warn("p-b"), nil,
		},
	})
}

func TestDefinedTwice(t *testing.T) {
	tty := `some c in input.resource.spec.containers; c.tty == true`
	check(t, map[string]testCase{
		"the same rule twice": {
			files{"a.rego": "package p.a\n\nviolation contains \"x\" if { " + tty + " }\n\nviolation contains \"x\" if { " + tty + " }\n"}, nil,
			[]string{"certain defined_twice a.rego:3 a.rego:5"},
		},
		"the same rule in two files": {
			files{"a.rego": "package p.a\n\nviolation contains \"x\" if { " + tty + " }\n", "b.rego": "package p.a\n\nviolation contains \"x\" if { " + tty + " }\n"}, nil,
			[]string{"certain defined_twice a.rego:3 b.rego:3"},
		},
		"two rules in two files": {
			files{"a.rego": "package p.a\n\nviolation contains \"x\" if { " + tty + " }\n", "b.rego": "package p.a\n\nviolation contains \"y\" if input.resource.spec.hostPID\n"}, nil, nil,
		},
		"a helper twice": {
			files{"a.rego": "package p.a\n\nviolation contains \"x\" if is_big\n\nis_big if input.resource.spec.replicas > 2\n\nis_big if input.resource.spec.replicas > 2\n"}, nil,
			[]string{"certain defined_twice a.rego:5 a.rego:7"},
		},
		"a helper with two ways to hold": {
			files{"a.rego": "package p.a\n\nviolation contains \"x\" if is_big\n\nis_big if input.resource.spec.replicas > 2\n\nis_big if input.resource.spec.parallelism > 2\n"}, nil, nil,
		},
		"a helper twice, by other names and in another order": {
			files{"a.rego": "package p.a\n\nviolation contains \"x\" if is_big(input.resource)\n\nis_big(r) if { r.spec.replicas > 2; r.x }\n\nis_big(s) if { s.x; s.spec.replicas > 2 }\n"}, nil,
			[]string{"certain defined_twice a.rego:5 a.rego:7"},
		},
		"a constant with two values": {
			files{"a.rego": "package p.a\n\nviolation contains \"x\" if input.resource.spec.replicas == 1\n\nlimit := 2\n", "b.rego": "package p.a\n\nlimit := 3\n"}, nil,
			[]string{"certain defined_twice a.rego:5 b.rego:3"},
		},
		"a constant with a default": {
			files{"a.rego": "package p.a\n\nviolation contains \"x\" if input.resource.spec.replicas > limit\n\ndefault limit := 2\n\nlimit := 3 if input.resource.kind == \"Deployment\"\n"}, nil, nil,
		},
		"a package in two sources": {
			all(files{"one/a.rego": policy("a", tty)["a.rego"]}, files{"two/a.rego": policy("a", tty)["a.rego"]}),
			func(p *Params) { p.Paths = []string{"one", "two"} }, []string{"certain defined_twice one/a.rego:1 two/a.rego:1"},
		},
		"two packages in two sources": {
			all(files{"one/a.rego": policy("a", tty)["a.rego"]}, files{"two/b.rego": policy("b", `input.resource.spec.hostPID`)["b.rego"]}),
			func(p *Params) { p.Paths = []string{"one", "two"} }, nil,
		},
		"two packages of one name": {
			files{
				"a.rego": "# METADATA\n# custom: {name: same}\npackage p.a\n\nviolation contains \"x\" if input.resource.spec.hostPID\n",
				"b.rego": "# METADATA\n# custom: {name: same}\npackage p.b\n\nviolation contains \"x\" if input.resource.spec.hostIPC\n",
			}, nil, []string{"certain defined_twice a.rego:3 b.rego:3"},
		},
	})
}

func TestNeverFires(t *testing.T) {
	parameter := policy("a", pod+`input.parameters.strict == true; input.resource.spec.hostPID`)
	check(t, map[string]testCase{
		"two values of one field": {policy("a", `input.resource.kind == "Pod"; input.resource.kind == "Service"`), nil, []string{"certain never_fires a.rego:3"}},
		"two values of two containers": {
			policy("a", `some c in input.resource.spec.containers; some d in input.resource.spec.containers; c.name == "a"; d.name == "b"`), nil, nil,
		},
		"limits that exclude each other": {policy("a", `input.resource.spec.replicas < 2; input.resource.spec.replicas > 3`), nil, []string{"certain never_fires a.rego:3"}},
		"limits with room":               {policy("a", `input.resource.spec.replicas < 4; input.resource.spec.replicas > 2`), nil, nil},
		"a constant that is false":       {files{"a.rego": "package p.a\n\nviolation contains \"x\" if on\n\non if false\n"}, nil, []string{"certain never_fires a.rego:3"}},
		"all is allowed by default": {files{"a.rego": "package p.a\n\nallowed := object.get(input.parameters, \"allowed\", [\"a\", \"b\"])\n\n" +
			"violation contains \"x\" if {\n\tinput.resource.spec.type in {\"a\", \"b\"}\n\tnot input.resource.spec.type in allowed\n}\n"}, nil, nil},
		"what is looked up may be elsewhere": {
			files{"a.rego": "package p.a\n\nviolation contains \"x\" if {\n\tsome other in data.inventory.namespace.shop.v1.Secret\n\tcount(other.data) > 1\n\tcount(other.data) < 1\n}\n"}, nil, nil,
		},
		"switched off by its parameters": {parameter, selected("p-a", map[string]any{"strict": false}), []string{"certain never_fires a.rego:3"}},
		"switched on by its parameters":  {parameter, selected("p-a", map[string]any{"strict": true}), nil},
		"an option that is off":          {parameter, nil, nil},
		"a value that nothing can have": {
			policy("a", `count(input.resource.spec.containers) > 1; count(input.resource.spec.containers) < 1`), nil, []string{"suspected never_fires a.rego:3"},
		},
		"a constraint for another kind": {
			all(template("Few", reviewed+`input.review.object.spec.replicas < 2`), bind("Few", "one", `match: {kinds: [{apiGroups: [""], kinds: [Service]}]}`)), nil,
			[]string{"certain never_fires one.yaml:1"},
		},
		"a constraint for its kind and another": {
			all(template("Few", reviewed+`input.review.object.spec.replicas < 2`), bind("Few", "one", `match: {kinds: [{apiGroups: ["*"], kinds: [Service, Deployment]}]}`)), nil, nil,
		},
		"a constraint that excludes its namespaces": {
			all(template("Few", reviewed+`input.review.object.spec.replicas < 2`),
				bind("Few", "one", `match: {kinds: [{apiGroups: ["apps"], kinds: [Deployment]}], namespaces: [prod], excludedNamespaces: ["pro*"]}`)), nil,
			[]string{"certain never_fires one.yaml:1"},
		},
		"a constraint that excludes some of its namespaces": {
			all(template("Few", reviewed+`input.review.object.spec.replicas < 2`), bind("Few", "one", `match: {namespaces: ["prod*"], excludedNamespaces: [prod-test]}`)), nil, nil,
		},
		"a constraint with labels that exclude each other": {
			all(template("Few", `input.review.object.spec.replicas < 2`),
				bind("Few", "one", `match: {labelSelector: {matchLabels: {a: b}, matchExpressions: [{key: a, operator: DoesNotExist}]}}`)), nil,
			[]string{"certain never_fires one.yaml:1"},
		},
	})
}

func selected(name string, parameters map[string]any) func(*Params) {
	return func(p *Params) { p.Policies = []rego.Selection{{Name: name, Parameters: parameters}} }
}

func TestPoliciesThatCannotBeEvaluated(t *testing.T) {
	cases := map[string]struct {
		files files
		code  string
	}{
		"it never ends": {policy("a", `some x in numbers.range(1, 100000); some y in numbers.range(1, 100000); x * y < 0`), "eval_timeout"},
		"it fails":      {files{"a.rego": "package p.a\n\nviolation contains f(1)\n\nf(x) := 1 if x > 0\n\nf(x) := 2 if x > 0\n"}, "eval_error"},
		"it is no Rego": {files{"a.rego": "package p.a\n\nviolation contains 1 if {\n"}, "rego_parse_error"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, result := find(t, c.files, nil)
			if len(result.Problems) != 1 || result.Problems[0].Code != c.code || result.Problems[0].Line == 0 {
				t.Errorf("%+v", result.Problems)
			}
		})
	}
}

func TestTheShippedPoliciesAreQuiet(t *testing.T) {
	if testing.Short() {
		t.Skip("it tries every shipped policy")
	}
	folder := func(name string) string { return filepath.Join("../../../../policies", name) }
	params := Params{Params: policyset.Params{
		Paths:     []string{folder("advanced"), folder("compliance"), folder("deployment"), folder("security")},
		Libraries: []string{folder("lib")}, OPA: true, Gatekeeper: true,
	}}
	result, err := Run(context.Background(), params, func(string) error { return nil })
	if err != nil || len(result.Problems) > 0 || result.Policies < 15 {
		t.Fatal(err, result.Problems, result.Policies)
	}
	for _, c := range result.Conflicts {
		t.Errorf("%s %s: %s %+v", c.Certainty, c.Kind, c.Message, c.Sides)
	}
}
