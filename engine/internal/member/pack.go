package member

import (
	"encoding/binary"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// Packer keeps values as texts: terms would be a hundred small pieces each, through which every collection of garbage goes.
// It is not safe for concurrent use.
type Packer struct {
	keys    map[string]uint64
	terms   []*ast.Term // by number, from 1
	scratch []byte
}

// mostPackedKeys are the keys of objects that have a number; others stand in the texts.
const mostPackedKeys = 1 << 12

// What a value begins with.
const (
	packedNull   = 'z'
	packedTrue   = 't'
	packedFalse  = 'f'
	packedText   = 's'
	packedNumber = 'n'
	packedArray  = '['
	packedObject = '{'
)

// Pack is the text of a value of JSON, false for any other. The text is good until the next call.
func (p *Packer) Pack(t *ast.Term) (text []byte, ok bool) {
	p.scratch = p.scratch[:0]
	ok = p.pack(t)
	return p.scratch, ok
}

func (p *Packer) pack(t *ast.Term) bool {
	switch v := t.Value.(type) {
	case ast.Null:
		p.scratch = append(p.scratch, packedNull)
	case ast.Boolean:
		p.scratch = append(p.scratch, truth(v))
	case ast.String:
		p.write(packedText, string(v))
	case ast.Number:
		p.write(packedNumber, string(v))
	case *ast.Array:
		p.count(packedArray, v.Len())
		for i := range v.Len() {
			if !p.pack(v.Elem(i)) {
				return false
			}
		}
	case ast.Object:
		p.count(packedObject, v.Len())
		return !v.Until(func(key, value *ast.Term) bool { return !p.key(key) || !p.pack(value) })
	default:
		return false
	}
	return true
}

func truth(value ast.Boolean) byte {
	if value {
		return packedTrue
	}
	return packedFalse
}

func (p *Packer) count(kind byte, n int) {
	p.scratch = binary.AppendUvarint(append(p.scratch, kind), uint64(n))
}

func (p *Packer) write(kind byte, text string) {
	p.count(kind, len(text))
	p.scratch = append(p.scratch, text...)
}

// key writes the number of a key, or 0 and the key.
func (p *Packer) key(key *ast.Term) bool {
	name, isText := key.Value.(ast.String)
	if !isText {
		return false
	}
	number, known := p.keys[string(name)]
	if !known && len(p.terms) < mostPackedKeys {
		number = p.number(strings.Clone(string(name)))
	}
	p.scratch = binary.AppendUvarint(p.scratch, number)
	return number > 0 || p.pack(key)
}

func (p *Packer) number(name string) uint64 {
	if p.keys == nil {
		p.keys = map[string]uint64{}
	}
	p.terms = append(p.terms, ast.InternedTerm(name))
	number := uint64(len(p.terms))
	p.keys[name] = number
	return number
}

// Holds says whether a text is that of a value, which is written as the one of which the text was made: 1 is not 1.0.
func (p *Packer) Holds(text string, t *ast.Term) bool {
	r := unpacker{p, text}
	return r.holds(t) && r.rest == ""
}

type unpacker struct {
	*Packer
	rest string
}

func (r *unpacker) holds(t *ast.Term) bool {
	switch v := t.Value.(type) {
	case ast.Null:
		return r.begins(packedNull)
	case ast.Boolean:
		return r.begins(truth(v))
	case ast.String:
		return r.begins(packedText) && r.reads(string(v))
	case ast.Number:
		return r.begins(packedNumber) && r.reads(string(v))
	case *ast.Array:
		return r.begins(packedArray) && r.next() == uint64(v.Len()) && r.elements(v)
	case ast.Object:
		return r.begins(packedObject) && r.next() == uint64(v.Len()) && r.members(v)
	}
	return false
}

func (r *unpacker) elements(array *ast.Array) bool {
	for i := range array.Len() {
		if !r.holds(array.Elem(i)) {
			return false
		}
	}
	return true
}

// members of an object that has as many.
func (r *unpacker) members(object ast.Object) bool {
	for range object.Len() {
		value := object.Get(r.key())
		if value == nil || !r.holds(value) {
			return false
		}
	}
	return true
}

func (r *unpacker) key() *ast.Term {
	if number := r.next(); number > 0 {
		return r.terms[number-1]
	}
	r.begins(packedText)
	length := r.next()
	name := r.rest[:length]
	r.rest = r.rest[length:]
	return ast.StringTerm(name)
}

func (r *unpacker) begins(kind byte) bool {
	if r.rest == "" || r.rest[0] != kind {
		return false
	}
	r.rest = r.rest[1:]
	return true
}

func (r *unpacker) reads(text string) bool {
	if r.next() != uint64(len(text)) {
		return false
	}
	var found bool
	r.rest, found = strings.CutPrefix(r.rest, text)
	return found
}

// next is a count, or a number; what was packed has one here.
func (r *unpacker) next() uint64 {
	for i, shift, n := 0, 0, uint64(0); i < len(r.rest); i, shift = i+1, shift+7 {
		b := r.rest[i]
		if n |= uint64(b&0x7f) << shift; b < 0x80 {
			r.rest = r.rest[i+1:]
			return n
		}
	}
	return 0
}
