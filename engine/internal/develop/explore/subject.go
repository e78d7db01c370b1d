package explore

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/model"
	"attest.continuu.ms/engine/internal/policyset"
	"attest.continuu.ms/engine/internal/rego"
)

// Subject is one policy file under exploration, compiled with what it needs. It is not safe for
// concurrent use.
type Subject struct {
	Set     *rego.Set
	File    string
	Text    string
	Dialect string
	Package ast.Ref // data.attest.security
	Rules   []*Rule // every body of the file, in order; branches of an `else` are rules of their own
	Entries []string
	Mocks   []Mock
	Policy  model.Policy
	Words   *Words
	Fixed   map[string]any // parameters that every world has; nil where they may vary
	Evals   int            // evaluations so far

	modules   []rego.Module
	index     map[*ast.Rule]int
	functions map[string][]*ast.Rule // of the file, by the reference that calls them
	exprs     map[spot]int
	queries   map[string]ast.Body
	values    map[string]*ast.Term
	reads     map[int][]string
	limit     time.Duration
}

// Rule is a body of the file. Entry says that its results are results of the policy.
type Rule struct {
	*ast.Rule
	Name  string
	Entry bool
	Line  int
}

// Mock is a root of a world beside the input: a document under `data`, or a builtin whose answer is
// not determined by its arguments.
type Mock struct {
	Name    string
	Target  *ast.Term
	Default any // what a world starts with; nil for nothing
}

// Options of Open.
type Options struct {
	File      string
	Text      string // replaces the content of File, where not empty
	Libraries []string
	Data      map[string]any
	Fixed     map[string]any
	Limit     time.Duration // of one evaluation, beside its steps; ten seconds where it is nothing
}

// entryNames are the rules that make a package a policy.
var entryNames = []string{"violation", "deny", "warn"}

// Open reads and compiles a policy file, the libraries and those files beside it that it uses. A
// subject with a problem that is an error must not be used.
func Open(ctx context.Context, o Options) (*Subject, []model.Problem) {
	modules, problems := policyset.Modules([]string{o.File}, o.Libraries, nil)
	if model.HasErrors(problems) {
		return nil, problems
	}
	modules = append(modules, neighbours(o.File, modules)...)
	for i := range modules {
		if modules[i].File == o.File && o.Text != "" {
			modules[i].Text = o.Text
		}
	}
	return build(ctx, o, modules)
}

func build(ctx context.Context, o Options, modules []rego.Module) (*Subject, []model.Problem) {
	set, problems := rego.Compile(ctx, modules, rego.Options{Data: o.Data})
	if model.HasErrors(problems) {
		return nil, problems
	}
	s := &Subject{
		Set: set, File: o.File, Fixed: o.Fixed, modules: modules, index: map[*ast.Rule]int{}, exprs: map[spot]int{},
		queries: map[string]ast.Body{}, values: map[string]*ast.Term{}, reads: map[int][]string{}, limit: o.Limit,
	}
	if s.limit <= 0 {
		s.limit = longest
	}
	module := set.Compiler.Modules[o.File]
	if module == nil {
		return nil, append(problems, model.Problem{Severity: model.Error, Code: "no_such_policy", File: o.File, Message: "the file holds no policy"})
	}
	s.Package = module.Package.Path
	for _, m := range modules {
		if m.File == o.File {
			s.Text = m.Text
			parsed, _ := rego.Parse(m.Source) // it parsed a moment ago
			s.Dialect = parsed.Dialect
		}
	}
	for _, p := range set.Policies {
		if p.Policy.Package == strings.TrimPrefix(s.Package.String(), "data.") {
			s.Policy = p.Policy
		}
	}
	s.addRules(module)
	s.Words = s.collect()
	s.Mocks = s.findMocks()
	if more := answering(s.Mocks); more != nil && !holds(modules, more[0].File) {
		return build(ctx, o, append(modules, more...))
	}
	return s, problems
}

// FromModules makes a subject of one of several modules that are read already: that of the file. The
// others lend it what it uses.
func FromModules(ctx context.Context, o Options, main rego.Module, others []rego.Module) (*Subject, []model.Problem) {
	byPackage := map[string][]rego.Module{}
	have := []rego.Module{main}
	own := rego.PackageOf(main.Source)
	for _, m := range others {
		name := rego.PackageOf(m.Source)
		switch {
		case m.File == main.File && m.Line == main.Line && m.Text == main.Text:
		case m.Library || name == own && m.Origin == main.Origin:
			have = append(have, m)
		case name != own:
			m.Library, m.Lent = true, true
			byPackage[name] = append(byPackage[name], m)
		}
	}
	return build(ctx, o, append(have, used(have, byPackage)...))
}

// With is the same subject with another text of its file; nil where that does not compile.
func (s *Subject) With(ctx context.Context, text string) *Subject {
	modules := slices.Clone(s.modules)
	for i := range modules {
		if modules[i].File == s.File {
			modules[i].Text = text
		}
	}
	set, problems := rego.Compile(ctx, modules, rego.Options{})
	if model.HasErrors(problems) {
		return nil
	}
	other := *s
	other.Set, other.Text = set, text
	other.queries, other.values, other.reads = map[string]ast.Body{}, map[string]*ast.Term{}, map[int][]string{}
	other.index, other.exprs, other.Rules = map[*ast.Rule]int{}, map[spot]int{}, nil
	other.addRules(set.Compiler.Modules[s.File])
	return &other
}

// WithModule is the same subject with one more module, such as its tests.
func (s *Subject) WithModule(ctx context.Context, source rego.Source) (*Subject, []model.Problem) {
	set, problems := rego.Compile(ctx, append(slices.Clone(s.modules), rego.Module{Source: source, Library: true}), rego.Options{})
	if model.HasErrors(problems) {
		return nil, problems
	}
	other := *s
	other.Set = set
	other.queries, other.values, other.index = map[string]ast.Body{}, map[string]*ast.Term{}, map[*ast.Rule]int{}
	return &other, problems
}

// addRules numbers the rules of the file. Where there is no set of a policy, every rule that is no
// function counts as a result.
func (s *Subject) addRules(module *ast.Module) {
	named := map[string]bool{}
	for _, rule := range module.Rules {
		named[ruleName(rule)] = true
	}
	s.Entries = slices.DeleteFunc(slices.Clone(entryNames), func(name string) bool { return !named[name] })
	if len(s.Entries) == 0 {
		for _, rule := range module.Rules {
			if name := ruleName(rule); len(rule.Head.Args) == 0 && !slices.Contains(s.Entries, name) {
				s.Entries = append(s.Entries, name)
			}
		}
	}
	s.functions = map[string][]*ast.Rule{}
	for _, rule := range module.Rules {
		if len(rule.Head.Args) > 0 && len(rule.Head.Ref()) == 1 {
			name := s.Package.Append(ast.StringTerm(ruleName(rule))).String()
			s.functions[name] = append(s.functions[name], rule)
		}
		for r := rule; r != nil; r = r.Else {
			name := ruleName(rule)
			s.index[r] = len(s.Rules)
			s.Rules = append(s.Rules, &Rule{Rule: r, Name: name, Entry: slices.Contains(s.Entries, name) && !r.Default, Line: r.Location.Row})
		}
	}
}

func ruleName(rule *ast.Rule) string {
	switch first := rule.Head.Ref()[0].Value.(type) {
	case ast.Var:
		return string(first)
	default:
		return first.String()
	}
}

// maxNeighbours bounds how many files beside a policy are read in search of what it imports.
const maxNeighbours = 2000

// neighbours are the modules beside a policy file whose package it uses and no library defines.
func neighbours(file string, have []rego.Module) []rego.Module {
	files, _ := filepath.Glob(filepath.Join(filepath.Dir(file), "*.rego"))
	nested, _ := filepath.Glob(filepath.Join(filepath.Dir(file), "*", "*.rego"))
	byPackage := map[string][]rego.Module{}
	for _, path := range append(files, nested...)[:min(len(files)+len(nested), maxNeighbours)] {
		if filepath.Clean(path) == filepath.Clean(file) || strings.HasSuffix(path, "_test.rego") || holds(have, path) {
			continue
		}
		modules, problems := policyset.Modules([]string{path}, nil, nil)
		if len(problems) > 0 || len(modules) == 0 {
			continue
		}
		if parsed, _ := rego.Parse(modules[0].Source); parsed != nil {
			name := parsed.Module.Package.Path.String()
			modules[0].Library, modules[0].Lent = true, true
			byPackage[name] = append(byPackage[name], modules[0])
		}
	}
	return used(have, byPackage)
}

func holds(modules []rego.Module, path string) bool {
	absolute, _ := filepath.Abs(path)
	return slices.ContainsFunc(modules, func(m rego.Module) bool {
		other, _ := filepath.Abs(m.File)
		return other == absolute
	})
}

// used follows the references of modules to packages, again and again, until nothing is new. The
// policy's own package is never completed: its result would be that of several files.
func used(have []rego.Module, byPackage map[string][]rego.Module) []rego.Module {
	var out []rego.Module
	for todo := slices.DeleteFunc(slices.Clone(have), func(m rego.Module) bool { return m.Library }); len(todo) > 0; todo = todo[1:] {
		parsed, _ := rego.Parse(todo[0].Source)
		if parsed == nil {
			continue
		}
		ast.WalkRefs(parsed.Module, func(ref ast.Ref) bool {
			for name, modules := range byPackage {
				if name != parsed.Module.Package.Path.String() && strings.HasPrefix(ref.String()+".", name+".") {
					out, todo = append(out, modules...), append(todo, modules...)
					delete(byPackage, name)
				}
			}
			return false
		})
	}
	slices.SortFunc(out, func(a, b rego.Module) int { return strings.Compare(a.File, b.File) })
	return out
}
