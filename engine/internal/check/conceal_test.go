package check

import (
	"fmt"
	"strings"
	"testing"

	"attest.continuu.ms/engine/internal/rego"
)

// spoken shows two texts of a resource in everything that a policy may say.
const spoken = `# METADATA
# scope: package
# custom: {remediation: leave it}
package demo
violation contains {"msg": "secret", "path": ["data", "bad"], "secret": true} if input.resource.data.bad
violation contains {"msg": sprintf("m %v", [texts]), "fix": sprintf("f %v", [texts]), "more": {"list": [texts], "text": texts, "number": 7}} if true
texts := concat(" ", [input.resource.data.bad, input.resource.data.other])
`

// A finding that says of a text that it is a secret takes it out of all that is said of the file, by whomever.
func TestASecretIsToldByNobody(t *testing.T) {
	for name, test := range map[string]struct {
		bad    string
		hidden bool
	}{
		"of eight characters": {"12345678", true},
		"of seven characters": {"1234567", false},
		"of more":             {"a long secret of theirs", true},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(configMap("one", "bad"), `"1"`, fmt.Sprintf("%q\n  other: \"no secret at all\"", test.bad), 1)
			params := Params{Inputs: []Text{{"a", text}}, Debug: true, Policies: []rego.Selection{{Name: "demo"}}}
			var batch Batch
			if _, err := Run(t.Context(), loadSet(t, spoken), params, func(b Batch) error { batch = b; return nil }); err != nil {
				t.Fatal(err)
			}
			shown := test.bad
			if test.hidden {
				shown = concealed
			}
			shown += " no secret at all"
			said := batch.Findings[0]
			want := fmt.Sprintf("m %[1]s|f %[1]s|map[more:map[list:[%[1]s] number:7 text:%[1]s]]", shown)
			if got := fmt.Sprintf("%s|%s|%v", said.Message, said.Fix, said.Details); got != want {
				t.Errorf("%s\nnot\n%s", got, want)
			}
			if got := batch.Decisions[0].Violations; got[0] != "m "+shown {
				t.Errorf("on record are %q", got)
			}
		})
	}
}

// Only what a finding points at is a secret, and only where it says so.
func TestWhatIsNoSecretIsTold(t *testing.T) {
	for name, finding := range map[string]string{
		"nothing says so":          `"path": ["data", "bad"]`,
		"it says that it is none":  `"path": ["data", "bad"], "secret": false`,
		"it says so in words":      `"path": ["data", "bad"], "secret": "true"`,
		"it points at an object":   `"path": ["data"], "secret": true`,
		"it points nowhere":        `"path": ["data", "none", "deep"], "secret": true`,
		"it points at all of this": `"secret": true`,
	} {
		t.Run(name, func(t *testing.T) {
			policy := fmt.Sprintf("package demo\nviolation contains {\"msg\": \"found\", %s}\nwarn contains input.resource.data.bad\n", finding)
			text := strings.Replace(configMap("one", "bad"), `"1"`, `"a text of theirs"`, 1)
			all, _ := collect(t, loadSet(t, policy), Params{Inputs: []Text{{"a", text}}})
			if len(all.Findings) != 2 || all.Findings[1].Message != "a text of theirs" {
				t.Errorf("%+v", all.Findings)
			}
		})
	}
}
