package explore

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// Words are what a policy speaks of: the constants and fields of its own rules first, then those of
// the rules that they use.
type Words struct {
	Strings  []string
	Numbers  []json.Number
	Kinds    []string // those of Strings that are kinds of Kubernetes
	Fields   []string // keys in references
	fields   []string // those of Fields that the file itself names
	own      []string // fields and short constants of the file itself: what a resource may be asked for
	optional []wish   // fields that rules look up with a default, so that nothing fails without them
	Root     string   // where a resource stands: "resource", "review", "request", "" for the input itself

	inputKeys map[string]bool
	reachable map[*ast.Rule]bool
}

// wish is a field that a resource might have, with values to give it.
type wish struct {
	field  string
	values []any
}

// maxWord is the length of the longest constant that is worth trying as a value.
const maxWord = 80

func (s *Subject) collect() *Words {
	w := &Words{inputKeys: map[string]bool{}, reachable: map[*ast.Rule]bool{}}
	for _, rule := range s.Rules {
		w.read(rule.Rule, rule.Entry)
	}
	w.fields = slices.Clone(w.Fields)
	w.own = slices.Concat(w.Fields, w.Strings)
	w.settleRoot()
	for _, rule := range s.reach() {
		w.read(rule, false)
	}
	if w.Root == "?" {
		w.settleRoot()
	}
	for _, word := range w.Strings {
		if _, known := skeletons[word]; known {
			w.Kinds = append(w.Kinds, word)
		}
	}
	return w
}

// reach lists the rules that the file's rules use, in the order of their places.
func (s *Subject) reach() []*ast.Rule {
	seen := map[*ast.Rule]bool{}
	var todo []*ast.Rule
	for _, rule := range s.Rules {
		todo = append(todo, rule.Rule)
	}
	for ; len(todo) > 0; todo = todo[1:] {
		for dependency := range s.Set.Compiler.Graph.Dependencies(todo[0]) {
			if rule, ok := dependency.(*ast.Rule); ok && !seen[rule] {
				seen[rule] = true
				todo = append(todo, rule)
			}
		}
	}
	for rule := range s.index {
		delete(seen, rule)
	}
	return slices.SortedFunc(maps.Keys(seen), func(a, b *ast.Rule) int { return a.Location.Compare(b.Location) })
}

func (w *Words) settleRoot() {
	w.Root = "?"
	for _, key := range []string{"resource", "review", "request"} {
		if w.inputKeys[key] {
			w.Root = key
			return
		}
	}
	if len(w.inputKeys) > 0 && !(len(w.inputKeys) == 1 && w.inputKeys["parameters"]) {
		w.Root = ""
	}
}

// read collects the words of a rule; what the head of an entry rule says of its results is none.
func (w *Words) read(rule *ast.Rule, entry bool) {
	w.reachable[rule] = true
	visitor := ast.NewGenericVisitor(func(node any) bool {
		switch node := node.(type) {
		case *ast.Term:
			w.term(node)
		case *ast.Expr:
			w.lookUp(node)
		}
		if _, head := node.(*ast.Head); head && entry {
			return true
		}
		_, nested := node.(*ast.Rule)
		return nested && node != any(rule)
	})
	visitor.Walk(rule)
}

// lookUp notes the field that a call of `object.get` asks for: its last key, if it is a path.
func (w *Words) lookUp(expr *ast.Expr) {
	if !expr.IsCall() || expr.Operator().String() != ast.ObjectGet.Name || len(expr.Operands()) < 3 {
		return
	}
	key := expr.Operand(1).Value
	if path, ok := key.(*ast.Array); ok && path.Len() > 0 {
		key = path.Elem(path.Len() - 1).Value
	}
	text, ok := key.(ast.String)
	if !ok || slices.ContainsFunc(w.optional, func(known wish) bool { return known.field == string(text) }) {
		return
	}
	w.optional = append(w.optional, wish{string(text), insteadOf(expr.Operand(2), string(text))})
}

// insteadOf are values for a field whose default a policy gives.
func insteadOf(fallback *ast.Term, field string) []any {
	switch fallback.Value.(type) {
	case *ast.Array:
		return []any{[]any{map[string]any{}}, []any{Likely(field)}}
	case ast.Object:
		return []any{map[string]any{"example": "example"}}
	case ast.Boolean:
		return []any{true, false}
	case ast.Number:
		return []any{number(1), number(3)}
	case ast.Null:
		return []any{Likely(field), []any{Likely(field)}, true}
	}
	return []any{Likely(field)}
}

func (w *Words) term(term *ast.Term) {
	switch value := term.Value.(type) {
	case ast.String:
		w.word(string(value))
	case ast.Number:
		if number := json.Number(value); !slices.Contains(w.Numbers, number) {
			w.Numbers = append(w.Numbers, number)
		}
	case ast.Ref:
		if value[0].Equal(ast.InputRootDocument) && len(value) > 1 {
			if key, ok := value[1].Value.(ast.String); ok {
				w.inputKeys[string(key)] = true
			}
		}
		for _, key := range value[1:] {
			if text, ok := key.Value.(ast.String); ok && !slices.Contains(w.Fields, string(text)) {
				w.Fields = append(w.Fields, string(text))
			}
		}
	}
}

func (w *Words) word(text string) {
	if len(text) > maxWord || strings.Contains(text, "%") || strings.Count(text, " ") > 1 || slices.Contains(w.Strings, text) {
		return
	}
	w.Strings = append(w.Strings, text)
}

// nondeterministic are answers for builtins that a test has to mock.
var nondeterministic = map[string]any{
	"http.send":            map[string]any{"status_code": json.Number("200"), "body": map[string]any{}},
	"time.now_ns":          json.Number("1767225600000000000"),
	"rand.intn":            json.Number("0"),
	"uuid.rfc4122":         "00000000-0000-4000-8000-000000000000",
	"opa.runtime":          map[string]any{},
	"net.lookup_ip_addr":   []any{},
	"regex.template_match": nil,
}

// findMocks lists what tests of the file must replace: documents under `data` that no rule makes, and
// builtins whose answers change.
func (s *Subject) findMocks() []Mock {
	found := map[string]Mock{}
	visitor := ast.NewGenericVisitor(func(node any) bool {
		term, ok := node.(*ast.Term)
		if !ok {
			return false
		}
		ref, ok := term.Value.(ast.Ref)
		if !ok {
			return false
		}
		if ref[0].Equal(ast.DefaultRootDocument) {
			if external := s.external(ref); external != nil {
				found[external.String()] = Mock{Name: external.String(), Target: ast.NewTerm(external)}
			}
		} else if answer := nondeterministic[ref.String()]; answer != nil {
			found[ref.String()] = Mock{Name: ref.String(), Target: ast.NewTerm(ref), Default: answer}
		}
		return false
	})
	for rule := range s.Words.reachable {
		visitor.Walk(rule)
	}
	var out []Mock
	for _, name := range slices.Sorted(maps.Keys(found)) {
		out = append(out, found[name])
	}
	return out
}

// external is the shortest prefix of a reference that no package and no rule stands for.
func (s *Subject) external(ref ast.Ref) ast.Ref {
	node := s.Set.Compiler.RuleTree
	if node = node.Child(ref[0].Value); node == nil {
		return nil
	}
	for i, key := range ref[1:] {
		if _, ok := key.Value.(ast.String); !ok || len(node.Values) > 0 {
			return nil
		}
		child := node.Child(key.Value)
		if child == nil {
			return ref[:i+2]
		}
		node = child
	}
	return nil
}

// Empty is a world that has nothing but what every world needs.
func (s *Subject) Empty() World {
	w := World{"input": map[string]any{}}
	for _, mock := range s.Mocks {
		if mock.Default != nil {
			w[mock.Name] = mock.Default
		}
	}
	if s.Fixed != nil {
		w["input"] = map[string]any{"parameters": s.Fixed}
	}
	return w
}
