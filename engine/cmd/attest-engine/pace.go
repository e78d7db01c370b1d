package main

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
)

// pace says how much garbage may gather before memory is collected, in percent of what is held. Most trades memory for
// speed. It is less, down to Least, where what is held and the garbage would be more than Room (bytes) together.
type pace struct {
	Most, Least int
	Room        uint64
}

// paced is the pace in force.
var paced atomic.Pointer[pace]

// keep puts a pace in force. The percentage is set anew after each collection, of which an object tells that nobody holds:
// it is finalized.
func (p *pace) keep() {
	debug.SetGCPercent(p.Most)
	if paced.Swap(p) != nil {
		return
	}
	type sentinel struct{ _ [16]byte } // more than the allocator puts together with others
	var collected func(*sentinel)
	collected = func(s *sentinel) {
		held, percent := collection()
		if next := paced.Load().after(held); next != percent {
			debug.SetGCPercent(next)
		}
		runtime.SetFinalizer(s, collected)
	}
	runtime.SetFinalizer(new(sentinel), collected)
}

// after is the percentage where so many bytes are held.
func (p *pace) after(held uint64) int {
	if held == 0 || p.Room <= held {
		return p.Least
	}
	return min(max(int((p.Room-held)*100/held), p.Least), p.Most)
}

// collection tells the bytes that the last one found in use, and the percentage in force.
func collection() (held uint64, percent int) {
	samples := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/gogc:percent"}}
	metrics.Read(samples)
	return samples[0].Value.Uint64(), int(samples[1].Value.Uint64())
}
