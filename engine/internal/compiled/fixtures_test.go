package compiled

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
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

// pods makes Pods of random shape: any field may be missing, of another type, or there twice.
func pods(seed uint64, n int) []*ast.Term {
	r := rand.New(rand.NewPCG(seed, seed))
	out := make([]*ast.Term, n)
	for i := range out {
		out[i] = ast.NewTerm(ast.MustInterfaceToValue(pod(r, i)))
	}
	return out
}

type fields = map[string]any

// maybe adds a field in some of the cases.
func (c chance) maybe(f fields, name string, share float64, value func() any) {
	if c.Float64() < share {
		f[name] = value()
	}
}

type chance struct{ *rand.Rand }

func (c chance) of(values ...any) any { return values[c.IntN(len(values))] }

func pod(r *rand.Rand, i int) fields {
	c := chance{r}
	metadata := fields{"name": fmt.Sprintf("pod-%d-%d", i, r.IntN(1000))}
	c.maybe(metadata, "namespace", 0.8, func() any { return fmt.Sprintf("team-%d", r.IntN(20)) })
	c.maybe(metadata, "labels", 0.7, func() any {
		labels := fields{}
		c.maybe(labels, "team", 0.7, func() any { return c.of("web", "Web", "search-2", "payments", "") })
		c.maybe(labels, "owner", 0.5, func() any { return fmt.Sprintf("o%d", r.IntN(50)) })
		c.maybe(labels, fmt.Sprintf("l%d", r.IntN(30)), 0.5, func() any { return "x" })
		return labels
	})
	c.maybe(metadata, "annotations", 0.3, func() any { return fields{fmt.Sprintf("a%d", r.IntN(30)): c.of("1", "2", "true")} })
	spec := fields{"containers": c.containers(1 + r.IntN(4))}
	c.maybe(spec, "initContainers", 0.3, func() any { return c.containers(1 + r.IntN(2)) })
	c.maybe(spec, "hostNetwork", 0.1, func() any { return c.of(true, false) })
	c.maybe(spec, "serviceAccountName", 0.5, func() any { return c.of("default", "app") })
	c.maybe(spec, "securityContext", 0.4, func() any { return fields{"runAsNonRoot": c.of(true, false), "runAsUser": c.of(0, 1000)} })
	c.maybe(spec, "volumes", 0.4, func() any {
		return []any{c.of(fields{"name": "h", "hostPath": fields{"path": "/"}}, fields{"name": "e", "emptyDir": fields{}})}
	})
	kind := c.of("Pod", "Pod", "Pod", "Deployment")
	out := fields{"apiVersion": "v1", "kind": kind, "metadata": metadata, "spec": spec}
	if kind == "Deployment" {
		out["apiVersion"], out["spec"] = "apps/v1", fields{"replicas": r.IntN(4), "template": fields{"metadata": metadata, "spec": spec}}
	}
	return out
}

func (c chance) containers(n int) []any {
	out := make([]any, n)
	for i := range out {
		out[i] = c.container()
	}
	return out
}

func (c chance) container() fields {
	f := fields{"name": fmt.Sprintf("c-%d", c.IntN(200))}
	c.maybe(f, "image", 0.97, func() any {
		return fmt.Sprintf("%s%s%s", c.of("docker.io/", "gcr.io/company/", "registry.company.com/base/", "registry.company.com/", ""),
			c.of("app", "agent", "proxy", "nginx"), c.of(fmt.Sprintf(":%d.%d", c.IntN(9), c.IntN(30)), ":latest", "", "@sha256:"+strings.Repeat("ab", 32)))
	})
	c.maybe(f, "resources", 0.7, func() any {
		limits := fields{}
		c.maybe(limits, "cpu", 0.8, func() any { return c.of("2", "100m", "1", fmt.Sprintf("%dm", 10*c.IntN(100)), 1, 0.5) })
		c.maybe(limits, "memory", 0.8, func() any { return c.of("64Mi", "2Gi", fmt.Sprintf("%dMi", 16*c.IntN(90)), "lots", 1000000) })
		return fields{"limits": limits, "requests": limits}
	})
	c.maybe(f, "securityContext", 0.6, func() any {
		inner := fields{}
		c.maybe(inner, "privileged", 0.5, func() any { return c.of(true, false) })
		c.maybe(inner, "allowPrivilegeEscalation", 0.5, func() any { return c.of(true, false) })
		c.maybe(inner, "runAsUser", 0.3, func() any { return c.of(0, 1000) })
		c.maybe(inner, "capabilities", 0.4, func() any {
			return fields{"add": []any{c.of("SYS_TIME", "NET_BIND_SERVICE", "SYS_ADMIN")}, "drop": []any{c.of("ALL", "KILL")}}
		})
		return inner
	})
	for _, probe := range []string{"livenessProbe", "readinessProbe"} {
		c.maybe(f, probe, 0.5, func() any {
			return c.of(fields{"httpGet": fields{"path": "/", "port": 80}}, fields{"periodSeconds": 3})
		})
	}
	c.maybe(f, "env", 0.4, func() any { return []any{fields{"name": fmt.Sprintf("E%d", c.IntN(9)), "value": c.of("1", "secret")}} })
	c.maybe(f, "ports", 0.5, func() any { return []any{fields{"containerPort": c.IntN(9000)}} })
	return f
}
