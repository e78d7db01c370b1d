// Package suite runs gator's Suites (test.gatekeeper.sh/v1alpha1) with our evaluation of constraints. The
// format, the filter and the assertions are gator's own types; what a Suite says of a template is what
// gator says.
package suite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/open-policy-agent/gatekeeper/v3/pkg/gator"
	"github.com/open-policy-agent/gatekeeper/v3/pkg/gator/verify"
	"go.yaml.in/yaml/v3"

	"attest.continuu.ms/engine/internal/constraint"
	"attest.continuu.ms/engine/internal/model"
)

// Params of a run.
type Params struct {
	// Paths are Suite files, or folders that are searched for them with everything below.
	Paths []string
	// Run selects tests and cases as `gator verify --run` does: a regular expression for either, or
	// two, for tests and for cases, divided by `//`. Empty selects all.
	Run string
	// Options of the sets that templates are loaded into.
	Options constraint.Options
	// Timeout is that of one evaluation; 0 means none.
	Timeout time.Duration
}

// Suite is the result of one Suite; durations are in milliseconds. An Error of a Suite or a Test says
// why it could not run, that of a Case also why it failed.
type Suite struct {
	File     string           `json:"file"`
	Line     int              `json:"line"`
	Name     string           `json:"name"`
	Skipped  bool             `json:"skipped"`
	Error    string           `json:"error"`
	Duration float64          `json:"duration"`
	Tests    model.List[Test] `json:"tests"`
}

// Test is the result of a template with a constraint.
type Test struct {
	Name     string           `json:"name"`
	Skipped  bool             `json:"skipped"`
	Error    string           `json:"error"`
	Problems []model.Problem  `json:"problems,omitempty"`
	Duration float64          `json:"duration"`
	Cases    model.List[Case] `json:"cases"`
}

// Case is the result of an object; Violations are the messages that it got.
type Case struct {
	Name       string          `json:"name"`
	Skipped    bool            `json:"skipped"`
	Error      string          `json:"error"`
	Problems   []model.Problem `json:"problems,omitempty"`
	Duration   float64         `json:"duration"`
	Violations []string        `json:"violations,omitempty"`
}

// Failed says whether the Suite, or anything in it, failed.
func (s *Suite) Failed() bool {
	for _, t := range s.Tests {
		if t.Error != "" {
			return true
		}
		for _, c := range t.Cases {
			if c.Error != "" {
				return true
			}
		}
	}
	return s.Error != ""
}

// Run runs every Suite below the paths, in the order of their names, and emits each as it is done. It
// fails when a path can't be read, the filter is no regular expression, or the context ends.
func Run(ctx context.Context, params Params, emit func(Suite) error) error {
	filter, err := verify.NewFilter(params.Run)
	if err != nil {
		return err
	}
	files, err := find(params.Paths)
	if err != nil {
		return err
	}
	for _, file := range files {
		r := &runner{ctx: ctx, params: params, filter: filter, file: file}
		if err := emit(r.suite()); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

// find lists the files that hold Suites.
func find(paths []string) ([]string, error) {
	var out []string
	for _, path := range paths {
		err := filepath.WalkDir(path, func(file string, entry fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if entry.IsDir() && file != path && strings.HasPrefix(entry.Name(), ".") {
				return fs.SkipDir
			}
			if entry.IsDir() || !gator.IsYAMLExtension(filepath.Ext(file)) {
				return nil
			}
			raw, err := os.ReadFile(file)
			if err == nil && IsSuite(raw) {
				out = append(out, file)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// IsSuite says whether a YAML text is a Suite. A text that can't be read is one if it says so, for then
// its author must hear of the error.
func IsSuite(raw []byte) bool {
	if !bytes.Contains(raw, []byte(verify.Group)) {
		return false
	}
	var head struct {
		APIVersion string `yaml:"apiVersion"`
		Kind       string `yaml:"kind"`
	}
	if err := yaml.Unmarshal(raw, &head); err != nil {
		return bytes.Contains(raw, []byte("kind: "+verify.Kind))
	}
	return strings.HasPrefix(head.APIVersion, verify.Group+"/") && head.Kind == verify.Kind
}

// read parses a Suite as gator does, with YAML's newer rules, by which `yes` is a text.
func read(file string) (*verify.Suite, int, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, 0, err
	}
	line := 1
	var node yaml.Node
	if err := yaml.Unmarshal(raw, &node); err == nil && len(node.Content) > 0 {
		line = node.Content[0].Line
	}
	suite := &verify.Suite{}
	if err := gator.ParseYaml(raw, suite); err != nil {
		return nil, line, fmt.Errorf("%w: %w", gator.ErrInvalidYAML, err)
	}
	return suite, line, nil
}

// nameOf is the Suite's metadata.name, which gator's type leaves empty.
func nameOf(file string) string {
	var head struct {
		Metadata struct {
			Name string `yaml:"name"`
		} `yaml:"metadata"`
	}
	raw, err := os.ReadFile(file)
	if err != nil || yaml.Unmarshal(raw, &head) != nil {
		return ""
	}
	return head.Metadata.Name
}

func milliseconds(since time.Time) float64 {
	return float64(time.Since(since).Microseconds()) / 1000
}

func pathError(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return fmt.Errorf("`%s`: %w", pe.Path, pe.Err)
	}
	return err
}
