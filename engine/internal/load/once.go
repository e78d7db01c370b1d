package load

import (
	"bytes"
	"sync"
)

// Once keeps files that were read, for whoever reads the same again in the same run. Where they have no room it keeps none of
// them. It is for several goroutines; nil keeps nothing.
type Once struct {
	mu    sync.Mutex
	room  int // bytes of texts that may still be kept
	files map[int]onceRead
}

type onceRead struct {
	text []byte
	file File
}

// NewOnce keeps files with so many bytes of text together.
func NewOnce(room int) *Once { return &Once{room: room, files: map[int]onceRead{}} }

// Keep remembers what a text came to, under a number of the caller's. A file of which there is anything to tell is not kept:
// that is told where it is read for good.
func (o *Once) Keep(at int, text []byte, file File) {
	if o == nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if text == nil || len(file.Problems)+len(file.Skipped) > 0 {
		return
	}
	if len(text) > o.room {
		clear(o.files)
		o.room = 0
		return
	}
	o.room -= len(text)
	o.files[at] = onceRead{text, file}
}

// Read is Read, but for a file that was kept, and whose source still holds the very same bytes. It is kept no longer then.
func (o *Once) Read(at int, source Source, limits Limits) File {
	if o == nil {
		return Read(source, limits)
	}
	o.mu.Lock()
	before, known := o.files[at]
	delete(o.files, at)
	o.mu.Unlock()
	if !known {
		return Read(source, limits)
	}
	fetched, raw, problem := Fetch(source, limits)
	if problem != nil || !bytes.Equal(raw, before.text) {
		return Read(fetched, limits)
	}
	return before.file
}
