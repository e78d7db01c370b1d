// Package pool keeps what is dear to make from one use to the next.
package pool

import (
	"runtime"
	"sync"
)

// Pool lends each of its values to one user at a time. It makes none: who finds none free makes one, and gives it back,
// unless something went wrong with it. No more are kept than can be at work at once. The zero Pool is empty; it is safe
// for concurrent use.
type Pool[T any] struct {
	mu     sync.Mutex
	free   []T
	closed bool
}

// Take is a value that nobody uses, the one given back last, or false where there is none.
func (p *Pool[T]) Take() (one T, found bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := len(p.free) - 1
	if last < 0 {
		return one, false
	}
	one, found = p.free[last], true
	var none T
	p.free[last] = none
	p.free = p.free[:last]
	return one, found
}

// Give keeps a value for the next. A closed pool keeps none, and neither does a full one.
func (p *Pool[T]) Give(one T) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed && len(p.free) < runtime.GOMAXPROCS(0) {
		p.free = append(p.free, one)
	}
}

// Free is how many values wait for a user.
func (p *Pool[T]) Free() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.free)
}

// Close lets all values go, and those that are given back from now on.
func (p *Pool[T]) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.free, p.closed = nil, true
}
