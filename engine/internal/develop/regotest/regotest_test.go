package regotest

import (
	"maps"
	"testing"

	"attest.continuu.ms/engine/internal/develop/suite"
	"attest.continuu.ms/engine/internal/model"

	"attest.continuu.ms/engine/internal/trial"
)

func TestRangesAreTheLines(t *testing.T) {
	same := func(numbers []uint8) bool {
		lines, found := map[int]bool{}, map[int]bool{}
		for _, n := range numbers {
			lines[int(n)] = true
		}
		last := -2
		for _, r := range ranges(lines) {
			if r[0] <= last+1 || r[1] < r[0] {
				return false // out of order, or two that should be one
			}
			for line := r[0]; line <= r[1]; line++ {
				found[line] = true
			}
			last = r[1]
		}
		return maps.Equal(lines, found)
	}
	trial.Law(t, same)
}

func TestBelow(t *testing.T) {
	cases := map[string]struct {
		file, path string
		want       bool
	}{
		"a file of the folder":       {"policies/a.rego", "policies", true},
		"a file further down":        {"policies/b/a.rego", "policies/", true},
		"the file itself":            {"policies/a.rego", "policies/a.rego", true},
		"everything here":            {"policies/a.rego", ".", true},
		"a folder with such a start": {"policies-old/a.rego", "policies", false},
		"a file above":               {"a.rego", "policies", false},
		"a name that begins with ..": {"policies/..a/a.rego", "policies", true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := below(c.file, c.path); got != c.want {
				t.Errorf("below(%q, %q) = %t", c.file, c.path, got)
			}
		})
	}
}

func TestASuiteWithoutTestsIsToldOf(t *testing.T) {
	empty := suite.Suite{Name: "s", File: "suite.yaml"}
	if got := casesOf(empty, false); len(got) != 1 || got[0].Outcome != Skip || got[0].Message == "" {
		t.Errorf("got %+v", got)
	}
	if got := casesOf(empty, true); len(got) != 0 {
		t.Errorf("a filter passes over it, got %+v", got)
	}
}

func TestOutcomesOfSuites(t *testing.T) {
	failed := []model.Problem{{Severity: model.Error}}
	cases := map[string]struct {
		c    suite.Case
		want string
	}{
		"no error":                 {suite.Case{}, Pass},
		"an error":                 {suite.Case{Error: "unexpected number of violations"}, Fail},
		"an error with a problem":  {suite.Case{Error: "failed", Problems: failed}, Error},
		"a warning":                {suite.Case{Error: "failed", Problems: []model.Problem{{Severity: model.Warning}}}, Fail},
		"skipped, though an error": {suite.Case{Skipped: true, Error: "failed"}, Skip},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := casesOf(suite.Suite{Name: "s", Tests: []suite.Test{{Name: "t", Cases: []suite.Case{c.c}}}}, false)
			if len(got) != 1 || got[0].Outcome != c.want {
				t.Errorf("got %+v, want %s", got, c.want)
			}
		})
	}
}
