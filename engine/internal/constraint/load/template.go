package load

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"strconv"
	"strings"

	templatesv1 "github.com/open-policy-agent/frameworks/constraint/pkg/apis/templates/v1"
	templatesv1alpha1 "github.com/open-policy-agent/frameworks/constraint/pkg/apis/templates/v1alpha1"
	templatesv1beta1 "github.com/open-policy-agent/frameworks/constraint/pkg/apis/templates/v1beta1"
	"github.com/open-policy-agent/frameworks/constraint/pkg/client/crds"
	regoschema "github.com/open-policy-agent/frameworks/constraint/pkg/client/drivers/rego/schema"
	"github.com/open-policy-agent/frameworks/constraint/pkg/core/templates"
	"github.com/open-policy-agent/opa/v1/ast"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"attest.continuu.ms/engine/internal/constraint/cel"
	"attest.continuu.ms/engine/internal/constraint/gatekeeper"
	"attest.continuu.ms/engine/internal/constraint/rego"
	"attest.continuu.ms/engine/internal/model"
)

type versioned interface {
	ToVersionless() (*templates.ConstraintTemplate, error)
}

func emptyTemplate(apiVersion string) versioned {
	switch _, version := gatekeeper.GroupVersion(apiVersion); version {
	case "v1":
		return &templatesv1.ConstraintTemplate{}
	case "v1beta1":
		return &templatesv1beta1.ConstraintTemplate{}
	case "v1alpha1":
		return &templatesv1alpha1.ConstraintTemplate{}
	}
	return nil
}

func (l *loader) template(o *gatekeeper.Object) {
	into := emptyTemplate(o.Unstructured().GetAPIVersion())
	if into == nil {
		l.fail(o, "template_version", fmt.Sprintf("a ConstraintTemplate has no apiVersion `%s`", o.Unstructured().GetAPIVersion()),
			"use `templates.gatekeeper.sh/v1`", "apiVersion")
		return
	}
	if !l.decode(o, into) {
		return
	}
	ct, err := into.ToVersionless()
	if err != nil {
		l.fail(o, "template", model.OneLine(err.Error()), "", "spec")
		return
	}
	kind := ct.Spec.CRD.Spec.Names.Kind
	if before := l.templates[kind]; before != nil && l.same(o, before.origin, "the template of `"+kind+"`") {
		return
	}
	t := &template{ConstraintTemplate: ct, origin: o}
	l.templates[kind] = t
	if _, err := l.Client.AddTemplate(l.ctx, ct); err != nil {
		l.refuse(t, err)
		return
	}
	t.rego = l.driver.Template(kind) // nil where CEL judges
	l.unusableMessages(t)
}

// refuse reports why a template is not used, at the line that is to blame.
func (l *loader) refuse(t *template, err error) {
	t.broken = true
	var source *rego.SourceError
	var compile ast.Errors
	var expressions cel.Errors
	switch {
	case errors.As(err, &expressions):
		l.celErrors(t, expressions)
	case errors.As(err, &source):
		l.regoErrors(t, source.File, source.Err, source.Hint)
	case errors.As(err, &compile):
		l.regoErrors(t, rego.EntryFile(t.Spec.CRD.Spec.Names.Kind), compile, "")
	default:
		if !l.schemaErrors(t) {
			l.fail(t.origin, "template", model.OneLine(err.Error()), hintForTemplate(t, err), blamed(t, err)...)
		}
	}
}

func (l *loader) regoErrors(t *template, file string, err error, hint string) {
	var list ast.Errors
	if !errors.As(err, &list) {
		at := &ast.Location{File: file, Row: 1}
		l.add(l.regoProblem("rego_error", model.OneLine(err.Error()), hint, at))
		return
	}
	for _, e := range list {
		at, message, hint := e.Location, model.OneLine(e.Message), hintForRego(e.Message, hint)
		switch {
		case at == nil:
			at = &ast.Location{File: file, Row: 1}
		case at.File == rego.HookFile(t.Spec.CRD.Spec.Names.Kind):
			at, message, hint = l.violationRule(t), "the violations have no `msg`: Gatekeeper refuses the template ("+message+")", "write `violation[{\"msg\": msg}]`"
		}
		l.add(l.regoProblem(e.Code, message, hint, at))
	}
}

// violationRule is the place of the template's first violation rule.
func (l *loader) violationRule(t *template) *ast.Location {
	if t.rego != nil {
		return t.rego.ViolationRule()
	}
	return &ast.Location{File: rego.EntryFile(t.Spec.CRD.Spec.Names.Kind), Row: 1}
}

func (l *loader) regoProblem(code, message, hint string, at *ast.Location) model.Problem {
	p := model.Problem{Severity: model.Error, Code: code, Message: l.driver.Readable(message), Hint: hint}
	p.File, p.Line, p.Column = l.regoLocation(at)
	return p
}

func hintForRego(message, hint string) string {
	if _, name, undefined := strings.Cut(message, "undefined function "); undefined && hint == "" {
		return fmt.Sprintf("define `%s` in the template, or in one of its `libs` and import it", strings.Fields(name)[0])
	}
	return hint
}

// regoLocation turns a place in a template's Rego into a place in its YAML file.
func (s *Constraints) regoLocation(at *ast.Location) (file string, line, column int) {
	kind, part, _ := strings.Cut(at.File, "/")
	t := s.templates[kind]
	if t == nil {
		return at.File, at.Row, at.Col
	}
	path, source := regoField(t.origin.Value, part)
	l := t.origin.At(path...)
	switch {
	case l.EndLine-l.Line >= lines(source): // a block scalar: it begins below its indicator, indented
		return t.origin.File, l.Line + at.Row, 0
	case l.EndLine == l.Line: // a quoted text, its lines escaped
		return t.origin.File, l.Line, 0
	}
	return t.origin.File, l.Line + at.Row - 1, 0
}

func lines(source string) int {
	return strings.Count(strings.TrimRight(source, "\n"), "\n") + 1
}

// regoField finds where a template holds its Rego, or the library `libs/N`, and the text of it.
func regoField(obj map[string]any, part string) ([]any, string) {
	base := []any{"spec", "targets", 0}
	if rego, ok := gatekeeper.Lookup(obj, append(base, "rego")...).(string); !ok || rego == "" {
		codes, _ := gatekeeper.Lookup(obj, append(base, "code")...).([]any)
		for i := range codes {
			if gatekeeper.Lookup(codes[i], "engine") == regoschema.Name {
				base = append(base, "code", i, "source")
				break
			}
		}
	}
	if index, isLib := strings.CutPrefix(part, "libs/"); isLib {
		n, _ := strconv.Atoi(index)
		base = append(base, "libs", n)
	} else {
		base = append(base, "rego")
	}
	source, _ := gatekeeper.Lookup(obj, base...).(string)
	return base, source
}

// schemaErrors reports what is wrong with the schema of the parameters, each error at its line.
func (l *loader) schemaErrors(t *template) bool {
	crd, err := crds.CreateCRD(t.ConstraintTemplate, crds.CreateSchema(t.ConstraintTemplate, l.handler))
	if err != nil {
		return false
	}
	err = crds.ValidateCRD(context.Background(), crd)
	var aggregate interface{ Errors() []error }
	if !errors.As(err, &aggregate) {
		return false
	}
	const prefix = "spec.validation.openAPIV3Schema.properties[spec].properties[parameters]"
	any := false
	for _, e := range aggregate.Errors() {
		var fe *field.Error
		if !errors.As(e, &fe) {
			continue
		}
		path, inSchema := strings.CutPrefix(fe.Field, prefix)
		if !inSchema {
			continue
		}
		any = true
		at := append([]interface{}{"spec", "crd", "spec", "validation", "openAPIV3Schema"}, gatekeeper.FieldPath(path)...)
		l.fail(t.origin, "template_schema", gatekeeper.Dotted(at)+": "+model.OneLine(fe.ErrorBody()), "a cluster refuses this schema: every object needs a `type`", at...)
	}
	return any
}

func hintForTemplate(t *template, err error) string {
	kind := t.Spec.CRD.Spec.Names.Kind
	switch message := err.Error(); {
	case kind == "":
		return "name the kind of its constraints in `spec.crd.spec.names.kind`"
	case strings.Contains(message, "lowercase"):
		return fmt.Sprintf("name the template `%s`", strings.ToLower(kind))
	case strings.Contains(message, "driver"):
		return "give the template Rego, or CEL under `code` with `engine: K8sNativeValidation`"
	}
	return ""
}

func blamed(t *template, err error) []any {
	switch message := err.Error(); {
	case strings.Contains(message, "target") || strings.Contains(message, "driver"):
		return []any{"spec", "targets"}
	case strings.Contains(message, "lowercase"):
		return []any{"metadata", "name"}
	case t.Spec.CRD.Spec.Names.Kind == "":
		return []any{"spec", "crd", "spec"}
	}
	return nil
}

// link compiles the Rego of all templates and refuses those that do not compile.
func (l *loader) link() {
	bad := l.driver.Link()
	kinds := make([]string, 0, len(bad))
	for kind := range bad {
		kinds = append(kinds, kind)
	}
	sort.Strings(kinds)
	for _, kind := range kinds {
		t := l.templates[kind]
		l.refuse(t, bad[kind])
		if _, err := l.Client.RemoveTemplate(l.ctx, t.ConstraintTemplate); err != nil {
			l.fail(t.origin, "template", model.OneLine(err.Error()), "")
		}
	}
}
