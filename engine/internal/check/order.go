package check

import (
	"context"
	"runtime"
	"sync"
)

// inOrder runs work(i) for i in [0, n) on several goroutines and hands the results to deliver in the
// order of i. At most window results wait for their turn, so memory stays flat however many files
// there are. It stops early when deliver returns false or the context ends.
func inOrder[T any](ctx context.Context, n, jobs int, worker func() func(i int) T, deliver func(T) bool) {
	if jobs <= 0 {
		jobs = runtime.NumCPU()
	}
	if n == 1 { // a request, say: what is done at once needs nobody beside
		deliver(worker()(0))
		return
	}
	jobs = min(jobs, max(n, 1))
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	window := min(window, max(n, 1)) // of files that there are
	results := make([]chan T, window)
	for i := range results {
		results[i] = make(chan T, 1)
	}
	next := make(chan int)
	tickets := make(chan struct{}, window)
	var running sync.WaitGroup
	for range jobs {
		running.Go(func() {
			work := worker()
			for i := range next {
				results[i%window] <- work(i)
			}
		})
	}
	go feed(ctx, n, next, tickets)
	for i := range n {
		select {
		case result := <-results[i%window]:
			<-tickets
			if !deliver(result) {
				stop()
				running.Wait()
				return
			}
		case <-ctx.Done():
			running.Wait()
			return
		}
	}
	running.Wait()
}

// window is how many files may be finished or under way ahead of the one whose turn it is.
const window = 256

func feed(ctx context.Context, n int, next chan<- int, tickets chan<- struct{}) {
	defer close(next)
	for i := range n {
		select {
		case tickets <- struct{}{}:
		case <-ctx.Done():
			return
		}
		select {
		case next <- i:
		case <-ctx.Done():
			return
		}
	}
}
