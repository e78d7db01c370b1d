package explore

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/topdown"
)

// An evaluation is ended by what it does: the same one always, however busy the machine is.
func TestAnEvaluationIsBoundedByItsSteps(t *testing.T) {
	for name, c := range map[string]struct {
		numbers int
		ends    bool
	}{"few steps": {200, true}, "too many": {2000, false}} {
		t.Run(name, func(t *testing.T) {
			text := "violation contains \"x\" if {\n\tsome a in numbers.range(1, %d)\n\tsome b in numbers.range(1, %[1]d)\n\ta * b < 0\n}\n"
			out := open(t, fmt.Sprintf(text, c.numbers)).Run(context.Background(), World{"input": map[string]any{}})
			if ended := out.Err == nil; ended != c.ends || !ended && !topdown.IsCancel(out.Err) {
				t.Errorf("ended: %v, %v", ended, out.Err)
			}
		})
	}
}

// A partial evaluation that would never end says nothing, and takes no time for it.
func TestAPartialEvaluationIsBoundedByItsSteps(t *testing.T) {
	for name, c := range map[string]struct {
		conditions, alternatives int
		complete                 bool
	}{"four alternatives": {1, 4, true}, "sixteen million": {12, 0, false}} {
		t.Run(name, func(t *testing.T) {
			var rule strings.Builder
			rule.WriteString("violation contains \"x\" if {\n")
			for i := range c.conditions {
				fmt.Fprintf(&rule, "\tsome a%d in [input.a, input.b, input.c, input.d]\n\ta%[1]d.x == %[1]d\n", i)
			}
			bodies, complete := open(t, rule.String()+"}\n").Residual(context.Background(), 0)
			if complete != c.complete || len(bodies) != c.alternatives {
				t.Errorf("complete: %v, %d alternatives", complete, len(bodies))
			}
		})
	}
}
