package load

import (
	"bytes"
	"sync"
)

// Once keeps files that were read, for whoever reads the same again in the same run. Where they have no room it keeps none of
// them. It is for several goroutines.
type Once struct {
	Room  int // bytes of texts that may still be kept
	mu    sync.Mutex
	files map[int]onceRead
}

type onceRead struct {
	text []byte
	file File
}

// Keep remembers what a text came to, under a number of the caller's. A file of which there is anything to tell is not kept:
// that is told where it is read for good.
func (o *Once) Keep(at int, text []byte, file File) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if text == nil || len(file.Problems)+len(file.Skipped) > 0 {
		return
	}
	if len(text) > o.Room {
		clear(o.files)
		o.Room = 0
		return
	}
	if o.files == nil {
		o.files = map[int]onceRead{}
	}
	o.Room -= len(text)
	o.files[at] = onceRead{text, file}
}

// Read is ReadForPlaces, but for a file that was kept, and whose source still holds the very same bytes. It is kept no longer then.
func (o *Once) Read(at int, source Source, limits Limits) File {
	o.mu.Lock()
	before, known := o.files[at]
	delete(o.files, at)
	o.mu.Unlock()
	if !known {
		return ReadForPlaces(source, limits)
	}
	fetched, raw, problem := Fetch(source, limits)
	if problem != nil || !bytes.Equal(raw, before.text) {
		return ReadForPlaces(fetched, limits)
	}
	return before.file
}
