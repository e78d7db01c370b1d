package pool

import (
	"runtime"
	"sync"
	"testing"
)

func TestAPoolLendsWhatWasGivenBack(t *testing.T) {
	var p Pool[string]
	if one, found := p.Take(); found {
		t.Fatalf("an empty pool lends %q", one)
	}
	p.Give("a")
	if one, found := p.Take(); !found || one != "a" || p.Free() != 0 {
		t.Errorf("%q, %v, %d are left", one, found, p.Free())
	}
}

func TestAPoolKeepsNoMoreThanCanBeAtWork(t *testing.T) {
	var p Pool[int]
	most := runtime.GOMAXPROCS(0)
	for i := range most + 5 {
		p.Give(i)
	}
	if p.Free() != most {
		t.Errorf("%d are kept, of which %d can be at work", p.Free(), most)
	}
}

func TestAClosedPoolKeepsNothing(t *testing.T) {
	var p Pool[int]
	p.Give(1)
	p.Close()
	p.Give(2)
	if _, found := p.Take(); found || p.Free() != 0 {
		t.Errorf("%d are kept", p.Free())
	}
}

func TestNoTwoUsersHaveOneValue(t *testing.T) {
	var p Pool[*int]
	var users sync.WaitGroup
	for range 8 {
		users.Go(func() {
			for range 1000 {
				one, found := p.Take()
				if !found {
					one = new(int)
				}
				if *one++; *one != 1 {
					t.Error("two users have it")
				}
				runtime.Gosched()
				*one--
				p.Give(one)
			}
		})
	}
	users.Wait()
}
