package rego

import (
	"context"
	"fmt"
	"testing"
)

func TestSelectionsAreKeptWhileTheSetIsOpen(t *testing.T) {
	set, problems := Compile(context.Background(), []Module{{Source: Source{File: "a.rego", Text: "package a\nviolation contains input.parameters.n"}}}, Options{})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	of := func(n int) *asked {
		e, err := set.NewEvaluator(t.Context(), []Selection{{Name: "a", Parameters: map[string]any{"n": n}}}, testTimeout)
		if err != nil {
			t.Fatal(err)
		}
		e.Close(t.Context())
		return e.asked
	}
	if first := of(1); of(1) != first || of(2) == first {
		t.Error("a selection is made anew, or taken for another")
	}
	for n := range 3 * mostLately {
		if got := fmt.Sprint(of(n).choices[0].parameters); got != fmt.Sprintf(`{"n": %d}`, n) {
			t.Errorf("parameters %s of %d", got, n)
		}
	}
	if kept := len(set.prepared.made); kept != mostLately {
		t.Errorf("%d selections are kept", kept)
	}
	set.Close()
	if of(1); len(set.prepared.made) != 0 {
		t.Error("a closed set keeps selections")
	}
}
