package generate

import (
	"fmt"
	"sync/atomic"
)

// Meter says how far the making of tests is; it may be read while they are made.
type Meter struct{ done, of atomic.Int64 }

// String counts the faults that have been planted, once there are any to plant.
func (m *Meter) String() string {
	if of := m.of.Load(); of > 0 {
		return fmt.Sprintf("planted fault %d of %d", m.done.Load(), of)
	}
	return "searching inputs that reach the rules"
}

func (m *Meter) set(done, of int) {
	m.done.Store(int64(done))
	m.of.Store(int64(of))
}
