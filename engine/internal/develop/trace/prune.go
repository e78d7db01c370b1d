package trace

import (
	"slices"
	"strings"
)

// What a trace shows.
const (
	Short = ""      // what decided: each body up to where it fails, and why the failing step fails
	Full  = "full"  // everything
	Fail  = "fails" // what failed, and the way there
	Notes = "notes" // what calls of trace and print said, and the way there
	Fired = "fired" // the bodies that gave a result, and how
)

// Bounds of a short trace.
const (
	attemptsShown = 3
	resultsShown  = 50
)

// View is what of a trace to show.
type View struct {
	Resource   string `json:"resource"`   // only this one: `Kind/namespace/name`
	Explain    string `json:"explain"`    // Short, Full, Fail, Notes or Fired
	Rule       string `json:"rule"`       // only rules of this name
	Message    string `json:"message"`    // with Fired: only the body that gave this violation
	ValueChars int    `json:"valueChars"` // how much of a value is shown; 0 for the default
}

// Prune reduces the rules of a trace to what a view shows.
func (v View) Prune(rules []*Node) []*Node {
	if v.Rule != "" {
		rules = named(rules, v.Rule)
	}
	var out []*Node
	for _, rule := range rules {
		if kept := v.node(rule); kept != nil {
			out = append(out, kept)
		}
	}
	return out
}

// named finds the outermost rules of a name, with or without their package.
func named(nodes []*Node, name string) []*Node {
	var out []*Node
	for _, node := range nodes {
		if node.Kind == KindRule && (node.Name == name || strings.HasSuffix(node.Name, "."+name)) {
			out = append(out, node)
		} else {
			out = append(out, named(node.Children, name)...)
		}
	}
	return out
}

func (v View) node(node *Node) *Node {
	switch v.Explain {
	case Full:
		return full(node)
	case Fail:
		return on(node, func(n *Node) bool { return n.Outcome == Fails && n.Kind != KindRule })
	case Notes:
		return on(node, func(n *Node) bool { return n.Kind == KindNote || n.Kind == KindPrint })
	case Fired:
		return v.fired(node)
	}
	return short(node)
}

// with is the node with other children.
func (n *Node) with(children []*Node) *Node {
	copied := *n
	copied.Children = children
	return &copied
}

func (n *Node) hidden() bool {
	return n.testCase != "" || n.generated && n.Outcome != Fails
}

// merged lays what a `not` negates over the expression itself: both are one line of the source.
func merged(node *Node) *Node {
	if !node.negated {
		return node
	}
	copied := node.with(nil)
	for _, child := range node.Children {
		if !child.inner {
			copied.Children = append(copied.Children, child)
			continue
		}
		copied.Values = union(copied.Values, child.Values)
		copied.Children = append(copied.Children, child.Children...)
		if node.Outcome == Holds {
			copied.Reason = child.Reason
		}
	}
	return copied
}

func union(values, more []Value) []Value {
	out := slices.Clone(values)
	for _, value := range more {
		if !slices.Contains(out, value) {
			out = append(out, value)
		}
	}
	return out
}

func full(node *Node) *Node {
	node = merged(node)
	var children []*Node
	for _, child := range node.Children {
		if !child.hidden() {
			children = append(children, full(child))
		}
	}
	return node.with(children)
}

// on keeps the nodes that are wanted, and the way to them.
func on(node *Node, wanted func(*Node) bool) *Node {
	node = merged(node)
	var children []*Node
	for _, child := range node.Children {
		if kept := on(child, wanted); kept != nil {
			children = append(children, kept)
		}
	}
	if len(children) == 0 && (node.hidden() || !wanted(node)) {
		return nil
	}
	return node.with(children)
}

// short keeps of each step what explains its outcome.
func short(node *Node) *Node {
	if node.Kind == KindRule || node.Kind == KindElement {
		return node.with(shortBody(attempts(node.Children)))
	}
	node = merged(node)
	explains := explaining(node)
	var children []*Node
	for _, child := range node.Children {
		switch {
		case child.Kind == KindNote || child.Kind == KindPrint:
			children = append(children, child)
		case child.hidden() || !explains(child):
			children = append(children, said(child)...)
		default:
			children = append(children, short(child))
		}
	}
	return node.with(children)
}

// explaining says which steps below a step tell why it holds or fails: what failed, where it fails or where
// it negates that; what held, where a negation fails; nothing, where it simply holds.
func explaining(node *Node) func(*Node) bool {
	wanted := Fails
	switch {
	case node.negated && node.Outcome == Fails:
		wanted = Holds
	case !node.negated && node.Outcome != Fails:
		return func(*Node) bool { return false }
	}
	return func(child *Node) bool { return child.Outcome == wanted || child.Kind == KindResult }
}

// said are the notes and prints below a node.
func said(node *Node) []*Node {
	var out []*Node
	for _, child := range node.Children {
		if (child.Kind == KindNote || child.Kind == KindPrint) && !child.hidden() {
			out = append(out, child)
		} else {
			out = append(out, said(child)...)
		}
	}
	return out
}

// attempts splits the steps of a body where evaluation came back to an earlier expression.
func attempts(steps []*Node) [][]*Node {
	var out [][]*Node
	for i, step := range steps {
		if i == 0 || step.Again {
			out = append(out, nil)
		}
		out[len(out)-1] = append(out[len(out)-1], step)
	}
	return out
}

func succeeded(attempt []*Node) bool {
	return len(attempt) > 0 && attempt[len(attempt)-1].Kind == KindResult
}

// shortBody keeps every attempt that gave a result, and the first few of the others.
func shortBody(all [][]*Node) []*Node {
	var out []*Node
	failed, results, left := 0, 0, 0
	for i, attempt := range all {
		if succeeded(attempt) {
			results++
		} else if i > 0 {
			failed++
		}
		if failed > attemptsShown && !succeeded(attempt) || results > resultsShown {
			left++
			continue
		}
		for _, step := range attempt {
			if !step.hidden() {
				out = append(out, short(step))
			}
		}
	}
	if left > 0 {
		out = append(out, &Node{Kind: KindMore, Count: left})
	}
	return out
}

// fired keeps a body that gave a result, reduced to the steps that led to it.
func (v View) fired(rule *Node) *Node {
	var path, out []*Node
	for _, attempt := range attempts(rule.Children) {
		path = resume(path, attempt)
		last := path[len(path)-1]
		if last.Kind != KindResult || v.Message != "" && last.Message != v.Message {
			continue
		}
		further := len(out) > 0 // only what is new of it is shown, and marked as another solution
		if further {
			path = attempt
		}
		for _, step := range path {
			if !step.hidden() {
				shown := short(step)
				shown.Again = shown.Again && further
				out = append(out, shown)
			}
		}
		if v.Message != "" {
			break
		}
	}
	if len(out) == 0 {
		return nil
	}
	return rule.with(out)
}

// resume is the steps of an attempt together with those before the expression that it came back to.
func resume(before, attempt []*Node) []*Node {
	first := attempt[0]
	var path []*Node
	for _, step := range before {
		if step.Line == first.Line && step.Column == first.Column && first.Again {
			break
		}
		if step.Kind != KindResult {
			path = append(path, step)
		}
	}
	if !first.Again {
		path = nil
	}
	return append(path, attempt...)
}
