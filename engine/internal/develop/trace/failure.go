package trace

import "slices"

// Failures are the expressions at which a rule failed last: for each case of a table-driven test its own,
// and for any other rule one under "". What led to the failure is below each.
func (t *Tracer) Failures() map[string]*Node {
	failures := map[string]*Node{}
	for _, rule := range t.Root.Children {
		inCase := ""
		for _, step := range rule.Children {
			switch {
			case step.testCase != "":
				inCase = step.testCase
			case step.Kind == KindExpression && step.Outcome == Fails:
				failures[inCase] = innermost(step)
			}
		}
	}
	for name, step := range failures {
		failures[name] = short(step)
	}
	return failures
}

// innermost goes from an `every` that failed to the expression that failed for its last element, whose values
// are then those of the element as well.
func innermost(step *Node) *Node {
	for _, element := range slices.Backward(step.Children) {
		if element.Kind != KindElement || element.Outcome != Fails {
			continue
		}
		for _, inner := range slices.Backward(element.Children) {
			if inner.Kind == KindExpression && inner.Outcome == Fails {
				found := innermost(inner)
				return found.within(element)
			}
		}
	}
	return step
}

func (n *Node) within(element *Node) *Node {
	copied := *n
	copied.Values = union(n.Values, element.Values)
	return &copied
}
