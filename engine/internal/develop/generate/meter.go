package generate

import "sync/atomic"

// Meter says how far the making of tests is; it may be read while they are made.
type Meter struct{ done, of atomic.Int64 }

// Progress counts the faults that have been planted, of all there are to plant; zero while inputs are
// searched.
type Progress struct {
	Request uint64 `json:"request"`
	Done    int64  `json:"done"`
	Of      int64  `json:"of"`
}

// Read is the progress now.
func (m *Meter) Read(request uint64) Progress {
	return Progress{Request: request, Done: m.done.Load(), Of: m.of.Load()}
}

func (m *Meter) set(done, of int) {
	m.done.Store(int64(done))
	m.of.Store(int64(of))
}
