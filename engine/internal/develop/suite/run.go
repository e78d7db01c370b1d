package suite

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/open-policy-agent/frameworks/constraint/pkg/apis/constraints"
	frameworktypes "github.com/open-policy-agent/frameworks/constraint/pkg/types"
	"github.com/open-policy-agent/gatekeeper/v3/pkg/gator"
	"github.com/open-policy-agent/gatekeeper/v3/pkg/gator/verify"
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"attest.continuu.ms/engine/internal/constraint"
	"attest.continuu.ms/engine/internal/constraint/admission"
	"attest.continuu.ms/engine/internal/constraint/enforcement"
	"attest.continuu.ms/engine/internal/constraint/gatekeeper"
	"attest.continuu.ms/engine/internal/model"
)

// runner runs the Suite of one file.
type runner struct {
	ctx    context.Context
	params Params
	filter verify.Filter
	file   string
}

func (r *runner) suite() Suite {
	start := time.Now()
	out := Suite{File: r.file, Name: nameOf(r.file)}
	suite, line, err := read(r.file)
	out.Line = line
	switch {
	case err != nil:
		out.Error = pathError(err).Error()
	case suite.Skip:
		out.Skipped = true
	default:
		for i := range suite.Tests {
			out.Tests = append(out.Tests, r.test(&suite.Tests[i]))
		}
	}
	out.Duration = milliseconds(start)
	return out
}

func (r *runner) test(t *verify.Test) Test {
	out := Test{Name: t.Name, Cases: []Case{}}
	if t.Skip || !r.filter.MatchesTest(t) {
		out.Skipped = true
		return out
	}
	start := time.Now()
	sets, problems, err := r.load(t)
	out.Problems = problems
	if t.Invalid {
		err = expectInvalid(problems, err)
	} else if err == nil {
		for _, c := range t.Cases {
			out.Cases = append(out.Cases, r.testCase(t, sets, c))
		}
	}
	if err != nil {
		out.Error = pathError(err).Error()
	}
	out.Duration = milliseconds(start)
	return out
}

// expectInvalid is for tests whose constraint must break the schema of its template.
func expectInvalid(problems []model.Problem, err error) error {
	for _, p := range problems {
		if p.Code == constraint.CodeSchema {
			return nil
		}
	}
	return fmt.Errorf("%w: got error %v but want %w", gator.ErrValidConstraint, err, constraints.ErrSchema)
}

// sets are what a test judges by: requests of an API server are not expanded, so they need a set
// without the test's ExpansionTemplates.
type sets struct{ expanding, plain *constraint.Set }

// load reads a test's template and constraint. An error says that the test can't run; its problems say
// why, with lines.
func (r *runner) load(t *verify.Test) (sets, []model.Problem, error) {
	objects, err := r.policies(t)
	if err != nil {
		return sets{}, nil, err
	}
	plain, _, problems := constraint.Load(r.ctx, objects, r.params.Options)
	out := sets{plain, plain}
	if t.Expansion != "" {
		more, err := readPolicies(r.path(t.Expansion))
		if err != nil {
			return sets{}, problems, err
		}
		if out.expanding, _, problems = constraint.Load(r.ctx, append(objects, more...), r.params.Options); len(more) == 0 {
			return sets{}, problems, gator.ErrNotAnExpansion
		}
	}
	return out, problems, firstError(problems)
}

func (r *runner) policies(t *verify.Test) ([]gatekeeper.Object, error) {
	switch {
	case t.Template == "":
		return nil, fmt.Errorf("%w: missing template", gator.ErrInvalidSuite)
	case t.Constraint == "":
		return nil, fmt.Errorf("%w: missing constraint", gator.ErrInvalidSuite)
	}
	template, err := readPolicies(r.path(t.Template))
	if err != nil {
		return nil, err
	}
	if len(template) == 0 {
		return nil, fmt.Errorf("`%s`: %w", t.Template, gator.ErrNotATemplate)
	}
	rule, err := readPolicies(r.path(t.Constraint))
	if err != nil {
		return nil, err
	}
	if len(rule) == 0 {
		return nil, fmt.Errorf("`%s`: %w", t.Constraint, gator.ErrNotAConstraint)
	}
	return append(template[:1:1], rule[0]), nil
}

func firstError(problems []model.Problem) error {
	for _, p := range problems {
		if p.Severity == model.Error {
			return fmt.Errorf("%s:%d: %s", p.File, p.Line, p.Message)
		}
	}
	return nil
}

// path of a file that the Suite names relative to itself.
func (r *runner) path(name string) string { return filepath.Join(filepath.Dir(r.file), name) }

func (r *runner) testCase(t *verify.Test, s sets, c *verify.Case) Case {
	out := Case{Name: c.Name}
	if c.Skip || !r.filter.MatchesCase(t.Name, c.Name) {
		out.Skipped = true
		return out
	}
	start := time.Now()
	if err := r.check(s, c, &out); err != nil {
		out.Error = pathError(err).Error()
	}
	out.Duration = milliseconds(start)
	return out
}

// violationInGator are failed evaluations that gator counts as violations, because a cluster denies the
// request. A Suite that was written with gator may rely on it; the problems are shown all the same.
var violationInGator = map[string]bool{"cel_error": true, "match_error": true, topdown.ConflictErr: true, topdown.TypeErr: true}

func (r *runner) check(s sets, c *verify.Case, out *Case) error {
	if c.Object == "" {
		return fmt.Errorf("%w: must define object", gator.ErrInvalidCase)
	}
	if len(c.Assertions) == 0 {
		return fmt.Errorf("%w: assertions must be non-empty", gator.ErrInvalidCase)
	}
	outcome, err := r.review(s, c)
	if err != nil {
		return err
	}
	out.Problems = outcome.Problems
	var results []*frameworktypes.Result
	for _, p := range outcome.Problems {
		if err := firstError([]model.Problem{p}); err != nil && !violationInGator[p.Code] {
			return err
		} else if err != nil {
			results = append(results, &frameworktypes.Result{Msg: p.Message})
		}
	}
	for _, violation := range outcome.Results {
		out.Violations = append(out.Violations, violation.Message)
		results = append(results, &frameworktypes.Result{Msg: violation.Message})
	}
	for i := range c.Assertions {
		if err := c.Assertions[i].Run(results); err != nil {
			return err
		}
	}
	return nil
}

func (r *runner) review(s sets, c *verify.Case) (*constraint.Outcome, error) {
	path := r.path(c.Object)
	objects, err := readObjects(path)
	if err != nil {
		return nil, err
	}
	if len(objects) != 1 {
		return nil, fmt.Errorf("%w: %q defines %d objects", gator.ErrMultipleObjects, path, len(objects))
	}
	inventory, err := r.inventory(c)
	if err != nil {
		return nil, err
	}
	in := admission.Review{Inventory: inventory, EnforcementPoint: enforcement.Gator, AsSuite: true, Timeout: r.params.Timeout}
	if isAdmissionReview(objects[0]) {
		if err := fromAdmissionReview(objects[0], &in); err != nil {
			return nil, err
		}
		return s.plain.Review(r.ctx, in)
	}
	if in.Object, err = termOf(objects[0]); err != nil {
		return nil, err
	}
	return s.expanding.Review(r.ctx, in)
}

func (r *runner) inventory(c *verify.Case) (*admission.Inventory, error) {
	var resources []*ast.Term
	for _, name := range c.Inventory {
		objects, err := readObjects(r.path(name))
		if err != nil {
			return nil, err
		}
		for _, object := range objects {
			if object.GetAPIVersion() == "" || object.GetKind() == "" {
				return nil, fmt.Errorf("%w: `%s`: an object has no apiVersion or kind", gator.ErrAddInventory, name)
			}
			resource, err := termOf(object)
			if err != nil {
				return nil, err
			}
			resources = append(resources, resource)
		}
	}
	return admission.NewInventory(r.ctx, resources)
}

func termOf(object *unstructured.Unstructured) (*ast.Term, error) {
	value, err := ast.InterfaceToValue(object.Object)
	if err != nil {
		return nil, errors.New(strings.TrimPrefix(err.Error(), "ast: "))
	}
	return ast.NewTerm(value), nil
}
