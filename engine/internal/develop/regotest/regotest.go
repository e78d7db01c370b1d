// Package regotest runs the tests of policies: Rego unit tests, by OPA's own runner, and gator's Suites.
package regotest

import (
	"context"
	"path/filepath"
	"strings"
	"time"

	"attest.continuu.ms/engine/internal/constraint"
	"attest.continuu.ms/engine/internal/develop/suite"
	"attest.continuu.ms/engine/internal/develop/trace"
	"attest.continuu.ms/engine/internal/model"
	"attest.continuu.ms/engine/internal/policyset"
)

// Params are those of the method `test` (engine/README.md).
type Params struct {
	policyset.Params `json:"sources"`
	Packages         []string `json:"packages"`     // only tests of these policy packages; empty for all
	Below            []string `json:"below"`        // only tests in these files and folders; empty for all
	LibTests         bool     `json:"libraryTests"` // whether the tests of libraries are run, too
	Run              string   `json:"run"`          // only tests whose name matches this regular expression
	Coverage         bool     `json:"coverage"`
	Jobs             int      `json:"jobs"`
	Timeout          int64    `json:"timeout"` // of one test, in milliseconds
	SkipRego         bool     `json:"skipRego"`
	SkipSuite        bool     `json:"skipSuites"`
}

// Outcomes of a Case.
const (
	Pass  = "pass"
	Fail  = "fail"
	Error = "error" // the case could not be decided
	Skip  = "skip"
)

// Case is the result of one test.
type Case struct {
	Kind         string          `json:"kind"`  // rego or suite
	Suite        string          `json:"suite"` // the package, or the Suite's name
	Name         string          `json:"name"`
	Outcome      string          `json:"outcome"`
	File         string          `json:"file"`
	Line         int             `json:"line"`
	Milliseconds float64         `json:"milliseconds"`
	Message      string          `json:"message,omitempty"` // why it failed or could not be decided
	Failure      *trace.Node     `json:"failure,omitempty"` // the expression that failed
	Printed      []string        `json:"printed,omitempty"`
	Problems     []model.Problem `json:"problems,omitempty"`
}

// Batch is a part of the result.
type Batch struct {
	Request uint64           `json:"request"`
	Cases   model.List[Case] `json:"cases"`
}

// Result is the answer, once all cases have been told.
type Result struct {
	Problems []model.Problem `json:"problems,omitempty"` // what kept tests from being run
	Coverage *Coverage       `json:"coverage,omitempty"`
}

// Run runs the tests and emits each case as it is done.
func Run(ctx context.Context, params Params, emit func([]Case) error) (Result, error) {
	var result Result
	if !params.SkipRego {
		r := &run{ctx: ctx, params: params, emit: emit}
		if err := r.rego(&result); err != nil {
			return result, err
		}
	}
	if model.HasErrors(result.Problems) || params.SkipSuite || len(params.Packages) > 0 {
		return result, nil
	}
	return result, suites(ctx, params, emit)
}

// suites runs the Suites below the paths.
func suites(ctx context.Context, params Params, emit func([]Case) error) error {
	options := constraint.Options{CEL: true, AllowExternal: params.External, AllowNet: params.AllowNet, StrictErrors: params.StrictErrors}
	return suite.Run(ctx, suite.Params{Paths: suitePaths(params), Run: params.Run, Options: options, Timeout: params.timeout()}, func(s suite.Suite) error {
		if cases := casesOf(s, params.Run != ""); len(cases) > 0 {
			return emit(cases)
		}
		return nil
	})
}

// suitePaths are the paths that may hold Suites: those of policies are searched where they are folders.
func suitePaths(params Params) []string {
	paths := params.Paths
	if len(params.Below) > 0 {
		paths = params.Below
	}
	var out []string
	for _, path := range paths {
		if !strings.HasSuffix(path, ".rego") {
			out = append(out, path)
		}
	}
	return out
}

// casesOf flattens a Suite. What a filter passed over is not told of.
func casesOf(s suite.Suite, filtered bool) []Case {
	base := Case{Kind: "suite", Suite: s.Name, File: s.File, Line: s.Line}
	if base.Suite == "" {
		base.Suite = filepath.Base(s.File)
	}
	if s.Error != "" || s.Skipped && !filtered {
		return []Case{base.with(base.Suite, s.Skipped, s.Error, nil, s.Duration)}
	}
	if len(s.Tests) == 0 && !filtered {
		return []Case{base.with(base.Suite, true, "the Suite holds no tests", nil, s.Duration)}
	}
	var cases []Case
	for _, test := range s.Tests {
		if test.Error != "" || len(test.Cases) == 0 && !(test.Skipped && filtered) {
			cases = append(cases, base.with(test.Name, test.Skipped, test.Error, test.Problems, test.Duration))
		}
		for _, c := range test.Cases {
			if !c.Skipped || !filtered {
				cases = append(cases, base.with(test.Name+"/"+c.Name, c.Skipped, c.Error, c.Problems, c.Duration))
			}
		}
	}
	return cases
}

func (c Case) with(name string, skipped bool, failure string, problems []model.Problem, ms float64) Case {
	c.Name, c.Message, c.Problems, c.Milliseconds, c.Outcome = name, failure, problems, ms, Pass
	switch {
	case skipped:
		c.Outcome = Skip
	case failure != "" && model.HasErrors(problems):
		c.Outcome = Error
	case failure != "":
		c.Outcome = Fail
	}
	return c
}

func (p Params) timeout() time.Duration {
	if p.Timeout <= 0 {
		return policyset.DefaultTimeout
	}
	return time.Duration(p.Timeout) * time.Millisecond
}
