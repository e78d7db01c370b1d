package regotest

import (
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/cover"
)

// Coverage is what the tests evaluated of the policies; files of tests do not count.
type Coverage struct {
	Percent float64        `json:"percent"`
	Lines   int            `json:"lines"`
	Covered int            `json:"covered"`
	Files   []FileCoverage `json:"files,omitempty"`
}

// FileCoverage is that of one file; Missing are ranges of lines, first and last.
type FileCoverage struct {
	File    string   `json:"file"`
	Percent float64  `json:"percent"`
	Lines   int      `json:"lines"`
	Covered int      `json:"covered"`
	Missing [][2]int `json:"missing,omitempty"`
}

func (r *run) coverage() *Coverage {
	modules := map[string]*ast.Module{}
	for _, module := range r.unit.Modules {
		file := module.Package.Location.File
		if !strings.HasSuffix(file, "_test.rego") && r.measured(module) {
			modules[file] = module
		}
	}
	report := r.cover.Report(modules)
	total := &Coverage{}
	for file := range modules {
		if one := report.Files[file]; one != nil && one.CoveredLines+one.NotCoveredLines > 0 {
			total.add(file, one)
		}
	}
	total.Percent = percent(total.Covered, total.Lines)
	slices.SortFunc(total.Files, func(a, b FileCoverage) int { return strings.Compare(a.File, b.File) })
	return total
}

// measured says whether a policy counts: one that was named, or any whose tests were wanted.
func (r *run) measured(module *ast.Module) bool {
	if len(r.params.Packages) > 0 {
		return slices.Contains(r.params.Packages, strings.TrimPrefix(module.Package.Path.String(), "data.")) && !r.library(module)
	}
	return r.wanted(module.Package.Location.File) || len(r.params.Below) > 0 && !r.library(module)
}

func (r *run) library(module *ast.Module) bool {
	return slices.ContainsFunc(r.params.Libraries, func(path string) bool { return below(module.Package.Location.File, path) })
}

func (c *Coverage) add(file string, report *cover.FileReport) {
	missing := lineSet(report.NotCovered)
	covered := lineSet(report.Covered)
	for line := range missing {
		delete(covered, line) // a line with two expressions, one of which was never evaluated
	}
	one := FileCoverage{File: file, Covered: len(covered), Lines: len(covered) + len(missing), Missing: ranges(missing)}
	one.Percent = percent(one.Covered, one.Lines)
	c.Covered, c.Lines, c.Files = c.Covered+one.Covered, c.Lines+one.Lines, append(c.Files, one)
}

func lineSet(of []cover.Range) map[int]bool {
	out := map[int]bool{}
	for _, r := range of {
		for line := r.Start.Row; line <= r.End.Row; line++ {
			out[line] = true
		}
	}
	return out
}

func ranges(lines map[int]bool) [][2]int {
	sorted := make([]int, 0, len(lines))
	for line := range lines {
		sorted = append(sorted, line)
	}
	slices.Sort(sorted)
	var out [][2]int
	for _, line := range sorted {
		if n := len(out); n > 0 && out[n-1][1] == line-1 {
			out[n-1][1] = line
			continue
		}
		out = append(out, [2]int{line, line})
	}
	return out
}

func percent(part, whole int) float64 {
	if whole == 0 {
		return 100
	}
	return 100 * float64(part) / float64(whole)
}
