package locate

import (
	"hash/maphash"
	"slices"
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
	size  int  // how many scalars it has
	*scalars
}

// scalars are those of a resource. Few resources teach anything new: the rest is found for those alone.
type scalars struct {
	all   []scalar
	count map[string]int // how many have a text

	paths  [][]any
	byText map[string][]int
	starts map[byte][]string // the texts by their first byte
}

type scalar struct {
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
	return &Sketch{shape: hash.Sum64(), parts: parts, size: maxScalars - left}
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
		s.scalars = &scalars{all: make([]scalar, 0, s.size), count: make(map[string]int, s.size)}
		for _, part := range s.parts {
			if part != nil {
				s.scalars.gather(part)
			}
		}
	}
	return s.scalars
}

// placed are the scalars with all that is known of them.
func (s *Sketch) placed() *scalars {
	found := s.gathered()
	if found.byText == nil {
		found.index()
		for i, part := range s.parts {
			switch {
			case s.whole:
				found.place(part, nil)
			case part != nil:
				found.place(part, []any{strconv.Itoa(i)})
			}
		}
	}
	return found
}

func (s *scalars) gather(term *ast.Term) {
	switch v := term.Value.(type) {
	case ast.Object:
		v.Foreach(func(_, value *ast.Term) { s.gather(value) })
	case *ast.Array:
		v.Foreach(s.gather)
	case ast.String:
		s.add(string(v))
	case ast.Number:
		s.add(string(v))
	default:
		s.all = append(s.all, scalar{full: v.String()})
	}
}

func (s *scalars) add(text string) {
	s.all = append(s.all, scalar{text: text, full: text})
	s.count[text]++
}

func (s *scalars) index() {
	s.byText, s.starts = map[string][]int{}, map[byte][]string{}
	for i := range s.all {
		text := s.all[i].text
		if text == "" {
			continue
		}
		if s.byText[text] == nil {
			s.starts[text[0]] = append(s.starts[text[0]], text)
		}
		s.byText[text] = append(s.byText[text], i)
	}
}

// place finds the paths of scalars, in the order of gather.
func (s *scalars) place(term *ast.Term, path []any) {
	switch v := term.Value.(type) {
	case ast.Object:
		v.Foreach(func(key, value *ast.Term) {
			name, _ := key.Value.(ast.String)
			s.place(value, with(path, string(name)))
		})
	case *ast.Array:
		for i := range v.Len() {
			s.place(v.Elem(i), with(path, i))
		}
	default:
		s.paths = append(s.paths, path)
	}
}

// mark writes a token; its length keeps two tokens from reading like one.
func mark(hash *maphash.Hash, kind byte, text string) {
	_ = hash.WriteByte(kind)
	_, _ = hash.WriteString(strconv.Itoa(len(text)))
	_, _ = hash.WriteString(text)
}

func with(path []any, key any) []any { return append(path[:len(path):len(path)], key) }

// at is the number of the scalar at a path, or -1.
func (s *scalars) at(path []any) int {
	return slices.IndexFunc(s.paths, func(other []any) bool { return samePath(other, path) })
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
