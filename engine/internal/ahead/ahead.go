// Package ahead begins work that somebody will probably ask for: a process starts while its parent does.
package ahead

import "sync"

// Work is what was begun last, until somebody takes it. It is lost where somebody asks for anything else.
type Work[Of, Made any] struct {
	mu   sync.Mutex
	of   Of
	made chan Made // closed without a value where the work failed
}

// Begin makes something of what will probably be asked for.
func (w *Work[Of, Made]) Begin(of Of, work func() Made) {
	made := make(chan Made, 1)
	w.mu.Lock()
	w.of, w.made = of, made
	w.mu.Unlock()
	go func() {
		defer close(made)
		defer func() { _ = recover() }() // what panics here panics again where a request can tell it
		made <- work()
	}()
}

// Take is what was made where it is the same that was asked for. It is given once.
func (w *Work[Of, Made]) Take(same func(Of) bool) (made Made, ok bool) {
	w.mu.Lock()
	of, begun := w.of, w.made
	var none Of
	w.of, w.made = none, nil
	w.mu.Unlock()
	if begun == nil || !same(of) {
		return made, false
	}
	made, ok = <-begun
	return made, ok
}
