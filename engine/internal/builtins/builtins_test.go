package builtins

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// A builtin that a new OPA brings must be looked at before a policy may call it here.
func TestEveryBuiltinHasOneClass(t *testing.T) {
	known := map[string]int{}
	for _, names := range classes {
		for _, name := range strings.Fields(names) {
			known[name]++
		}
	}
	for _, builtin := range ast.CapabilitiesForThisVersion().Builtins {
		if known[builtin.Name] != 1 {
			t.Errorf("`%s` has %d classes: look at what it reaches, and give it one", builtin.Name, known[builtin.Name])
		}
		if class := ClassOf(builtin.Name); builtin.Nondeterministic && (class == Pure || class == Output || class == Zones) {
			t.Errorf("OPA says that `%s` may answer differently each time, but its class is %s", builtin.Name, class)
		}
		delete(known, builtin.Name)
	}
	for name := range known {
		t.Errorf("OPA has no `%s` any more", name)
	}
}

// ask evaluates `x = <term>` with nothing listed but the given hosts.
func ask(t *testing.T, term string, hosts ...string) (string, []topdown.Error, error) {
	t.Helper()
	compiler := ast.NewCompiler().WithCapabilities(Capabilities(hosts))
	compiler.Compile(map[string]*ast.Module{"p.rego": ast.MustParseModule("package p\nx := " + term)})
	if compiler.Failed() {
		t.Fatal(compiler.Errors)
	}
	var errs []topdown.Error
	results, err := topdown.NewQuery(ast.MustParseBody("x = data.p.x")).WithCompiler(compiler).
		WithBuiltinErrorList(&errs).Run(context.Background())
	if err != nil || len(results) == 0 {
		return "", errs, err
	}
	return results[0]["x"].String(), errs, nil
}

func code(err error) string {
	var failed *topdown.Error
	if errors.As(err, &failed) {
		return failed.Code
	}
	return ""
}

func TestNoBuiltinLeaves(t *testing.T) {
	asked := 0
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		http.Redirect(w, r, "http://127.0.0.2/", http.StatusFound)
	}))
	defer service.Close()
	file := filepath.Join(t.TempDir(), "schema.json")
	if err := os.WriteFile(file, []byte(`{"type": "object"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	folder, url := filepath.Dir(file), service.URL
	for name, c := range map[string]struct{ term, code string }{
		"a schema in a file":                {`json.match_schema({}, {"$ref": "file://` + file + `"})`, MachineRefused},
		"a schema in a file, as text":       {"json.match_schema({}, `{\"$ref\": \"file://" + file + "\"}`)", MachineRefused},
		"a file by the id of its schema":    {`json.match_schema({}, {"$id": "file://` + folder + `/", "$ref": "schema.json"})`, MachineRefused},
		"a file deep in a schema":           {`json.match_schema({}, {"properties": {"a": {"items": [{"$ref": "FILE://` + file + `"}]}}})`, MachineRefused},
		"a file of a schema to verify":      {`json.verify_schema({"$ref": "file://` + file + `"})`, MachineRefused},
		"a schema on a host":                {`json.match_schema({}, {"$ref": "` + url + `/s"})`, NetworkRefused},
		"a host by the id of its schema":    {`json.match_schema({}, {"$id": "` + url + `/", "$ref": "s"})`, NetworkRefused},
		"a schema on a host to verify":      {`json.verify_schema({"$ref": "` + url + `/s"})`, NetworkRefused},
		"a schema on a host in a set":       {`{x | x := json.verify_schema({"allOf": [{"$ref": "` + url + `/s"}]})[0]}`, NetworkRefused},
		"a request":                         {`http.send({"method": "get", "url": "` + url + `"})`, NetworkRefused},
		"a request whose errors are caught": {`http.send({"method": "get", "url": "` + url + `", "raise_error": false})`, NetworkRefused},
		"a name to look up":                 {`net.lookup_ip_addr("localhost")`, NetworkRefused},
		"a socket":                          {`http.send({"method": "get", "url": "unix://localhost/x?socket=%2Ftmp%2Fs", "raise_error": false})`, MachineRefused},
		"a socket in quotes":                {`http.send({"method": "get", "url": "\"unix://localhost/x?socket=%2Ftmp%2Fs\""})`, MachineRefused},
		"a file by its address":             {`http.send({"method": "get", "url": "file://` + file + `"})`, MachineRefused},
		"a certificate in a file":           {`http.send({"method": "get", "url": "` + url + `", "tls_ca_cert_file": "` + file + `"})`, MachineRefused},
		"a key in a file": {`http.send({"method": "get", "url": "` + url + `", "raise_error": false,
			"tls_client_key_file": "/a", "tls_client_cert_file": "/b"})`, MachineRefused},
		"a certificate in a variable": {`http.send({"method": "get", "url": "` + url + `", "tls_ca_cert_env_variable": "HOME"})`, MachineRefused},
	} {
		t.Run(name, func(t *testing.T) {
			value, errs, err := ask(t, c.term)
			if code(err) != c.code {
				t.Errorf("gave %q, %v, %v", value, errs, err)
			}
		})
	}
	if asked > 0 {
		t.Errorf("the service was asked %d times", asked)
	}
	if value, _, err := ask(t, "opa.runtime()"); value != "{}" || err != nil {
		t.Errorf("opa.runtime tells %s, %v", value, err)
	}
}

func TestAListedHostIsAsked(t *testing.T) {
	schema := `{"type": "object"}`
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(schema)) }))
	defer service.Close()
	match := `json.match_schema({}, {"$ref": "` + service.URL + `/s"})[0]`
	if value, errs, err := ask(t, match, "127.0.0.1"); value != "true" {
		t.Errorf("gave %s, %v, %v", value, errs, err)
	}
	schema = `{"$ref": "file:///etc/hostname"}`
	if value, errs, err := ask(t, match, "127.0.0.1"); code(err) != MachineRefused {
		t.Errorf("a file that a schema elsewhere names gave %s, %v, %v", value, errs, err)
	}
	elsewhere := httptest.NewServer(http.RedirectHandler(strings.Replace(service.URL, "127.0.0.1", "localhost", 1), http.StatusFound))
	defer elsewhere.Close()
	away := `json.match_schema({}, {"$ref": "` + elsewhere.URL + `/s"})[0]`
	if value, errs, err := ask(t, away, "127.0.0.1"); code(err) != NetworkRefused {
		t.Errorf("a schema that moved to a host that is not listed gave %s, %v, %v", value, errs, err)
	}
}

func TestErrorsNameWhatABuiltinWasCalledWith(t *testing.T) {
	for term, want := range map[string]string{
		`to_number("abc")`:                                                   "`to_number(\"abc\")` is undefined: ",
		`lower(json.unmarshal("1"))`:                                         "`lower(1)` is undefined: operand 1 must be string but got number",
		`startswith(json.unmarshal("[7]")[_], "b")`:                          "`startswith(7, \"b\")` is undefined: ",
		`count(json.unmarshal(` + "`" + strings.Repeat("1", 99) + "`))":      "1…)` is undefined: ",
		`json.unmarshal(concat("", ["{a: ", "nothing"]))`:                    "`json.unmarshal(\"{a: nothing\")` is undefined: ",
		`time.parse_rfc3339_ns(concat("-", ["2024", "02", "30T00:00:00Z"]))`: "`time.parse_rfc3339_ns(\"2024-02-30T00:00:00Z\")` is undefined: ",
	} {
		_, errs, err := ask(t, term)
		if err != nil || len(errs) == 0 || !strings.Contains(errs[0].Message, want) || strings.Count(errs[0].Message, "is undefined") != 1 {
			t.Errorf("%s: %v, %v", term, errs, err)
		}
	}
}

func TestTheRuleOfAPlaceIsNamed(t *testing.T) {
	compiler := ast.NewCompiler().WithCapabilities(Capabilities(nil))
	compiler.Compile(map[string]*ast.Module{"p.rego": ast.MustParseModuleWithOpts("package shop.p\n\na contains 1 if {\n\ttrue\n}\n\nb.c := 2\n", ast.ParserOptions{})})
	for row, want := range map[int]string{2: "", 4: "data.shop.p.a", 7: "data.shop.p.b.c"} {
		if got := RuleAt(compiler, ast.NewLocation(nil, "", row, 1)); got != want {
			t.Errorf("row %d: %q, not %q", row, got, want)
		}
	}
	if RuleAt(compiler, nil) != "" {
		t.Error("a place that is unknown has a rule")
	}
}
