package policyset

import (
	"encoding/json"
	"math/rand"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"attest.continuu.ms/engine/internal/model"

	"attest.continuu.ms/engine/internal/trial"
)

func TestWhatCannotBeReadAsPoliciesIsAnError(t *testing.T) {
	cases := map[string]struct {
		files         map[string]string
		params        Params // paths relative to the files; without any, the folder `p`
		code, message string
		file          string
	}{
		"a path that is not there":                     {params: Params{Paths: []string{"none"}}, code: "no_such_policy", message: "no such file", file: "none"},
		"a library that is not there":                  {params: Params{Libraries: []string{"none"}}, code: "no_such_policy", message: "no such file", file: "none"},
		"a file of another sort that is named":         {files: map[string]string{"p.txt": ""}, params: Params{Paths: []string{"p.txt"}}, code: "not_a_policy", message: "neither Rego", file: "p.txt"},
		"data that is no object":                       {files: map[string]string{"p/data.yaml": "[1]"}, code: "data_syntax", message: "must be an object", file: "p/data.yaml"},
		"data that is empty":                           {files: map[string]string{"p/data.yaml": ""}, code: "data_syntax", message: "", file: "p/data.yaml"},
		"data that is neither JSON nor YAML":           {files: map[string]string{"p/data.yml": "a: [\n"}, code: "data_syntax", message: "", file: "p/data.yml"},
		"data in the place of verified evidence":       {files: map[string]string{"p/data.json": `{"attest": {"evidence": {}}}`}, code: "closed_document", message: "data.attest.evidence", file: "p/data.json"},
		"the same, spelt by folders":                   {files: map[string]string{"p/attest/lib/data.yaml": "x: 1"}, code: "closed_document", message: "data.attest.lib", file: "p/attest/lib/data.yaml"},
		"data above what is closed":                    {files: map[string]string{"p/data.json": `{"attest": 1}`}, code: "closed_document", message: "data.attest", file: "p/data.json"},
		"two files that define one value":              {files: map[string]string{"p/data.json": `{"x": {"a": 1}}`, "p/x/data.json": `{"a": 1}`}, code: "data_conflict", message: "`data.x.a` is already defined", file: "p/x/data.json"},
		"a value where another file has an object":     {files: map[string]string{"p/data.json": `{"x": 1}`, "p/x/data.json": `{"a": 1}`}, code: "data_conflict", message: "`data.x` is already", file: "p/x/data.json"},
		"an object where another file has a value":     {files: map[string]string{"p/data.json": `{"x": {"a": 1}}`, "q/data.json": `{"x": 1}`}, params: Params{Paths: []string{"p", "q"}}, code: "data_conflict", message: "`data.x` is defined by two sources"},
		"a file and the request that define one value": {files: map[string]string{"p/data.json": `{"x": 1}`}, params: Params{Paths: []string{"p"}, Data: json.RawMessage(`{"x": 1}`)}, code: "data_conflict", message: "`data.x` is defined by two"},
		"data of the request that is a list":           {params: Params{Data: json.RawMessage(`[1]`)}, code: "data_syntax", message: "no object"},
		"data of the request that is null":             {params: Params{Data: json.RawMessage(`null`)}, code: "data_syntax", message: "no object"},
		"data of the request that is no JSON":          {params: Params{Data: json.RawMessage(`{`)}, code: "data_syntax", message: "no object"},
		"an archive that is none":                      {files: map[string]string{"p.tar.gz": "x"}, params: Params{Paths: []string{"p.tar.gz"}}, code: "bundle_archive", file: "p.tar.gz"},
		"a package outside of a bundle's roots":        {files: map[string]string{"p/.manifest": `{"roots": ["a"]}`, "p/b.rego": otherRego}, code: "bundle_content", message: "outside of the manifest's roots", file: "p/b.rego"},
		"two files of a bundle that define one value":  {files: map[string]string{"p/.manifest": `{}`, "p/data.json": `{"x": {"a": 1}}`, "p/x/data.json": `{"a": 1}`}, code: "data_conflict", message: "`data.x.a` is already", file: "p/x/data.json"},
		"closed data in a bundle":                      {files: map[string]string{"p/.manifest": `{}`, "p/data.json": `{"attest": {"lib": {}}}`}, code: "closed_document", message: "data.attest.lib", file: "p/data.json"},
		"a folder that must be signed and is not":      {files: map[string]string{"p/a.rego": libRego}, params: Params{Paths: []string{"p"}, Signed: []string{"p"}}, code: "bundle_signature", file: "p"},
		"YAML beside policies that can't be read":      {files: map[string]string{"p/c.yaml": "a: [\n"}, code: "manifest_syntax", file: "p/c.yaml"},
		"Rego that can't be parsed":                    {files: map[string]string{"p/a.rego": "package"}, code: "rego_parse_error", file: "p/a.rego"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			root := below(t, c.files)
			params := c.params
			if params.Paths == nil && params.Libraries == nil && params.Data == nil {
				params.Paths = []string{"p"}
			}
			params.OPA, params.Gatekeeper, params.Verification = true, true, verification(t)
			params.Paths, params.Libraries, params.Signed = rooted(root, params.Paths), rooted(root, params.Libraries), rooted(root, params.Signed)
			_, _, problems := Load(t.Context(), params)
			if len(problems) != 1 {
				t.Fatalf("got %+v, want one `%s`", problems, c.code)
			}
			file := c.file
			if file != "" {
				file = filepath.Join(root, file)
			}
			if p := problems[0]; p.Severity != model.Error || p.Code != c.code || !strings.Contains(p.Message, c.message) || p.File != file {
				t.Errorf("got %+v, want `%s` of `%s`: …%s…", p, c.code, file, c.message)
			}
		})
	}
}

func TestALinkThatCannotBeFollowedIsAnError(t *testing.T) {
	for name, link := range map[string]struct{ name, to, refused string }{
		"to what is not there, which may have been a folder": {"vendor", "submodule/policies", "no such file"},
		"to what is not there, by a file's name":             {"own.rego", "none.rego", "no such file"},
		"to itself":                                          {"loop", "loop", "too many levels"},
		"to a folder above":                                  {"above", "..", ""},
		"of an editor that locks its file":                   {".#lock", "user@host.17", ""},
	} {
		t.Run(name, func(t *testing.T) {
			root := below(t, map[string]string{"p/policy.rego": plainRego})
			if err := os.Symlink(link.to, filepath.Join(root, "p", link.name)); err != nil {
				t.Fatal(err)
			}
			set, _, problems := Load(t.Context(), Params{Paths: rooted(root, []string{"p"}), OPA: true})
			if link.refused == "" {
				if set == nil || len(problems) != 0 {
					t.Errorf("got %+v", problems)
				}
				return
			}
			if len(problems) != 1 || problems[0].Code != "unreadable_policy" || !strings.Contains(problems[0].Message, link.refused) || problems[0].File != filepath.Join(root, "p", link.name) {
				t.Errorf("got %+v", problems)
			}
		})
	}
}

func TestAFileThatIsTooLargeIsRefused(t *testing.T) {
	root := below(t, map[string]string{"large.rego": plainRego, "just.rego": libRego})
	if err := os.Truncate(filepath.Join(root, "large.rego"), maxSource+1); err != nil { // a hole: it takes no room
		t.Fatal(err)
	}
	modules, problems := Modules(rooted(root, []string{"large.rego", "just.rego"}), nil, nil)
	if len(modules) != 1 || len(problems) != 1 || problems[0].Code != "unreadable_policy" || problems[0].File != filepath.Join(root, "large.rego") {
		t.Errorf("%d modules, %+v", len(modules), problems)
	}
}

func TestALinkThatLeadsNowhereIsAnErrorWhereItIsCalledLikeAPolicy(t *testing.T) {
	root := below(t, map[string]string{"p/a.rego": libRego})
	link(t, root, map[string]string{"p/gone.rego": "nowhere", "p/gone.txt": "nowhere", "p/round.rego": "round.rego"})
	sources, problems := Read(Params{Paths: rooted(root, []string{"p"}), OPA: true})
	if len(sources.Modules) != 1 || len(problems) != 2 || problems[0].Code != "unreadable_policy" || problems[1].File != filepath.Join(root, "p/round.rego") {
		t.Errorf("%d modules, %+v", len(sources.Modules), problems)
	}
}

// documents are an object, split in two at random; the whole is what both hold together.
type documents struct{ whole, one, two map[string]any }

// Generate implements quick.Generator.
func (documents) Generate(r *rand.Rand, size int) reflect.Value {
	d := documents{map[string]any{}, map[string]any{}, map[string]any{}}
	d.fill(r, 3)
	return reflect.ValueOf(d)
}

func (d documents) fill(r *rand.Rand, depth int) {
	for _, key := range []string{"a", "b", "c"}[:r.Intn(4)] {
		if depth > 0 && r.Intn(2) == 0 {
			under := documents{map[string]any{}, map[string]any{}, map[string]any{}}
			under.fill(r, depth-1)
			d.whole[key], d.one[key], d.two[key] = under.whole, under.one, under.two
			continue
		}
		value := json.Number("1")
		d.whole[key] = value
		[]map[string]any{d.one, d.two}[r.Intn(2)][key] = value
	}
}

func TestTheOrderOfSourcesChangesNoData(t *testing.T) {
	together := func(d documents) bool {
		one, _ := json.Marshal(d.one)
		two, _ := json.Marshal(d.two)
		root := below(t, map[string]string{"one/data.json": string(one), "two/data.json": string(two)})
		for _, order := range [][]string{{"one", "two"}, {"two", "one"}} {
			sources, problems := Read(Params{Paths: rooted(root, order)})
			if len(problems) > 0 || !reflect.DeepEqual(sources.Data, d.whole) {
				return false
			}
		}
		return true
	}
	trial.Law(t, together, 50)
}
