package main

import (
	"context"
	"crypto/sha256"
	"slices"
	"sync"

	"attest.continuu.ms/engine/internal/model"
	"attest.continuu.ms/engine/internal/policyset"
)

// mostUnused is how many sets that nobody uses wait for somebody who asks for the very same: a controller opens and closes
// its policies for each application.
const mostUnused = 2

// library lends compiled sets. Sources are read each time; what was made of the very same bytes is not compiled again.
type library struct {
	mu    sync.Mutex
	books []*book // those that were used last come last
}

// book is a set that is lent to so many users.
type book struct {
	*policyset.Loaded
	users int
}

// load is a set for one more user, who gives it back.
func (l *library) load(ctx context.Context, sources policyset.Params) *policyset.Loaded {
	loaded := policyset.LoadOr(ctx, sources, l.take)
	if model.HasErrors(loaded.Problems) || l.holds(loaded.Set) {
		return loaded
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.books = append(l.books, &book{loaded, 1})
	return loaded
}

// take lends a set that is there.
func (l *library) take(digest [sha256.Size]byte) *policyset.Loaded {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.IndexFunc(l.books, func(one *book) bool { return one.Digest == digest })
	if i < 0 {
		return nil
	}
	one := l.books[i]
	one.users++
	l.books = append(slices.Delete(l.books, i, i+1), one)
	return one.Loaded
}

func (l *library) holds(set *policyset.Set) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.ContainsFunc(l.books, func(one *book) bool { return one.Set == set })
}

// giveBack ends one use of a set, and lets those go that nobody has used for longest.
func (l *library) giveBack(set *policyset.Set) {
	l.mu.Lock()
	defer l.mu.Unlock()
	unused := 0
	for i := len(l.books) - 1; i >= 0; i-- {
		one := l.books[i]
		if one.Set == set {
			one.users--
		}
		if one.users > 0 {
			continue
		}
		if unused++; unused > mostUnused {
			one.Close()
			l.books = slices.Delete(l.books, i, i+1)
		}
	}
}
