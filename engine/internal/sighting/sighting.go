// Package sighting tells what comes for the second time. Most of what passes by comes once, and is not worth a copy.
package sighting

// Marks are those of what came before, by its hash, each at the place that the hash leads to. It takes one bound of memory
// whatever comes, and so forgets: what leads to one place takes the place of what did before. The zero value knows nothing.
type Marks []uint32

// Again says whether something came before, as far as is known, and marks it. places is how many marks there are; it is the same
// each time. Two hashes are taken for one only where half of their digits agree, after being spread.
func (m *Marks) Again(hash uint64, places uint64) bool {
	if *m == nil {
		*m = make(Marks, places)
	}
	hash *= 0x9e3779b97f4a7c15 // 2⁶⁴ by the golden ratio
	place, mark := &(*m)[hash%places], uint32(hash>>32)
	again := *place == mark
	*place = mark
	return again
}
