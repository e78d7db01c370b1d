package rpc

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// ExitMemory is the exit code of a process that ended itself at its memory ceiling.
const ExitMemory = 70

// watchEvery is short because a runaway evaluation allocates a gigabyte in a second.
const watchEvery = 25 * time.Millisecond

// Ceiling makes limit (bytes) the soft limit of the Go heap, and ends the process with a clear line
// on stderr once the heap stays above it after a collection was forced: better that we die, with
// our name on it, than that the machine does. A limit of zero or less means none.
func Ceiling(limit int64, stderr io.Writer) {
	if limit <= 0 {
		return
	}
	debug.SetMemoryLimit(limit)
	go func() {
		for range time.Tick(watchEvery) {
			if passed(uint64(limit)) {
				fmt.Fprintf(stderr, `{"level":"error","code":"memory","msg":"the evaluation needs more than the memory limit of %d MiB"}`+"\n", limit>>20)
				os.Exit(ExitMemory)
			}
		}
	}()
}

// passed says whether the heap is above the limit for good. Far above it there is no time to collect.
func passed(limit uint64) bool {
	if used() <= limit {
		return false
	}
	if used() <= limit+limit/2 {
		runtime.GC()
	}
	return used() > limit
}

func used() uint64 {
	samples := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(samples)
	return samples[0].Value.Uint64()
}
