package locate

import (
	"hash/maphash"
	"strconv"

	"github.com/open-policy-agent/opa/v1/ast"
)

// Sketch is a resource seen from afar: its shape (keys, lengths, types) and its scalars in the order in which they
// stand. Two resources of one shape have the same paths in the same order, so a scalar of one is named by its number in
// the other. A Sketch never changes and serves all rules that are asked about its resource.
type Sketch struct {
	shape   uint64
	scalars []scalar
	byText  map[string][]int
	starts  [256][]string // the texts by their first byte
}

type scalar struct {
	path []any
	text string // as a message would show it; "" for null and booleans, which say too little to recognise them by
	kind byte   // 's'tring, 'n'umber, 'b'oolean, '0' null
	full string // what the value is, to compare it
}

// maxScalars bounds a sketch; larger resources (CRDs) are not recognised, but looked at each time.
const maxScalars = 2000

var shapeSeed = maphash.MakeSeed()

// NewSketch returns nil for a resource that is too large to be worth it.
func NewSketch(resource *ast.Term) *Sketch {
	s := &Sketch{byText: map[string][]int{}}
	var hash maphash.Hash
	hash.SetSeed(shapeSeed)
	if !s.walk(resource, nil, &hash) {
		return nil
	}
	s.shape = hash.Sum64()
	return s
}

func (s *Sketch) walk(term *ast.Term, path []any, hash *maphash.Hash) bool {
	switch v := term.Value.(type) {
	case ast.Object:
		return s.walkObject(v, path, hash)
	case *ast.Array:
		mark(hash, '[', strconv.Itoa(v.Len()))
		for i := range v.Len() {
			if !s.walk(v.Elem(i), with(path, i), hash) {
				return false
			}
		}
		return true
	case ast.String:
		s.add(path, 's', string(v), string(v))
	case ast.Number:
		s.add(path, 'n', string(v), string(v))
	case ast.Boolean:
		s.add(path, 'b', "", v.String())
	case ast.Null:
		s.add(path, '0', "", "")
	default:
		return false
	}
	_ = hash.WriteByte(s.scalars[len(s.scalars)-1].kind) // writing to a hash never fails
	return len(s.scalars) <= maxScalars
}

func (s *Sketch) walkObject(v ast.Object, path []any, hash *maphash.Hash) bool {
	mark(hash, '{', strconv.Itoa(v.Len()))
	return !v.Until(func(key, value *ast.Term) bool {
		name, ok := key.Value.(ast.String)
		if !ok {
			return true
		}
		mark(hash, ':', string(name))
		return !s.walk(value, with(path, string(name)), hash)
	})
}

// mark writes a token; its length keeps two tokens from reading like one.
func mark(hash *maphash.Hash, kind byte, text string) {
	_ = hash.WriteByte(kind)
	_, _ = hash.WriteString(strconv.Itoa(len(text)))
	_, _ = hash.WriteString(text)
}

func with(path []any, key any) []any { return append(path[:len(path):len(path)], key) }

func (s *Sketch) add(path []any, kind byte, text, full string) {
	if text != "" {
		if s.byText[text] == nil {
			s.starts[text[0]] = append(s.starts[text[0]], text)
		}
		s.byText[text] = append(s.byText[text], len(s.scalars))
	}
	s.scalars = append(s.scalars, scalar{path: path, text: text, kind: kind, full: full})
}

// at is the number of the scalar at a path, or -1.
func (s *Sketch) at(path []any) int {
	for i := range s.scalars {
		if samePath(s.scalars[i].path, path) {
			return i
		}
	}
	return -1
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
