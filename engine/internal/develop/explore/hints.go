package explore

import (
	"context"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"

	"attest.continuu.ms/engine/internal/member"
)

// maxHints bounds what one world is changed by on the advice of one evaluation.
const maxHints = 240

// maxFailures bounds how many conditions that did not hold are looked at.
const maxFailures = 400

// Hints evaluates a world and says which edits might make conditions hold that did not: where a value
// came from is found by looking for it in the world, as fuzzers for binaries do.
func (s *Subject) Hints(ctx context.Context, w World) []Edit {
	a := &advisor{ctx: ctx, subject: s, world: w, seen: map[string]bool{}}
	for _, name := range s.Entries {
		if _, err := s.Ask(ctx, w, s.Package.Append(ast.StringTerm(name)), a); err != nil {
			break
		}
	}
	for _, own := range []bool{true, false} {
		for _, f := range a.failures {
			if f.own == own {
				a.advise(f)
			}
		}
	}
	return a.edits
}

// advisor collects the conditions that fail, with the values they had then.
type advisor struct {
	ctx      context.Context
	subject  *Subject
	world    World
	failures []failure
	edits    []Edit
	seen     map[string]bool
}

type failure struct {
	own      bool // in the policy's own file
	negated  bool
	operator string // "" for a term that stands alone
	operands []*ast.Term
}

// Enabled implements topdown.QueryTracer.
func (a *advisor) Enabled() bool { return true }

// Config implements topdown.QueryTracer.
func (a *advisor) Config() topdown.TraceConfig { return topdown.TraceConfig{} }

// TraceEvent implements topdown.QueryTracer.
func (a *advisor) TraceEvent(evt topdown.Event) {
	expr, ok := evt.Node.(*ast.Expr)
	if !ok || evt.Op != topdown.FailOp || len(a.failures) >= maxFailures {
		return
	}
	f := failure{negated: expr.Negated, own: expr.Location != nil && expr.Location.File == a.subject.File}
	switch terms := expr.Terms.(type) {
	case *ast.Term:
		f.operands = []*ast.Term{evt.Plug(terms)}
	case []*ast.Term:
		f.operator = terms[0].Value.String()
		for _, operand := range terms[1:] {
			f.operands = append(f.operands, evt.Plug(operand))
		}
	default:
		return
	}
	a.failures = append(a.failures, f)
}

func (a *advisor) add(e Edit) {
	key := Text([]any{e.Path.String(), e.Value, e.Remove})
	if len(a.edits) < maxHints && !a.seen[key] {
		a.seen[key] = true
		a.edits = append(a.edits, e)
	}
}

// operand is what is known of a value: itself, and where it stands or would stand.
type operand struct {
	value  any // nil where undefined
	known  bool
	places []place
}

// place is where a value can be changed. Where the value is only a part of a text, whole is that text.
type place struct {
	path  Path
	whole string
	part  string
	more  string // what the policy appends to the text before it looks at it
}

func (a *advisor) set(o operand, value any) {
	for _, p := range o.places {
		if text, ok := value.(string); ok && p.more != "" {
			a.add(Edit{Path: p.path, Value: strings.TrimSuffix(text, p.more)})
		} else if ok && p.part != "" {
			a.add(Edit{Path: p.path, Value: replaceFold(p.whole, p.part, text)})
		} else if p.part == "" || p.part == p.whole {
			a.add(Edit{Path: p.path, Value: value})
		}
	}
}

func (a *advisor) remove(o operand) {
	for _, p := range o.places {
		a.add(Edit{Path: p.path, Remove: true})
	}
}

func replaceFold(whole, part, by string) string {
	if at := strings.Index(strings.ToLower(whole), strings.ToLower(part)); at >= 0 {
		return whole[:at] + by + whole[at+len(part):]
	}
	return whole
}

func (a *advisor) advise(f failure) {
	operands := make([]operand, len(f.operands))
	for i, t := range f.operands {
		operands[i] = a.resolve(t)
	}
	if f.negated {
		a.unsay(operands)
		return
	}
	a.expect(f.operator, operands)
	if f.operator == "" || len(operands) < 2 {
		for _, o := range operands {
			a.invent(o)
		}
		return
	}
	if repair := repairs[f.operator]; repair != nil {
		repair(a, operands)
		return
	}
	for _, o := range operands[:len(operands)-1] {
		a.invent(o)
	}
}

// expect gives a function the constants that its heads ask for.
func (a *advisor) expect(function string, operands []operand) {
	for _, rule := range a.subject.functions[function] {
		for i, argument := range rule.Head.Args[:min(len(rule.Head.Args), len(operands))] {
			if text, ok := argument.Value.(ast.String); ok {
				a.set(operands[i], string(text))
			}
		}
	}
}

// unsay makes something untrue that is true: it was negated.
func (a *advisor) unsay(operands []operand) {
	for _, o := range operands {
		a.remove(o)
		if text, ok := o.value.(string); ok {
			a.set(o, text+"-other")
		}
		if o.value == true {
			a.set(o, false)
		}
	}
}

// invent gives a place a value of any kind.
func (a *advisor) invent(o operand) {
	for _, p := range o.places {
		for _, value := range inventions(p.path) {
			a.set(operand{places: []place{p}}, value)
		}
	}
}

func inventions(path Path) []any {
	name, kind := "example", ""
	if len(path) > 0 {
		if key, ok := path[len(path)-1].(string); ok {
			name, kind = Likely(key), usual[key]
		}
	}
	first, second := any(name), any(true)
	if kind == "boolean" {
		first, second = second, first
	}
	return []any{first, second, number(1), map[string]any{}, []any{map[string]any{}}, []any{name}, false, "", number(0), []any{}, "1", map[string]any{"example": name}, map[string]any{"example": map[string]any{}}}
}

// resolve finds out what an operand is and where it comes from.
func (a *advisor) resolve(t *ast.Term) operand {
	ref, isRef := t.Value.(ast.Ref)
	if !isRef {
		if !t.IsGround() {
			return operand{}
		}
		return a.locate(t, nil)
	}
	if ref[0].Equal(ast.InputRootDocument) {
		return a.direct(Path{"input"}, ref[1:])
	}
	for _, mock := range a.subject.Mocks {
		if target := mock.Target.Value.(ast.Ref); ref.HasPrefix(target) && len(target) > 1 {
			return a.direct(Path{mock.Name}, ref[len(target):])
		}
	}
	base, rest := ref[0], ref[1:]
	if ref[0].Equal(ast.DefaultRootDocument) {
		if base, rest = a.ask(ref); base == nil {
			return operand{}
		}
	}
	for len(rest) > 0 {
		next := member.At(base, rest[0])
		if next == nil {
			break
		}
		base, rest = next, rest[1:]
	}
	return a.locate(base, rest)
}

// ask evaluates the rule that a reference starts with.
func (a *advisor) ask(ref ast.Ref) (*ast.Term, ast.Ref) {
	node := a.subject.Set.Compiler.RuleTree.Child(ref[0].Value)
	for i, key := range ref[1:] {
		if node = node.Child(key.Value); node == nil {
			return nil, nil
		}
		if len(node.Values) == 0 {
			continue
		}
		value, err := a.subject.Ask(a.ctx, a.world, ref[:i+2])
		if err != nil || value == nil {
			return nil, nil
		}
		return value, ref[i+2:]
	}
	return nil, nil
}

// direct is the operand at a path of the world that need not exist.
func (a *advisor) direct(path Path, rest ast.Ref) operand {
	path = a.extend(path, rest)
	value, known := a.world.At(path)
	return operand{value: value, known: known, places: []place{{path: path}}}
}

// extend follows keys from a place on. An index that is still open is that of the first element; where
// there is none, the collection itself is what is missing.
func (a *advisor) extend(path Path, rest ast.Ref) Path {
	path = slices.Clone(path)
	for _, key := range rest {
		step := stepOf(key)
		if step == nil {
			here, _ := a.world.At(path)
			if step = firstStep(here); step == nil {
				break
			}
		}
		path = append(path, step)
	}
	return path
}

func firstStep(collection any) any {
	switch c := collection.(type) {
	case []any:
		if len(c) > 0 {
			return 0
		}
	case map[string]any:
		if len(c) > 0 {
			return keysOf(c)[0]
		}
	}
	return nil
}

func stepOf(key *ast.Term) any {
	switch key := key.Value.(type) {
	case ast.String:
		return string(key)
	case ast.Number:
		if i, ok := key.Int(); ok {
			return i
		}
	}
	return nil
}

// maxPlaces bounds how many places a value is taken to come from.
const maxPlaces = 4

// locate looks for a value in the world; rest are keys below it that do not exist.
func (a *advisor) locate(t *ast.Term, rest ast.Ref) operand {
	raw, err := ast.JSON(t.Value)
	if err != nil {
		return operand{}
	}
	value, err := Native(raw)
	if err != nil {
		return operand{}
	}
	o := operand{value: value, known: len(rest) == 0}
	text := Text(value)
	a.world.walkInside(func(path Path, here any) {
		if len(o.places) >= maxPlaces {
			return
		}
		if scalar(here) == scalar(value) && Text(here) == text {
			o.places = append(o.places, a.below(path, rest)...)
		} else if whole, part, ok := partOf(here, value); ok && len(rest) == 0 {
			o.places = append(o.places, place{path: path, whole: whole, part: part})
		} else if more := extended(here, value); more != "" && len(rest) == 0 {
			o.places = append(o.places, place{path: path, more: more})
		}
	})
	if len(rest) > 0 {
		o.value = nil
	}
	return o
}

func (a *advisor) below(path Path, rest ast.Ref) []place {
	return []place{{path: a.extend(path, rest)}}
}

func partOf(here, value any) (whole, part string, ok bool) {
	text, isText := value.(string)
	in, isIn := here.(string)
	if !isText || !isIn || text == "" || len(in) <= len(text)-1 {
		return "", "", false
	}
	return in, text, strings.Contains(strings.ToLower(in), strings.ToLower(text))
}

// extended is what was appended to a text of the world to make a value; "" where that is not so.
func extended(here, value any) string {
	text, isText := value.(string)
	in, isIn := here.(string)
	if more, found := strings.CutPrefix(text, in); isText && isIn && found && len(in) > 2 && len(more) < 3 {
		return more
	}
	return ""
}

// walkInside is Walk that also looks into texts which hold JSON.
func (w World) walkInside(visit func(path Path, value any)) {
	w.Walk(func(path Path, value any) {
		visit(path, value)
		text, ok := value.(string)
		if !ok || !strings.HasPrefix(text, "{") && !strings.HasPrefix(text, "[") {
			return
		}
		if document, err := decode(text); err == nil {
			walk(append(slices.Clone(path), inside{}), document, visit)
		}
	})
}
