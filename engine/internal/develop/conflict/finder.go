package conflict

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"github.com/open-policy-agent/opa/v1/topdown"

	"attest.continuu.ms/engine/internal/develop/explore"
	"attest.continuu.ms/engine/internal/model"
	"attest.continuu.ms/engine/internal/policyset"
	"attest.continuu.ms/engine/internal/rego"
)

// finder carries what is known from check to check.
type finder struct {
	ctx     context.Context
	params  Params
	sources policyset.Sources

	tell func(string) error // how far the work is

	judges []*judge
	units  []*unit
	items  []item
	found  []Conflict
	adding sync.Mutex // policies are looked at side by side
}

// judge is one file of a policy, or one constraint, with the inputs that were tried on it.
type judge struct {
	name        string
	enforcement string // "" where the rule's name decides
	subject     *explore.Subject
	pool        *explore.Pool
	configured  bool   // the configuration gives it parameters
	match       *match // nil for plain policies: they look at everything
	kind        string // of the constraint
	file        string // of the constraint, else that of the policy
	line        int
}

// unit is one entry rule: what can be in conflict.
type unit struct {
	*judge
	number   int
	rule     *explore.Rule
	residual []conjunction // what it asks of the input; nil where that is not known
	fired    []bool        // by item
	fields   []string      // that it is about; nil where nobody asked yet
	means    *string       // its meaning; nil where nobody asked yet
}

// item is an input that all judges are asked about.
type item struct {
	world explore.World
	from  *explore.Subject
}

func (u *unit) side(condition string) Side {
	s := Side{Policy: u.name, Rule: u.rule.Name, File: u.subject.File, Line: u.rule.Line, Condition: condition}
	if u.match != nil {
		s.File, s.Line = u.file, u.line
	}
	return s
}

// level says what a unit's findings do: strict, warn or dryrun.
func (u *unit) level() string {
	if u.enforcement != "" && u.enforcement != "strict" {
		return u.enforcement
	}
	if u.rule.Name == "warn" {
		return "warn"
	}
	return "strict"
}

func (f *finder) add(c Conflict) {
	f.adding.Lock()
	defer f.adding.Unlock()
	f.found = append(f.found, c)
}

// open compiles every policy file and constraint in force by itself, with what it uses.
func (f *finder) open() []model.Problem {
	var problems []model.Problem
	seen, mayBeAsked := map[string]bool{}, f.mayBeAsked()
	for _, m := range f.sources.Modules {
		key := m.File + fmt.Sprint(m.Line)
		if m.Library || !mayBeAsked(m) || !hasEntries(m) || seen[key] {
			continue
		}
		seen[key] = true
		problems = append(problems, f.openPolicy(m)...)
	}
	problems = append(problems, f.openConstraints()...)
	for _, j := range f.judges {
		for number, rule := range j.subject.Rules {
			if rule.Entry {
				f.units = append(f.units, &unit{judge: j, number: number, rule: rule})
			}
		}
	}
	return problems
}

// mayBeAsked tells modules of policies that were selected, as far as can be told before they are compiled.
func (f *finder) mayBeAsked() func(rego.Module) bool {
	if len(f.params.Policies) == 0 {
		return func(rego.Module) bool { return true }
	}
	names := rego.NamesOf(f.sources.Modules)
	return func(m rego.Module) bool {
		return slices.ContainsFunc(names[rego.PackageOf(m.Source)], func(name string) bool {
			_, selected := f.selection(name)
			return selected
		})
	}
}

func hasEntries(m rego.Module) bool {
	parsed, _ := rego.Parse(m.Source)
	return parsed != nil && slices.ContainsFunc(parsed.Module.Rules, isEntry)
}

func (f *finder) openPolicy(m rego.Module) []model.Problem {
	o := explore.Options{File: m.File, Data: f.sources.Data, Fixed: map[string]any{}}
	subject, problems := explore.FromModules(f.ctx, o, m, f.sources.Modules)
	if subject == nil {
		return problems
	}
	name := subject.Policy.Name
	selection, selected := f.selection(name)
	if !selected {
		return nil
	}
	fixed, err := explore.Native(rego.Merged(subject.Policy.Defaults, selection.Parameters))
	if parameters, ok := fixed.(map[string]any); ok && err == nil {
		subject.Fixed = parameters
	}
	f.judges = append(f.judges, &judge{
		name: name, enforcement: f.params.Enforcement[name], subject: subject, file: m.File,
		configured: len(selection.Parameters) > 0,
	})
	return nil
}

func (f *finder) selection(name string) (rego.Selection, bool) {
	if len(f.params.Policies) == 0 {
		return rego.Selection{Name: name}, true
	}
	for _, s := range f.params.Policies {
		if s.Name == name {
			return s, true
		}
	}
	return rego.Selection{}, false
}

const (
	// defaultBudget is how many inputs are tried for each policy.
	defaultBudget = 900
	// thorough is how many times as many are tried at most where some rule has not fired by then.
	thorough = 5
	// maxItems bounds how many inputs of each policy all policies are asked about.
	maxItems = 30
)

// explore searches each policy's inputs, and asks all policies about the best of them. It answers with
// what keeps policies from being evaluated.
func (f *finder) explore() ([]model.Problem, error) {
	examples, unreadable := explore.NamedExamples(f.params.Examples)
	if model.HasErrors(unreadable) {
		return unreadable, nil
	}
	err := f.each("searched the inputs of", func(j *judge) { f.search(j, examples) })
	if err != nil {
		return nil, err
	}
	var problems []model.Problem
	for _, j := range f.judges {
		if err := j.broken(); err != nil && f.ctx.Err() == nil {
			problems = append(problems, j.problem(err))
		}
		f.items = append(f.items, j.items()...)
	}
	if len(problems) > 0 {
		return problems, nil
	}
	return nil, f.each("compared", func(j *judge) {
		f.ask(j)
		f.reduce(j)
	})
}

func (f *finder) search(j *judge, examples []explore.Example) {
	budget := f.params.Budget
	if budget <= 0 {
		budget = defaultBudget
	}
	beside, _ := explore.ReadExamples(explore.Beside(j.subject.File, j.subject.Policy.Name))
	seeds := j.subject.Seeds(append(beside, examples...))
	if j.stuck(f, seeds) {
		return
	}
	j.pool = explore.Search(f.ctx, j.subject, seeds, budget)
	if !j.fired(f.ctx) && !j.pool.Exhausted() {
		j.pool.GoOn(f.ctx, f.thorough()*budget)
	}
}

// thorough is how many times as many inputs are tried where some rule has not fired: fewer the more policies there are, so
// that all of them together take their time only in proportion to their number.
func (f *finder) thorough() int { return max(2, min(thorough, 40/len(f.judges))) }

func (j *judge) problem(err error) model.Problem {
	out := model.Problem{
		Severity: model.Error, Code: "eval_error", File: j.file, Line: max(j.line, 1), Column: 1, Policy: j.name,
		Message: fmt.Sprintf("`%s` can't be compared with others, its evaluation fails: %s", j.name, err),
		Hint:    "look at it with `attest policy trace`",
	}
	if j.match == nil && len(j.subject.Rules) > 0 {
		out.Line = j.subject.Rules[0].Line
	}
	if topdown.IsCancel(err) {
		out.Code = "eval_timeout"
		out.Message = fmt.Sprintf("`%s` can't be compared with others: its evaluation takes more than %s", j.name, explore.Bound)
	}
	return out
}

// each runs something for every judge, as many at a time as there are cores. Judges share nothing.
func (f *finder) each(done string, do func(*judge)) error {
	slots, count := make(chan struct{}, runtime.GOMAXPROCS(0)), make(chan struct{}, len(f.judges))
	for _, j := range f.judges {
		go func() {
			slots <- struct{}{}
			do(j)
			<-slots
			count <- struct{}{}
		}()
	}
	var failed error
	for i := range f.judges {
		<-count
		if err := f.tell(fmt.Sprintf("%s %d of %d policies", done, i+1, len(f.judges))); err != nil && failed == nil {
			failed = err
		}
	}
	return failed
}

// fired says whether all rules have, but for those that look up other objects, of which few are among the inputs however
// many are tried, and those that the parameters switch off.
func (j *judge) fired(ctx context.Context) bool {
	for i, rule := range j.subject.Rules {
		if rule.Entry && len(j.pool.Holding(i)) == 0 && !looksUp(j.subject.Set.Compiler, rule.Rule) && !j.subject.Never(ctx, i) {
			return false
		}
	}
	return true
}

// items are inputs of a policy that others are asked about: a few for each of its rules, and some in
// which none of them holds.
func (j *judge) items() []item {
	var out []item
	seen := map[string]bool{}
	take := func(found []explore.Found, most int) {
		for _, one := range found {
			if key := one.World.Key(); most > 0 && !seen[key] && len(out) < maxItems && j.subject.Resource(one.World) != nil {
				seen[key] = true
				out = append(out, item{one.World, j.subject})
				most--
			}
		}
	}
	for i, rule := range j.subject.Rules {
		if rule.Entry {
			take(j.pool.Holding(i), 4)
		}
	}
	quiet := slices.DeleteFunc(slices.Clone(j.pool.Corpus), func(f explore.Found) bool { return f.Outcome.Violates() })
	take(quiet, 8)
	return out
}

// ask notes which rules of a judge hold for each item.
func (f *finder) ask(j *judge) {
	own := f.unitsOf(j)
	for _, u := range own {
		u.fired = make([]bool, len(f.items))
	}
	for i, it := range f.items {
		w, ok := j.subject.Transfer(it.world, it.from)
		if it.from == j.subject {
			w, ok = it.world, true
		}
		if !ok || f.ctx.Err() != nil || j.match != nil && !j.match.covers(it.from.Resource(it.world)) {
			continue
		}
		o := j.subject.Run(f.ctx, w)
		for _, u := range own {
			u.fired[i] = o.Err == nil && o.Held[u.number]
		}
	}
}

// reduce finds what each rule asks of the input.
func (f *finder) reduce(j *judge) {
	for _, u := range f.unitsOf(j) {
		if bodies, complete := j.subject.Residual(f.ctx, u.number); complete {
			u.residual = conjunctions(bodies, j.subject.Words.Root)
		}
	}
}

func (f *finder) unitsOf(j *judge) []*unit {
	var out []*unit
	for _, u := range f.units {
		if u.judge == j {
			out = append(out, u)
		}
	}
	return out
}

func (f *finder) policies() int {
	names := map[string]bool{}
	for _, j := range f.judges {
		names[j.name] = true
	}
	return len(names)
}

func (f *finder) inputs() int {
	sum := 0
	for _, j := range f.judges {
		sum += j.subject.Evals
	}
	return sum
}
