package optimize

import (
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// keyed is the rewrite of a comprehension in a loop that lets OPA work it out once for all turns: where it
// compares a field of its own element with a plain variable of the loop, the compiler makes an index of it. Here
// the variable is made; nil where there is nothing of the kind.
func (o *optimizer) keyed(n nest) []edit {
	host, outside, ok := o.hostOf(n.body)
	if !ok {
		return nil
	}
	var edits []edit
	for _, statement := range n.body.statements {
		if !statement.IsEquality() && !isEqual(statement) || statement.Negated {
			continue
		}
		for _, side := range statement.Operands() {
			if e := o.variableFor(side, host, outside); e != nil {
				edits = append(edits, e...)
			}
		}
	}
	return edits
}

func isEqual(statement *ast.Expr) bool {
	return statement.IsCall() && statement.Operator().Equal(ast.Equal.Ref()) && len(statement.Operands()) == 2
}

// hostOf is the statement of a rule's body that a closure stands in, with what is bound before it.
func (o *optimizer) hostOf(b *body) (*ast.Expr, variables, bool) {
	if b.around == nil {
		return nil, nil, false
	}
	inner := b.statements[0].Location.Offset
	for _, outer := range o.source.bodies(b.rule) {
		for k, statement := range outer.statements {
			at, ok := o.source.stretch(statement.Location)
			if ok && outer != b && plain(statement) && at.from <= inner && inner < at.to && outer.around == nil {
				return statement, outer.bound[k], true
			}
		}
	}
	return nil, nil, false
}

// variableFor puts a field of the outer loop's element in a variable in front of the statement around.
func (o *optimizer) variableFor(side *ast.Term, host *ast.Expr, outside variables) []edit {
	ref, ok := side.Value.(ast.Ref)
	if !ok || len(ref) < 2 || !ref.IsGround() && !outside.holds(o.source.variables(side, true)) {
		return nil
	}
	head, ok := ref[0].Value.(ast.Var)
	at, there := o.source.stretch(side.Location)
	if !ok || !outside[head] || !there || strings.ContainsAny(o.source.at(at), "\n") {
		return nil
	}
	name := o.unique(lastWord([]*ast.Term{side}))
	return append(o.source.before(host, name+" := "+o.source.at(at)), edit{at, name})
}
