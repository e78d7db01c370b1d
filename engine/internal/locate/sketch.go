package locate

import (
	"hash/maphash"
	"strconv"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// Sketch is a resource seen from afar: its shape (keys, lengths, types) and its scalars in the order in which they
// stand. Two resources of one shape have the same paths in the same order, so a scalar of one is named by its number in
// the other. It serves all rules that are asked about its resource, one after the other; its scalars are gathered when
// something is known of its shape.
type Sketch struct {
	shape uint64
	parts []*ast.Term
	whole bool // the part is the resource
	*scalars
}

type scalars struct {
	all    []scalar
	byText map[string][]int
	starts map[byte][]string // the texts by their first byte
}

type scalar struct {
	path []any
	text string // as a message would show it; "" for null and booleans, which say too little to recognise them by
	full string // what the value is, to compare it
}

// maxScalars bounds a sketch; larger resources (CRDs) are not recognised, but looked at each time.
const maxScalars = 2000

var shapeSeed = maphash.MakeSeed()

// NewSketch returns nil for a resource that is too large to be worth it.
func NewSketch(resource *ast.Term) *Sketch {
	s := sketchOf([]*ast.Term{resource})
	if s != nil {
		s.whole = true
	}
	return s
}

// sketchOf is that of parts, nil for those that are not there. The path of a scalar begins with the number of its part, as a
// text.
func sketchOf(parts []*ast.Term) *Sketch {
	var hash maphash.Hash
	hash.SetSeed(shapeSeed)
	left := maxScalars
	for _, part := range parts {
		if part == nil {
			_ = hash.WriteByte('-') // writing to a hash never fails
		} else if !outline(part, &hash, &left) {
			return nil
		}
	}
	return &Sketch{shape: hash.Sum64(), parts: parts}
}

// outline writes the shape of a value, and counts the scalars that it may still have; false for one that is too large.
func outline(term *ast.Term, hash *maphash.Hash, left *int) bool {
	switch v := term.Value.(type) {
	case ast.Object:
		mark(hash, '{', strconv.Itoa(v.Len()))
		return !v.Until(func(key, value *ast.Term) bool {
			name, ok := key.Value.(ast.String)
			if !ok {
				return true
			}
			mark(hash, ':', string(name))
			return !outline(value, hash, left)
		})
	case *ast.Array:
		mark(hash, '[', strconv.Itoa(v.Len()))
		for i := range v.Len() {
			if !outline(v.Elem(i), hash, left) {
				return false
			}
		}
		return true
	}
	kind := kindOfScalar(term.Value)
	_ = hash.WriteByte(kind)
	*left--
	return kind != 0 && *left >= 0
}

// kindOfScalar is 's'tring, 'n'umber, 'b'oolean, '0' for null; 0 for anything else.
func kindOfScalar(value ast.Value) byte {
	switch value.(type) {
	case ast.String:
		return 's'
	case ast.Number:
		return 'n'
	case ast.Boolean:
		return 'b'
	case ast.Null:
		return '0'
	}
	return 0
}

// gathered are the scalars.
func (s *Sketch) gathered() *scalars {
	if s.scalars == nil {
		s.scalars = &scalars{byText: map[string][]int{}, starts: map[byte][]string{}}
		for i, part := range s.parts {
			switch {
			case s.whole:
				s.scalars.gather(part, nil)
			case part != nil:
				s.scalars.gather(part, []any{strconv.Itoa(i)})
			}
		}
	}
	return s.scalars
}

func (s *scalars) gather(term *ast.Term, path []any) {
	switch v := term.Value.(type) {
	case ast.Object:
		v.Foreach(func(key, value *ast.Term) {
			name, _ := key.Value.(ast.String)
			s.gather(value, with(path, string(name)))
		})
	case *ast.Array:
		for i := range v.Len() {
			s.gather(v.Elem(i), with(path, i))
		}
	case ast.String:
		s.add(path, string(v), string(v))
	case ast.Number:
		s.add(path, string(v), string(v))
	default:
		s.add(path, "", v.String())
	}
}

// mark writes a token; its length keeps two tokens from reading like one.
func mark(hash *maphash.Hash, kind byte, text string) {
	_ = hash.WriteByte(kind)
	_, _ = hash.WriteString(strconv.Itoa(len(text)))
	_, _ = hash.WriteString(text)
}

func with(path []any, key any) []any { return append(path[:len(path):len(path)], key) }

func (s *scalars) add(path []any, text, full string) {
	if text != "" {
		if s.byText[text] == nil {
			s.starts[text[0]] = append(s.starts[text[0]], text)
		}
		s.byText[text] = append(s.byText[text], len(s.all))
	}
	s.all = append(s.all, scalar{path: path, text: text, full: full})
}

// at is the number of the scalar at a path, or -1.
func (s *scalars) at(path []any) int {
	for i := range s.all {
		if samePath(s.all[i].path, path) {
			return i
		}
	}
	return -1
}

// ownPath is a path for whoever keeps it: its names are parts of the text of a file, which would be held whole.
func ownPath(path []any) []any {
	own := make([]any, len(path))
	for i, key := range path {
		own[i] = key
		if name, isName := key.(string); isName {
			own[i] = strings.Clone(name)
		}
	}
	return own
}

func samePath(a, b []any) bool { return len(a) == len(b) && startsWith(a, b) }

func startsWith(path, prefix []any) bool {
	if len(path) < len(prefix) {
		return false
	}
	for i := range prefix {
		if path[i] != prefix[i] {
			return false
		}
	}
	return true
}
