package cel

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/google/cel-go/common/ast"
	celtypes "github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	"k8s.io/apiserver/pkg/admission/plugin/cel"
)

// Templates write the same variables again and again: those of a library begin with the containers of a Pod and the images
// that a constraint exempts. What a variable reads of the request alone is evaluated once for all constraints, what it reads of
// the constraint alone once for all requests; whoever uses it pays its cost as before.

// sight is what a variable can read, itself or through others.
type sight int

const (
	seesRequest sight = 1 << iota
	seesConstraint
	seesMore          // or it is not known
	seesNothing sight = 0
)

// share is a variable with what it means, wherever it is written: two of one meaning have one value.
type share struct {
	sight
	meaning [sha256.Size]byte
}

// sharesOf are those of all variables.
func sharesOf(variables trees) map[string]share {
	s := sharer{variables, map[string]share{}}
	for name := range variables {
		s.of(name)
	}
	return s.known
}

type sharer struct {
	trees trees
	known map[string]share
}

func (s *sharer) of(name string) share {
	if found, known := s.known[name]; known {
		return found
	}
	s.known[name] = share{sight: seesMore} // a variable that uses itself does not compile
	if tree := s.trees.of(name); tree != nil {
		s.known[name] = s.read(name, tree)
	}
	return s.known[name]
}

// read finds what a variable reads. A name that a macro binds may hide what it reads no more than it adds to it.
func (s *sharer) read(name string, t *tree) share {
	r := names{used: map[string]bool{}, bound: slices.Clone(constants)}
	ast.PreOrderVisit(t.ast.Expr(), ast.NewExprVisitor(r.visit))
	found, meaning := share{sight: r.sees()}, sha256.New()
	fmt.Fprintf(meaning, "%q %q", name, t.text) // errors say the name; quoted, no text can look like two
	for _, name := range slices.Sorted(maps.Keys(r.used)) {
		other := s.of(name)
		found.sight |= other.sight
		fmt.Fprintf(meaning, " %q %x", name, other.meaning)
	}
	meaning.Sum(found.meaning[:0])
	return found
}

// names are those of an expression.
type names struct {
	read    []string
	bound   []string
	used    map[string]bool // fields of `variables`
	fields  int             // how often one is named
	unknown bool
}

func (n *names) visit(e ast.Expr) {
	switch e.Kind() {
	case ast.IdentKind:
		n.read = append(n.read, e.AsIdent())
	case ast.SelectKind:
		if of(e, cel.VariableVarName, nil) {
			n.used[e.AsSelect().FieldName()] = true
			n.fields++
		}
	case ast.CallKind:
		names, named := boundBy(e.AsCall())
		n.bound, n.unknown = append(n.bound, names...), n.unknown || !named
	case ast.LiteralKind, ast.ListKind, ast.MapKind:
	default:
		n.unknown = true
	}
}

// sees is what they stand for, but for the variables that are used.
func (n *names) sees() (seen sight) {
	variables := 0
	for _, name := range n.read {
		seen |= sightOf(name, n.bound)
		if name == cel.VariableVarName {
			variables++
		}
	}
	if n.unknown || variables != n.fields { // else they are looked at in another way
		seen |= seesMore
	}
	return seen
}

// sightOf is what a name stands for.
func sightOf(name string, bound []string) sight {
	switch name {
	case cel.ObjectVarName, cel.OldObjectVarName, cel.RequestVarName:
		return seesRequest
	case cel.ParamsVarName:
		return seesConstraint
	case cel.VariableVarName:
		return seesNothing // but what its fields do
	}
	if slices.Contains(bound, name) {
		return seesNothing
	}
	return seesMore // the Namespace, say, which match conditions do not see
}

// lasting are the variables that read a constraint alone, by their names. It is safe for concurrent use.
type lasting struct{ known sync.Map }

func (l *lasting) find(name string) (*variable, bool) {
	if l == nil {
		return nil, false
	}
	found, known := l.known.Load(name)
	if !known {
		return nil, false
	}
	return found.(*variable), true
}

// keep is the variable that counts where two find it at once.
func (l *lasting) keep(name string, found *variable) *variable {
	if l == nil {
		return found
	}
	settle(found.value)
	found.lasts = true
	kept, _ := l.known.LoadOrStore(name, found)
	return kept.(*variable)
}

// settle makes a value find all that it finds when it is first asked, which is not safe for concurrent use: lists that were
// put together.
func settle(value ref.Val) {
	switch v := value.(type) {
	case traits.Mapper:
		for each := v.Iterator(); each.HasNext() == celtypes.True; {
			settle(v.Get(each.Next()))
		}
	case traits.Lister:
		size, _ := v.Size().(celtypes.Int)
		for i := range size {
			settle(v.Get(i))
		}
		v.Value()
	}
}
