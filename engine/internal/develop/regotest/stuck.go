package regotest

import (
	"iter"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/tester"

	"attest.continuu.ms/engine/internal/deadline"
)

// guarded gives the results as they come. The runner cancels a test at its time limit, and waits for it: when
// nothing comes for longer than any test may take, then one that can't be stopped keeps it waiting.
func (r *run) guarded(results <-chan *tester.Result) iter.Seq[*tester.Result] {
	told := map[string]bool{}
	return func(yield func(*tester.Result) bool) {
		for {
			alarm := time.AfterFunc(r.params.timeout()+deadline.After, func() { deadline.Stuck("test " + r.missing(told)) })
			result, more := <-results
			alarm.Stop()
			if !more || !yield(result) {
				return
			}
			told[result.Package+"."+result.Name] = true
		}
	}
}

// missing is the first test whose result has not come.
func (r *run) missing(told map[string]bool) string {
	meant := func(string) bool { return true }
	if pattern, err := regexp.Compile(r.params.Run); err == nil {
		meant = pattern.MatchString
	}
	var names []string
	for _, module := range r.unit.Modules {
		for _, rule := range module.Rules {
			name := module.Package.Path.String() + "." + testName(rule)
			if strings.HasPrefix(testName(rule), tester.TestPrefix) && r.wanted(module.Package.Location.File) && !told[name] && meant(name) {
				names = append(names, name)
			}
		}
	}
	if len(names) == 0 {
		return "of an unknown name"
	}
	return slices.Min(names)
}

func testName(rule *ast.Rule) string {
	name, _ := rule.Head.Ref()[0].Value.(ast.Var)
	return string(name)
}
