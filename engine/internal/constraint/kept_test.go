package constraint

import (
	"fmt"
	"strings"
	"testing"

	"attest.continuu.ms/engine/internal/constraint/admission"
)

// asks is a template whose violations are what rules say, and a constraint of it.
func asks(rego string) string {
	return templateOf("Asks", "package asks\n"+rego, "") +
		"\n---\n{apiVersion: constraints.gatekeeper.sh/v1beta1, kind: Asks, metadata: {name: c}, spec: {parameters: {words: [a, b]}}}\n"
}

// A set is asked about one resource after another; a fresh set about each of them must say the same.
func TestWhatIsKeptChangesNoAnswer(t *testing.T) {
	for name, rego := range map[string]string{
		"of the arguments":   `violation[{"msg": msg}] { msg := twice(input.review.object.metadata.name) } twice(x) = concat("", [x, x])`,
		"of the parameters":  `violation[{"msg": msg}] { msg := words[_] } words[w] { w := input.parameters.words[_] }`,
		"of the resource":    `violation[{"msg": msg}] { msg := own(1) } own(x) = sprintf("%v %v", [x, input.review.object.metadata.name])`,
		"get of the review":  `violation[{"msg": msg}] { msg := own(1) } own(x) = sprintf("%v %v", [x, object.get(input, "review", {}).object.metadata.name])`,
		"get of a parameter": `violation[{"msg": msg}] { msg := own("a") } own(x) = x { object.get(object.get(input, "parameters", {}), "words", [])[_] == x }`,
		"through another":    `violation[{"msg": msg}] { msg := outer(1) } outer(x) = inner(x) inner(x) = input.review.object.metadata.name`,
		"of the inventory":   `violation[{"msg": msg}] { msg := all(1) } all(x) = concat(",", {n | data.inventory.namespace.default.v1.Pod[n]})`,
		"else":               `violation[{"msg": msg}] { msg := pick(1) } pick(x) = "one" { x == 2 } else = n { n := input.review.object.metadata.name }`,
		"two answers":        `violation[{"msg": msg}] { msg := pick(1) } pick(x) = "one" { x == 1 } pick(x) = "uno" { x == 1 }`,
		"an error within":    `violation[{"msg": msg}] { msg := pick("x") } pick(x) = "one" { to_number(x) == 1 } pick(x) = "other" { x == "x" }`,
		"with":               `violation[{"msg": msg}] { msg := words[_] with input as {"parameters": {"words": [input.review.object.metadata.name]}} } words[w] { w := input.parameters.words[_] }`,
	} {
		t.Run(name, func(t *testing.T) {
			lasting := loaded(t, Options{}, asks(rego))
			for i := range 3 {
				pod := term(t, fmt.Sprintf("{apiVersion: v1, kind: Pod, metadata: {name: pod-%d, namespace: default}}", i))
				in := admission.Review{Object: pod, Inventory: inventory(t, pod)}
				got, want := said(review(t, lasting, in)), said(review(t, loaded(t, Options{}, asks(rego)), in))
				if got != want || want == "" {
					t.Errorf("pod %d: got\n%s\nwant\n%s", i, got, want)
				}
			}
		})
	}
}

// said is all that an outcome says.
func said(out *Outcome) string {
	lines := messages(out)
	for _, p := range out.Problems {
		lines = append(lines, p.Severity+" "+p.Code+" "+p.Message)
	}
	return strings.Join(lines, "\n")
}
