package gkgen

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// Parameters of the constraints that the generator adds to those of the policy.
const (
	EvidenceParameter = "attestEvidence" // the document that plain policies read as data.attest.evidence
	RulesParameter    = "attestRules"    // which of the policy's sets the constraint asks; all by default
)

// Packages of support, below `lib`.
const (
	inputPackage = "attest_input"
	dataPackage  = "attest_data"
)

const maxKind = 63

// Kind is the name of the template's kind: `image-security` gives `AttestImageSecurity`.
func kindOf(policy string) string {
	words := strings.FieldsFunc(policy, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9')
	})
	var out strings.Builder
	for _, word := range words {
		out.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	kind := out.String()
	if !strings.HasPrefix(strings.ToLower(kind), "attest") {
		kind = "Attest" + kind
	}
	return kind
}

func (t *translation) entryPackage() string { return strings.ToLower(kindOf(t.group.Name)) }

// entry makes violations of what a policy's sets hold. A plain policy may say much that a template may
// not: entries that are text, `message` for `msg`, `violated: false`, a set that is a list or a single
// value. An entry without a message would be dropped without a word; here it becomes a violation.
const entry = `package %s

%s

violation contains {"msg": message(entry), "details": details(entry)} if {
  some rule, value in found
  some entry in entries(rule, value)
  not is_withdrawn(entry)
}

%s
entries(_, value) := value if is_set(value)

entries(_, value) := value if is_array(value)

entries(_, value) := [value] if not type_name(value) in {"array", "boolean", "set"}

entries(rule, value) := [sprintf("` + "`%%s`" + ` holds", [rule])] if value == true

is_withdrawn(entry) if entry.violated == false

message(entry) := entry if {
  is_string(entry)
} else := text(entry.msg) if {
  text(entry.msg) != ""
} else := text(entry.message) if {
  text(entry.message) != ""
} else := sprintf("a violation without a message: %%v", [entry])

text(value) := value if {
  is_string(value)
} else := json.marshal(value)

details(entry) := object.union(object.remove(entry, ["details", "message", "msg", "violated"]), inner(entry)) if {
  is_object(entry)
} else := {}

inner(entry) := entry.details if {
  is_object(entry.details)
} else := {}
`

// selection lets a constraint ask some of the sets only.
const selection = `is_left_out(rule) if {
  rules := input.parameters.` + RulesParameter + `
  not rule in rules
}
`

// entryPoint is the module that Gatekeeper asks.
func (t *translation) entryPoint() string {
	if len(kindOf(t.group.Name)) > maxKind {
		t.fail(nil, fmt.Sprintf("the name `%s` is too long for a template", t.group.Name), "give the policy a shorter `custom.name`")
	}
	path := inLib(t.group.Modules[0].Module.Package.Path)
	var found strings.Builder
	for _, rule := range t.group.Rules {
		fmt.Fprintf(&found, "found.%s := policy.%s", rule, rule)
		if t.selectable() {
			fmt.Fprintf(&found, " if not is_left_out(%q)", rule)
		}
		found.WriteString("\n\n")
	}
	if t.selectable() {
		found.WriteString(selection)
	}
	return fmt.Sprintf(entry, t.entryPackage(), &ast.Import{Path: ast.NewTerm(path), Alias: "policy"}, strings.TrimSuffix(found.String(), "\n"))
}

// selectable says whether the policy needs two constraints: a constraint has one action, and what
// `warn` holds must not deny.
func (t *translation) selectable() bool {
	return slices.Contains(t.group.Rules, "warn") && len(t.group.Rules) > 1
}

const inputLibrary = `# The input of a plain policy, as a review has it.
package lib.attest_input

# Gatekeeper gives an empty object where there is none.
namespace := input.review.namespaceObject if {
  input.review.namespaceObject.metadata
} else := input.review._unstable.namespace

user := input.review.userInfo if count(input.review.userInfo) > 0

document["resource"] := input.review.object

document["operation"] := input.review.operation

document["parameters"] := input.parameters

document["review"] := input.review

document["namespace"] := namespace

document["user"] := user
`

func (t *translation) supportLibrary(name string) string {
	if name == inputPackage {
		return inputLibrary
	}
	text := "# What plain policies read as data documents.\npackage lib.attest_data\n"
	if t.template.Evidence {
		text += "\nevidence := input.parameters." + EvidenceParameter + "\n"
	}
	if len(t.embedded) > 0 {
		text += "\ndocument := json.unmarshal(" + t.documents() + ")\n"
	}
	return text
}

// documents are the data documents that the policy reads, as a quoted JSON text. A reference to what a
// document lacks is undefined in a plain policy; in an object that stands in the Rego itself it would
// be an error of types.
func (t *translation) documents() string {
	out := map[string]any{}
	slices.SortFunc(t.embedded, func(a, b []string) int { return len(b) - len(a) })
	for _, subject := range t.embedded {
		t.place(out, subject)
	}
	raw, _ := json.Marshal(out) // documents came from JSON
	return ast.String(raw).String()
}

// place copies what is at these keys, shorter keys after longer ones, so that the whole wins.
func (t *translation) place(out map[string]any, keys []string) {
	value, found := t.world.document(keys)
	if !found {
		return
	}
	for _, key := range keys[:len(keys)-1] {
		next, ok := out[key].(map[string]any)
		if !ok {
			next = map[string]any{}
			out[key] = next
		}
		out = next
	}
	out[keys[len(keys)-1]] = value
}
