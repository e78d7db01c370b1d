package locate

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/util"
	"sigs.k8s.io/yaml"
)

const shippedPolicies = "../../../policies"

// shipped compiles the policies that the product ships, and gives the packages that make findings.
func shipped(t testing.TB) []rules {
	t.Helper()
	modules := map[string]*ast.Module{}
	for _, file := range files(t, shippedPolicies, ".rego") {
		if text, err := os.ReadFile(file); err != nil {
			t.Fatal(err)
		} else if !strings.HasSuffix(file, "_test.rego") {
			modules[file] = parse(t, string(text))
		}
	}
	compiler := ast.NewCompiler()
	compiler.Compile(modules)
	if compiler.Failed() {
		t.Skip("the shipped policies do not compile: ", compiler.Errors)
	}
	var all []rules
	for _, name := range util.KeysSorted(modules) {
		ref := modules[name].Package.Path.Append(ast.StringTerm("violation"))
		if len(compiler.GetRulesExact(ref)) > 0 {
			all = append(all, rules{compiler, ref})
		}
	}
	return all
}

func files(t testing.TB, root, suffix string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && strings.HasSuffix(path, suffix) {
			found = append(found, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// manifests are the documents of the corpus that look like resources.
func manifests(t testing.TB) []string {
	t.Helper()
	shared := os.Getenv("ATTEST_SHARED")
	if shared == "" {
		shared = "../../../../shared"
	}
	root := filepath.Join(shared, "corpus")
	if _, err := os.Stat(root); err != nil {
		t.Skip("no corpus of manifests: set ATTEST_SHARED")
	}
	var found []string
	for _, file := range files(t, root, ".yaml") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, document := range strings.Split(string(text), "\n---") {
			var head struct{ Kind string }
			if len(document) < 1<<17 && yaml.Unmarshal([]byte(document), &head) == nil && head.Kind != "" {
				found = append(found, document)
			}
		}
	}
	return found
}

// TestShippedPolicies compares what the rules state with what the evaluation alone tells, on real manifests: the
// statements were written by hand, so they are an oracle for rules that state nothing.
func TestShippedPolicies(t *testing.T) {
	policies, documents := shipped(t), manifests(t)
	same, total := 0, 0
	for _, p := range policies {
		for _, document := range documents {
			q := p.query(t, document, "{}")
			for _, pair := range comparisons(t, q) {
				total++
				if pair.stated == pair.told {
					same++
				} else {
					t.Logf("%v: states %s, tells %s: %s", q.Rule, pair.stated, pair.told, pair.message)
				}
			}
		}
	}
	t.Logf("%d of %d findings are told where they are stated", same, total)
	if total == 0 || same*100 < total*98 {
		t.Errorf("only %d of %d findings are told where they are stated", same, total)
	}
}

type comparison struct{ message, stated, told string }

// comparisons are the findings of the query whose rules state a path.
func comparisons(t testing.TB, q Query) []comparison {
	found := entries(t, q)
	if len(found) == 0 {
		return nil
	}
	paths := pathsOf(t, q, found)
	var all []comparison
	for i, entry := range found {
		if stated, ok := FromEntry(entry, q.Resource); ok {
			all = append(all, comparison{text(entry), pointer(stated), pointer(paths[i])})
		}
	}
	return all
}
