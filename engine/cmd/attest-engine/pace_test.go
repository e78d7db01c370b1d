package main

import (
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

func TestGarbageMayBeLessWhereMoreIsHeld(t *testing.T) {
	p := &pace{Most: 400, Least: 100, Room: 256 << 20}
	for _, c := range []struct {
		held uint64
		want int
	}{
		{0, 100}, {1 << 20, 400}, {51 << 20, 400}, {64 << 20, 300}, {100 << 20, 156}, {128 << 20, 100}, {200 << 20, 100}, {1 << 40, 100},
	} {
		if got := p.after(c.held); got != c.want {
			t.Errorf("%d MiB held: %d %%, expected %d %%", c.held>>20, got, c.want)
		}
	}
}

func TestThePaceFollowsWhatIsHeld(t *testing.T) {
	before := debug.SetGCPercent(100)
	defer func() {
		paced.Store(&pace{Most: before, Least: before})
		runtime.GC()
	}()
	(&pace{Most: 400, Least: 100, Room: 64 << 20}).keep()
	held := make([]byte, 128<<20)
	expectPercent(t, 100)
	runtime.KeepAlive(held)
	expectPercent(t, 400)
	(&pace{Most: 50, Least: 50}).keep()
	expectPercent(t, 50)
}

func expectPercent(t *testing.T, want int) {
	t.Helper()
	var held uint64
	var percent int
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); runtime.Gosched() {
		runtime.GC() // whose finalizers run a moment later
		if held, percent = collection(); percent == want {
			return
		}
	}
	t.Errorf("%d %% after ten seconds with %d MiB, expected %d %%", percent, held>>20, want)
}
