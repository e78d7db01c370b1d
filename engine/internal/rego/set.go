// Package rego holds plain policies: parsing, compiling, describing and evaluating Rego packages that
// have a `violation`, `deny` or `warn` set.
package rego

import (
	"cmp"
	"context"
	"maps"
	"runtime"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/metrics"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/topdown"
	"github.com/open-policy-agent/opa/v1/topdown/cache"
	"golang.org/x/sync/errgroup"

	"attest.continuu.ms/engine/internal/compiled"
	"attest.continuu.ms/engine/internal/locate"
	"attest.continuu.ms/engine/internal/model"
	"attest.continuu.ms/engine/internal/virtual"
)

// Module is a Rego source with what configuration says of it. Origin tells sources apart: two
// origins must not define the same policy package. A Library only lends rules to others; one
// that is Lent is a user's module that does so for the time being, and comes before the libraries of that name.
// A Shipped one makes way for a policy of the project, unless that one only Adds: it must not take a policy's place.
type Module struct {
	Source
	Origin   string
	Library  bool
	Lent     bool
	Shipped  bool
	Adds     bool
	Replaces []string // names of the shipped policies that it stands in for
	Name     string
	Severity string
	Level    string
}

// Options of a policy set.
type Options struct {
	Data         map[string]any
	AllowNet     []string
	StrictErrors bool
	Print        bool
	Evaluator    compiled.Mode
	// Form is that of the input of policies that don't ship. Where it is empty, it is the resource's, and nothing is
	// said of fields that the input does not have.
	Form Form
}

// Policy is a compiled plain policy.
type Policy struct {
	model.Policy
	Level   string // "Namespace": only namespaced resources; else every resource
	Form    Form   // of its input
	queries []query
}

// Set is an immutable, compiled set of plain policies, safe for concurrent use.
type Set struct {
	Compiler *ast.Compiler
	Store    storage.Store
	Policies []*Policy

	options      Options
	caches       cache.InterQueryCache
	values       cache.InterQueryValueCache
	capabilities *ast.Capabilities
	reads        map[string]Reading // by name of the policy
	same         *virtual.Rules
	strict       bool
	runner       *compiled.Runner
	stored       ast.Value // what stands in Store
	prepared     *prepared
	around       *around
}

type query struct {
	rule  string
	ref   ast.Ref
	body  ast.Body
	out   ast.Var
	qc    ast.QueryCompiler
	asked *compiled.Asked // nil where OPA evaluates it
	// plans are shared by all evaluations that look for the field to blame.
	plans *locate.Plans
}

// Compile parses and compiles modules. Problems that are errors mean that the set must not be used.
func Compile(ctx context.Context, modules []Module, options Options) (*Set, []model.Problem) {
	translation := translated(modules, options)
	parsed, problems := translation.parsed, translation.problems
	set := &Set{options: options, capabilities: translation.capabilities, Compiler: translation.compiler, prepared: &prepared{}, around: &around{}}
	problems = append(problems, set.takenPaths(parsed)...)
	if model.HasErrors(problems) {
		return set, problems
	}
	set.Store = inmem.NewFromObjectWithOpts(options.Data, inmem.OptReturnASTValuesOnRead(true))
	set.caches, set.values = NewCaches(ctx)
	set.stored = set.Document(ctx, ast.DefaultRootRef)
	set.runner = compiled.NewRunner(options.Evaluator, set.Compiler, nil)
	problems = append(problems, set.prepare(parsed)...)
	return set, problems
}

// member is a parsed module with the module it came from.
type member struct {
	*Parsed
	Module Module
}

// joined parses modules and says what keeps them from being one set; libraries have yielded to users.
func joined(modules []Module) ([]member, []model.Problem) {
	parsed, problems := parseAll(modules)
	parsed, more := join(parsed)
	return parsed, append(problems, more...)
}

func join(parsed []member) ([]member, []model.Problem) {
	parsed = replaceShipped(parsed)
	problems := append(conflicts(parsed), intrusions(parsed)...)
	return yieldToUsers(parsed), problems
}

// parseAll parses on all cores: parsing takes a fifth of the time of a short run.
func parseAll(modules []Module) ([]member, []model.Problem) {
	parsed, errs := make([]*Parsed, len(modules)), make([][]model.Problem, len(modules))
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, m := range modules {
		group.Go(func() error {
			defer func() { _ = recover() }() // what panics here panics again below, where a request can tell it
			parsed[i], errs[i] = Parse(m.Source)
			return nil
		})
	}
	_ = group.Wait() // no function returns an error
	var out []member
	for i, m := range modules {
		if parsed[i] == nil && errs[i] == nil {
			parsed[i], errs[i] = Parse(m.Source)
		}
		if parsed[i] != nil {
			out = append(out, member{parsed[i], m})
		}
	}
	return out, slices.Concat(errs...)
}

func (s *Set) compile(parsed []member) []model.Problem {
	s.Compiler = ast.NewCompiler().WithCapabilities(s.capabilities).WithEnablePrintStatements(s.options.Print).
		WithStrict(s.strict).SetErrorLimit(0)
	modules, sources := keyed(parsed)
	s.Compiler.Compile(modules)
	return sources.problems(s.Compiler.Errors)
}

// takenPaths are the rules that stand where data has a value; none where something else is wrong with the modules.
func (s *Set) takenPaths(parsed []member) []model.Problem {
	if s.Compiler.Failed() {
		return nil
	}
	_, sources := keyed(parsed)
	return sources.problems(ast.CheckPathConflicts(s.Compiler, s.dataHolds))
}

// dataHolds tells the compiler which rule paths are taken by data documents.
func (s *Set) dataHolds(path []string) (bool, error) {
	var node any = s.options.Data
	for _, key := range path {
		object, ok := node.(map[string]any)
		if !ok {
			return true, nil
		}
		if node, ok = object[key]; !ok {
			return false, nil
		}
	}
	_, isObject := node.(map[string]any)
	return !isObject, nil
}

func (s *Set) prepare(parsed []member) []model.Problem {
	var problems []model.Problem
	reader, reached := &reader{declaredBy(parsed), map[*ast.Rule]Reading{}}, map[*ast.Rule]bool{}
	s.reads = map[string]Reading{}
	for _, group := range packages(parsed) {
		policy, err := s.policy(group)
		if err != nil {
			problems = append(problems, model.Problem{Severity: model.Error, Code: "rego_compile_error", Message: err.Error(), File: group[0].File})
			continue
		}
		s.Policies = append(s.Policies, policy)
		own := s.reached(group)
		reading := reader.of(own, declaredOf(group, reader.declared))
		s.reads[policy.Name], policy.LooksUp = reading, model.Kinds(reading.LookedUp)
		maps.Copy(reached, own)
	}
	problems = append(problems, sameName(s.Policies)...)
	problems = append(problems, replacements(reached)...)
	problems = append(problems, s.missingFields(parsed, s.options.Form)...)
	s.same = sameRules(s.Compiler)
	return problems
}

// packages groups the modules of each policy package, sorted by package; libraries are left out
// but for the helpers that they lend to a policy's own package.
func packages(parsed []member) [][]member {
	groups := map[string][]member{}
	for _, m := range parsed {
		if !m.Module.Library {
			name := packageName(m.Parsed.Module.Package)
			groups[name] = append(groups[name], m)
		}
	}
	var out [][]member
	for _, name := range slices.Sorted(mapsKeys(groups)) {
		if len(definedRules(parsedOf(groups[name]))) > 0 {
			out = append(out, groups[name])
		}
	}
	return out
}

func (s *Set) policy(group []member) (*Policy, error) {
	policy := &Policy{Policy: describe(parsedOf(group)), Form: cmp.Or(s.options.Form, ResourceForm)}
	policy.Compiled = true
	for _, m := range group {
		set(&policy.Name, m.Module.Name)
		set(&policy.Policy.Severity, m.Module.Severity)
		set(&policy.Level, m.Module.Level)
		policy.Shipped = m.Module.Shipped
		policy.Replaces = append(policy.Replaces, m.Module.Replaces...)
	}
	if policy.Shipped {
		policy.Form = ResourceForm
	}
	policy.Policy.Severity = strings.ToLower(policy.Policy.Severity)
	for _, rule := range policy.Rules {
		q, err := s.query(group[0].Parsed.Module.Package.Path, rule)
		if err != nil {
			return nil, err
		}
		policy.queries = append(policy.queries, q)
		policy.Compiled = policy.Compiled && q.asked != nil
	}
	return policy, nil
}

func (s *Set) query(pkg ast.Ref, rule string) (query, error) {
	ref := pkg.Append(ast.StringTerm(rule))
	body, qc, out, err := s.asking(ref)
	if err != nil {
		return query{}, err
	}
	asked := s.runner.Prepare(body, qc, out)
	locate.Watch(s.runner, s.Compiler, ref)
	return query{rule: rule, ref: ref, body: body, out: out, qc: qc, asked: asked, plans: &locate.Plans{}}, nil
}

// asking is a query for the value at ref, which it gives to out.
func (s *Set) asking(ref ast.Ref) (body ast.Body, qc ast.QueryCompiler, out ast.Var, err error) {
	out, qc = ast.Var("result"), s.Compiler.QueryCompiler()
	body, err = qc.Compile(ast.NewBody(ast.Equality.Expr(ast.NewTerm(out), ast.NewTerm(ref))))
	return body, qc, out, err
}

// Kubernetes is the version whose types resources are held to, as the documents say; empty where they don't.
func (s *Set) Kubernetes() string {
	attest, _ := s.options.Data["attest"].(map[string]any)
	version, _ := attest["kubernetes_version"].(string)
	return version
}

// Close lets go what evaluations have kept of the set, and of sets with its inventories. Those that have begun may end,
// and keep nothing.
func (s *Set) Close() {
	s.prepared.close()
	if s.runner != nil {
		s.runner.Close()
	}
}

// NewQuery is a query on this set with everything that an evaluation needs but its input; the locator
// and the tools build theirs from it, so that they see what the verdict saw.
func (s *Set) NewQuery(body ast.Body, txn storage.Transaction) *topdown.Query {
	return topdown.NewQuery(body).WithCompiler(s.Compiler).WithStore(s.Store).WithTransaction(txn).
		WithInterQueryBuiltinCache(s.caches).WithInterQueryBuiltinValueCache(s.values).WithMetrics(metrics.NoOp())
}
