package check

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/storage"
)

// TestACheckThatIsLeftLeavesNoGoroutine stops checks after their first batch, by cancelling and by an error of whoever
// listens.
func TestACheckThatIsLeftLeavesNoGoroutine(t *testing.T) {
	set := loadSet(t, unnamed)
	params := Params{}
	for i := range 1000 {
		params.Inputs = append(params.Inputs, Text{File: fmt.Sprintf("f%d", i), Text: configMap("a", "x")})
	}
	gone := errors.New("nobody listens")
	leave := map[string]func(context.CancelFunc) error{
		"cancelled":      func(cancel context.CancelFunc) error { cancel(); return nil },
		"nobody listens": func(context.CancelFunc) error { return gone },
	}
	for name, end := range leave {
		t.Run(name, func(t *testing.T) {
			before := runtime.NumGoroutine()
			for range 20 {
				ctx, cancel := context.WithCancel(t.Context())
				if _, err := Run(ctx, set, params, func(Batch) error { return end(cancel) }); err == nil {
					t.Fatal("the check went on")
				}
				cancel()
			}
			for deadline := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before+2; runtime.Gosched() {
				if time.Now().After(deadline) {
					t.Fatalf("%d goroutines, there were %d", runtime.NumGoroutine(), before)
				}
			}
		})
	}
}

func TestACheckLeavesNoTransactionOpen(t *testing.T) {
	set := loadSet(t, unnamed)
	collect(t, set, Params{Inputs: []Text{{File: "a", Text: configMap("a", "x")}}})
	written := make(chan error, 1)
	go func() { // a store that is being read lets nobody write
		written <- storage.WriteOne(context.Background(), set.Rego.Store, storage.AddOp, storage.Path{"new"}, "value")
	}()
	select {
	case err := <-written:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Error("an evaluator still reads")
	}
}
