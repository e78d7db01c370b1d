// Package walls takes from the process what no rendering needs: the network, other programs, and writing. A chart is
// hostile, so nothing here depends on what Helm and kustomize mean to do.
package walls

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// ExitMemory is the exit code of a process that needs more than it may.
const ExitMemory = 70

// Raise puts up the walls. What the operating system can't forbid is refused by the libraries.
func Raise(memory int64) error {
	os.Clearenv()
	http.DefaultTransport = refusing{}
	ceiling(memory)
	return system(memory)
}

var errNetwork = errors.New("nothing is downloaded here")

type refusing struct{}

func (refusing) RoundTrip(*http.Request) (*http.Response, error) { return nil, errNetwork }

const (
	maxStack   = 256 << 20
	watchEvery = 10 * time.Millisecond
)

// ceiling ends the process once its heap stays above the limit.
func ceiling(limit int64) {
	debug.SetMaxStack(maxStack)
	debug.SetMemoryLimit(limit)
	go func() {
		for range time.Tick(watchEvery) {
			if used() <= uint64(limit) {
				continue
			}
			if runtime.GC(); used() > uint64(limit) {
				fmt.Fprintf(os.Stderr, "the rendering needs more than %d MiB of memory\n", limit>>20)
				os.Exit(ExitMemory)
			}
		}
	}()
}

func used() uint64 {
	samples := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(samples)
	return samples[0].Value.Uint64()
}
