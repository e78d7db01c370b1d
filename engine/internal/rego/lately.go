package rego

import (
	"slices"
	"sync"
)

// lately is what was made last, for what is asked for again and again. The zero value holds nothing; it is safe for concurrent use.
type lately[T any] struct {
	mu     sync.Mutex
	made   []T // the latest first
	closed bool
}

// mostLately is how much is kept.
const mostLately = 8

// find is the first that is wanted.
func (l *lately[T]) find(wanted func(T) bool) (found T, known bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.IndexFunc(l.made, wanted)
	if i < 0 {
		return found, false
	}
	found = l.made[i]
	copy(l.made[1:i+1], l.made[:i])
	l.made[0] = found
	return found, true
}

func (l *lately[T]) keep(one T) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	l.made = slices.Insert(l.made, 0, one)
	if len(l.made) > mostLately {
		l.made = slices.Delete(l.made, mostLately, len(l.made))
	}
}

// close lets go what is kept; nothing is from now on.
func (l *lately[T]) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.made, l.closed = nil, true
}
