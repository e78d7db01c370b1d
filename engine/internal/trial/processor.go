//go:build unix

package trial

import (
	"runtime"
	"syscall"
	"testing"
	"time"
)

// Processor reports the processor time of an operation, garbage collection included: on a busy machine it says more
// than the clock.
func Processor(b *testing.B) (done func()) {
	b.Helper()
	used := func() time.Duration {
		var r syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
			b.Fatal(err)
		}
		return time.Duration(r.Utime.Nano() + r.Stime.Nano())
	}
	runtime.GC()
	before := used()
	return func() { b.ReportMetric(float64(used()-before)/float64(b.N), "cpu-ns/op") }
}
