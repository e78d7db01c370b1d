package rego

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"

	regoschema "github.com/open-policy-agent/frameworks/constraint/pkg/client/drivers/rego/schema"
	"github.com/open-policy-agent/frameworks/constraint/pkg/core/templates"
	"github.com/open-policy-agent/frameworks/constraint/pkg/regorewriter"
	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/compiled"
	"attest.continuu.ms/engine/internal/locate"
	"attest.continuu.ms/engine/internal/model"
	"attest.continuu.ms/engine/internal/virtual"
)

// root is the package under which every template lives: `data.templates[kind]`.
const root = "templates"

// Violation is the rule that templates answer with.
const Violation = "violation"

// Template is the Rego of one template, in packages of its own within the shared compiler.
type Template struct {
	plans   locate.Plans // what is known of its rules when looking for the field to blame
	kind    string
	version ast.RegoVersion
	entry   *ast.Module
	modules map[string]*ast.Module // by file name
	query   query
	reads   []int // of the driver's, what it can read of a review; nil where it is asked each time
}

// query is the compiled `data.templates[kind].template.violation[entry]`.
type query struct {
	ref  ast.Ref
	body ast.Body
	out  ast.Var
	qc   ast.QueryCompiler
	// asked is nil where OPA evaluates it.
	asked *compiled.Asked
}

// SourceError is an error in one of a template's Rego texts.
type SourceError struct {
	File string // see EntryFile and libFile
	Hint string
	Err  error
}

// Error says what is wrong.
func (e *SourceError) Error() string { return e.Err.Error() }

// Unwrap is the error itself.
func (e *SourceError) Unwrap() error { return e.Err }

// EntryFile is the name of a template's own text. File names of Rego texts tell where errors lie: they are looked up by
// the loader.
func EntryFile(kind string) string        { return kind + "/rego" }
func libFile(kind string, i int) string   { return fmt.Sprintf("%s/libs/%d", kind, i) }
func key(kind string) string              { return strings.ToLower(kind) }
func packageOf(kind, name string) ast.Ref { return templatePath(kind).Append(ast.StringTerm(name)) }

func templatePath(kind string) ast.Ref {
	return ast.Ref{ast.DefaultRootDocument, ast.StringTerm(root), ast.StringTerm(key(kind))}
}

// parseTemplate parses a template's Rego and moves it to packages of its own, with the checks of the
// framework: what libraries may be called, what may be imported, which data may be read.
func parseTemplate(ct *templates.ConstraintTemplate) (*Template, error) {
	kind := ct.Spec.CRD.Spec.Names.Kind
	source, err := regoSource(ct)
	if err != nil {
		return nil, err
	}
	t := &Template{kind: kind, version: ast.RegoV0, modules: map[string]*ast.Module{}}
	if source.Version == "v1" {
		t.version = ast.RegoV1
	}
	prefix := regorewriter.NewPackagePrefixer(root + "." + key(kind) + ".libs")
	rewriter, err := regorewriter.New(prefix, []string{"data.lib"}, []string{"data.inventory"})
	if err != nil {
		return nil, err
	}
	if t.entry, err = t.parse(EntryFile(kind), source.Rego); err != nil {
		return nil, err
	}
	if !Defines(t.entry, Violation) {
		return nil, &SourceError{
			File: EntryFile(kind), Err: fmt.Errorf("the Rego defines no rule named `%s`", Violation),
			Hint: "Gatekeeper asks the rule `violation[{\"msg\": msg}]` only: rename yours",
		}
	}
	t.entry.Package.Path = packageOf(kind, "template")
	rewriter.AddEntryPointModule(EntryFile(kind), t.entry)
	for i, lib := range source.Libs {
		module, err := t.parse(libFile(kind, i), lib)
		if err != nil {
			return nil, err
		}
		if err := rewriter.AddLib(libFile(kind, i), module); err != nil {
			return nil, &SourceError{File: libFile(kind, i), Err: err}
		}
	}
	if _, err := rewriter.Rewrite(); err != nil {
		return nil, &SourceError{File: EntryFile(kind), Err: err, Hint: "templates may read `input`, `data.inventory` and their `libs` (packages under `lib`) only"}
	}
	return t, t.addHook()
}

// hook is how Gatekeeper's driver reads violations. We read them without it, but it is compiled, for
// the compiler then refuses templates whose violations can't have a `msg`, as a cluster does.
const hook = `package %[1]s[%[2]q].hook
violation[response] {
	data.%[1]s[%[2]q].template.violation[r]
	response := {"details": object.get(r, "details", {}), "msg": r.msg}
}`

// HookFile is the name of the hook of a template.
func HookFile(kind string) string { return kind + "/hook" }

func (t *Template) addHook() error {
	module, err := ast.ParseModuleWithOpts(HookFile(t.kind), fmt.Sprintf(hook, root, key(t.kind)), parserOptions(ast.RegoV0))
	t.modules[HookFile(t.kind)] = module
	return err
}

func regoSource(ct *templates.ConstraintTemplate) (*regoschema.Source, error) {
	for _, target := range ct.Spec.Targets {
		for _, code := range target.Code {
			if code.Engine == regoschema.Name {
				return regoschema.GetSource(code)
			}
		}
	}
	return nil, fmt.Errorf("the template holds no Rego")
}

func (t *Template) parse(file, source string) (*ast.Module, error) {
	module, err := ast.ParseModuleWithOpts(file, source, parserOptions(t.version))
	if err != nil {
		return nil, &SourceError{File: file, Err: err, Hint: t.versionHint(source)}
	}
	if module == nil {
		return nil, &SourceError{File: file, Err: fmt.Errorf("the Rego is empty"), Hint: "write a package with a rule named `violation`"}
	}
	t.modules[file] = module
	return module, nil
}

// capabilities are costly to list, and the parser would list them for every module.
var capabilities = sync.OnceValue(func() *ast.Capabilities { return ast.CapabilitiesForThisVersion() })

func parserOptions(version ast.RegoVersion) ast.ParserOptions {
	return ast.ParserOptions{RegoVersion: version, Capabilities: capabilities()}
}

// versionHint says so when the text is good Rego of the other version.
func (t *Template) versionHint(source string) string {
	other, hint := ast.RegoV1, "this is Rego v1: put it under `code` with `engine: Rego` and `source: {version: v1, rego: …}`"
	if t.version == ast.RegoV1 {
		other, hint = ast.RegoV0, "this is Rego v0: leave out `version: v1`, or rewrite it (`opa fmt --v0-v1`)"
	}
	if _, err := ast.ParseModuleWithOpts("", source, parserOptions(other)); err == nil {
		return hint
	}
	return ""
}

// ours are the names that templates and their texts have within the shared compiler.
var ours = regexp.MustCompile(`data\.` + root + `\.[^.]+\.(template\.|libs\.)?|[A-Za-z0-9]+/(rego|libs/\d+):\d+`)

// Readable replaces the names of the shared compiler in an error by those that the author knows.
func (d *Driver) Readable(message string) string {
	return ours.ReplaceAllStringFunc(message, func(name string) string {
		file, row, isPlace := strings.Cut(name, ":")
		if !isPlace {
			if strings.HasSuffix(name, "libs.") {
				return "data."
			}
			return ""
		}
		line, _ := strconv.Atoi(row)
		file, line, _ = d.locate(&ast.Location{File: file, Row: line})
		return fmt.Sprintf("%s:%d", file, line)
	})
}

// Defines says whether a module has a rule of a name.
func Defines(module *ast.Module, name string) bool {
	for _, rule := range module.Rules {
		if string(rule.Head.Name) == name {
			return true
		}
	}
	return false
}

// prepare compiles the query that asks for the template's violations.
func (t *Template) prepare(c *ast.Compiler, runner *compiled.Runner) error {
	q := query{ref: packageOf(t.kind, "template").Append(ast.StringTerm(Violation)), out: ast.Var("entry"), qc: c.QueryCompiler()}
	body := ast.NewBody(ast.NewExpr(ast.NewTerm(q.ref.Append(ast.NewTerm(q.out)))))
	var err error
	if q.body, err = q.qc.Compile(body); err != nil {
		return err
	}
	q.asked = runner.Prepare(q.body, q.qc, q.out)
	locate.Watch(runner, c, q.ref)
	t.query = q
	return nil
}

// LooksUp are the kinds of `data.inventory` that the template reads.
func (t *Template) LooksUp() (kinds []model.Kind) {
	for _, module := range t.modules {
		kinds = append(kinds, virtual.LookedUp(module)...)
	}
	return model.Kinds(kinds)
}

// ViolationRule is the place of the first violation rule.
func (t *Template) ViolationRule() *ast.Location {
	for _, rule := range t.entry.Rules {
		if string(rule.Head.Name) == Violation {
			return rule.Location
		}
	}
	return nil
}

// Compiled says whether the compiled evaluator knows how to judge by the template.
func (t *Template) Compiled() bool { return t.query.asked != nil }

// EntryModule is the template's own text, beside its libraries.
func (t *Template) EntryModule() *ast.Module { return t.entry }
