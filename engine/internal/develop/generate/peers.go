package generate

import "github.com/open-policy-agent/opa/v1/ast"

// peersOf says of each constant of a module, by its offset, what to replace in a world that satisfies
// its neighbours in a list, set, object or among the heads of a function: {"a": "data", "b": "binary"}
// gives for "b" that "a" becomes "b" and "data" becomes "binary".
func peersOf(module *ast.Module) map[int][]map[string]any {
	out := peers{}
	ast.WalkTerms(module, func(term *ast.Term) bool {
		out.add(entriesOf(term.Value))
		return false
	})
	heads := map[string][][]*ast.Term{}
	for _, rule := range module.Rules {
		for i, argument := range rule.Head.Args {
			if _, ok := argument.Value.(ast.String); ok {
				key := rule.Head.Ref().String() + string(rune('0'+i))
				heads[key] = append(heads[key], []*ast.Term{argument})
			}
		}
	}
	for _, entries := range heads {
		out.add(entries)
	}
	return out
}

type peers map[int][]map[string]any

// maxPeers bounds the neighbours of one constant.
const maxPeers = 30

func (p peers) add(entries [][]*ast.Term) {
	for _, entry := range entries {
		for _, own := range entry {
			for _, other := range entries[:min(len(entries), maxPeers)] {
				if &other[0] != &entry[0] {
					p[own.Location.Offset] = append(p[own.Location.Offset], replacement(other, entry, own))
				}
			}
		}
	}
}

// replacement maps the constants of one entry to those of another: the first to the first, the rest to
// the one that is meant.
func replacement(from, to []*ast.Term, meant *ast.Term) map[string]any {
	out := map[string]any{}
	for i, term := range from {
		target := to[0]
		if i > 0 && len(to) > 1 {
			target = to[1]
		}
		if i > 0 && meant != to[0] {
			target = meant
		}
		key, ok := term.Value.(ast.String)
		value, isText := target.Value.(ast.String)
		if ok && isText && key != value {
			out[string(key)] = string(value)
		}
	}
	return out
}

// entriesOf are the texts in each element of a collection; of an object, the key comes first.
func entriesOf(value ast.Value) [][]*ast.Term {
	var out [][]*ast.Term
	note := func(terms ...*ast.Term) {
		var texts []*ast.Term
		for _, term := range terms {
			texts = append(texts, textsIn(term)...)
		}
		if len(texts) > 0 {
			out = append(out, texts)
		}
	}
	switch value := value.(type) {
	case ast.Object:
		value.Foreach(func(key, member *ast.Term) { note(key, member) })
	case *ast.Array:
		value.Foreach(func(item *ast.Term) { note(item) })
	case ast.Set:
		value.Foreach(func(item *ast.Term) { note(item) })
	}
	return out
}

func textsIn(term *ast.Term) []*ast.Term {
	var out []*ast.Term
	ast.WalkTerms(term, func(t *ast.Term) bool {
		if _, ok := t.Value.(ast.String); ok && t.Location != nil {
			out = append(out, t)
		}
		return false
	})
	return out
}

// constants are the texts of an expression.
func constants(expr *ast.Expr) []string {
	var out []string
	ast.WalkTerms(expr, func(t *ast.Term) bool {
		if text, ok := t.Value.(ast.String); ok {
			out = append(out, string(text))
		}
		return false
	})
	return out
}
