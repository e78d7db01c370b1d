package compiled

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage/inmem"

	"attest.continuu.ms/engine/internal/trial"
)

// fixture is a policy with a maker of inputs for it, of many shapes.
type fixture struct {
	name    string
	modules map[string]string
	version ast.RegoVersion
	query   string
	input   func(pod *ast.Term) *ast.Term
}

// root is the folder of the repository.
const root = "../../.."

func readText(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

const parametersText = `{
	"repos": ["registry.company.com/", "gcr.io/company/"], "cpu": "500m", "memory": "512Mi",
	"labels": [{"key": "team", "allowedRegex": "^[a-z-]+$"}, {"key": "owner"}],
	"probes": ["livenessProbe", "readinessProbe"],
	"exemptImages": ["registry.company.com/base/*", "gcr.io/company/agent:1.0"],
	"allowedCapabilities": ["NET_BIND_SERVICE"]
}`

// fixtures are the templates and plain policies of the benchmarks, and shipped policies.
func fixtures(t testing.TB) []fixture {
	t.Helper()
	var out []fixture
	lib := map[string]string{
		"exempt.rego":   readText(t, "benchmarks/templates/library/lib/exempt.rego"),
		"quantity.rego": readText(t, "benchmarks/templates/library/lib/quantity.rego"),
	}
	for _, name := range []string{"labels", "limits", "privileged", "probes", "repos"} {
		modules := map[string]string{"rule.rego": readText(t, "benchmarks/templates/library/"+name+".rego")}
		for file, text := range lib {
			modules[file] = text
		}
		out = append(out, fixture{name, modules, ast.RegoV0, "data.rule.violation[entry]", reviewOf})
	}
	out = append(out, fixture{
		"workloads", map[string]string{"w.rego": readText(t, "benchmarks/policies/workloads.rego")}, ast.RegoV1,
		"result = data.attest.benchmark.violation", resourceOf,
	})
	for _, name := range []string{"container-security", "image-security"} {
		out = append(out, shipped(t, "security/"+name))
	}
	return out
}

// shipped is a policy of this project with the libraries that it may use.
func shipped(t testing.TB, path string) fixture {
	t.Helper()
	modules := map[string]string{"policy.rego": readText(t, "policies/"+path+".rego")}
	libraries, err := filepath.Glob(filepath.Join(root, "policies/lib/*.rego"))
	if err != nil || len(libraries) == 0 {
		t.Fatalf("no libraries: %v", err)
	}
	for _, file := range libraries {
		if !strings.HasSuffix(file, "_test.rego") {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			modules[filepath.Base(file)] = string(text)
		}
	}
	module := ast.MustParseModuleWithOpts(modules["policy.rego"], ast.ParserOptions{RegoVersion: ast.RegoV1})
	return fixture{path, modules, ast.RegoV1, fmt.Sprintf("result = %v.violation", module.Package.Path), resourceOf}
}

func reviewOf(pod *ast.Term) *ast.Term {
	return ast.ObjectTerm(
		ast.Item(ast.StringTerm("review"), ast.ObjectTerm(ast.Item(ast.StringTerm("object"), pod), ast.Item(ast.StringTerm("operation"), ast.StringTerm("CREATE")))),
		ast.Item(ast.StringTerm("parameters"), parametersTerm),
	)
}

func resourceOf(pod *ast.Term) *ast.Term {
	return ast.ObjectTerm(
		ast.Item(ast.StringTerm("resource"), pod), ast.Item(ast.StringTerm("operation"), ast.StringTerm("CREATE")),
		ast.Item(ast.StringTerm("parameters"), ast.ObjectTerm()),
	)
}

var parametersTerm = ast.MustParseTerm(parametersText)

// subject compiles a fixture.
func (f fixture) subject(t testing.TB) *subject {
	t.Helper()
	compiler, err := ast.CompileModulesWithOpt(f.modules, ast.CompileOpts{ParserOptions: ast.ParserOptions{RegoVersion: f.version}})
	if err != nil {
		t.Fatal(err)
	}
	s := &subject{compiler: compiler, qc: compiler.QueryCompiler(), store: inmem.New()}
	if s.body, err = s.qc.Compile(ast.MustParseBody(f.query)); err != nil {
		t.Fatal(err)
	}
	return s
}

type (
	fields = map[string]any
	chance = trial.Chance
)

// pods are Pods of random shape.
func pods(seed uint64, n int) []*ast.Term {
	out := make([]*ast.Term, n)
	for i, pod := range trial.Pods(seed, n) {
		out[i] = ast.NewTerm(ast.MustInterfaceToValue(pod))
	}
	return out
}
