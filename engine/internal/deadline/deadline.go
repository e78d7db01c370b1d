// Package deadline stops evaluations at their time limit. A builtin that does not listen can't be stopped:
// then the whole process ends, says why, and the parent starts another.
package deadline

import (
	"sync/atomic"
	"time"

	"github.com/open-policy-agent/opa/v1/topdown"
)

// After is how long a cancelled evaluation may take to notice.
const After = 5 * time.Second

// Stuck is called when the evaluation of something (`policy x`) does not end; main makes it end the process.
var Stuck = func(string) {}

// Watch cancels an evaluation once timeout is over, and calls Stuck with what was evaluated if it still
// does not end. The evaluation's end must call stop.
func Watch(what string, timeout time.Duration, cancel topdown.Cancel) (stop func()) {
	var over atomic.Bool
	timer := time.AfterFunc(timeout, func() {
		cancel.Cancel()
		time.AfterFunc(After, func() {
			if !over.Load() {
				Stuck(what)
			}
		})
	})
	return func() {
		over.Store(true)
		timer.Stop()
	}
}
