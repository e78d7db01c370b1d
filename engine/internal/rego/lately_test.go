package rego

import (
	"slices"
	"testing"
)

func TestWhatIsFoundComesFirstAndNothingIsLost(t *testing.T) {
	var l lately[int]
	for i := range mostLately {
		l.keep(i)
	}
	for _, wanted := range []int{0, 3, 3, mostLately - 1, 1} {
		if found, known := l.find(func(one int) bool { return one == wanted }); found != wanted || !known || l.made[0] != wanted {
			t.Errorf("%d, %v of %v", found, known, l.made)
		}
	}
	if _, known := l.find(func(one int) bool { return one == mostLately }); known {
		t.Error("it finds what there is not")
	}
	kept := slices.Sorted(slices.Values(l.made))
	if len(kept) != mostLately || kept[0] != 0 || kept[mostLately-1] != mostLately-1 || len(slices.Compact(kept)) != mostLately {
		t.Errorf("%v is kept", l.made)
	}
	if l.keep(100); l.made[0] != 100 || len(l.made) != mostLately || slices.Contains(l.made, 2) {
		t.Errorf("%v is kept: what was asked for longest ago goes", l.made)
	}
}
