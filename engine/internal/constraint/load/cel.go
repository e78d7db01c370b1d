package load

import (
	"github.com/open-policy-agent/frameworks/constraint/pkg/core/templates"
	"github.com/open-policy-agent/gatekeeper/v3/pkg/drivers/k8scel/schema"

	"attest.continuu.ms/engine/internal/constraint/cel"
	"attest.continuu.ms/engine/internal/constraint/gatekeeper"
	"attest.continuu.ms/engine/internal/model"
)

// celLocation is the place of something below the `source` of a template's CEL.
func (s *Constraints) celLocation(kind string, path ...any) (file string, line, column int) {
	t := s.templates[kind]
	l := t.origin.At(append(celSource(t), path...)...)
	return t.origin.File, l.Line, l.Column
}

// celSource is where a template holds its CEL.
func celSource(t *template) []any {
	codes, _ := gatekeeper.Lookup(t.origin.Value, "spec", "targets", 0, "code").([]any)
	for i := range codes {
		if gatekeeper.Lookup(codes[i], "engine") == schema.Name {
			return []any{"spec", "targets", 0, "code", i, "source"}
		}
	}
	return []any{"spec", "targets"}
}

// allWithCEL are the templates among objects that hold CEL.
func allWithCEL(objects []*gatekeeper.Object) []*templates.ConstraintTemplate {
	var out []*templates.ConstraintTemplate
	for _, o := range objects {
		if ct := withCEL(o); ct != nil {
			out = append(out, ct)
		}
	}
	return out
}

// withCEL is the template of an object if it holds CEL, else nil.
func withCEL(o *gatekeeper.Object) *templates.ConstraintTemplate {
	into := emptyTemplate(o.Unstructured().GetAPIVersion())
	if into == nil {
		return nil
	}
	if _, err := convert(o, into); err != nil {
		return nil
	}
	ct, err := into.ToVersionless()
	if err != nil || !schema.HasCELEngine(ct) {
		return nil
	}
	return ct
}

func (l *loader) celErrors(t *template, errs cel.Errors) {
	const hint = "expressions see `object`, `oldObject`, `request`, `namespaceObject`, `variables` and `variables.params`"
	for _, e := range errs {
		l.fail(t.origin, "cel_compile_error", model.OneLine(e.Detail), hint, append(celSource(t), e.Path...)...)
	}
}

// unusableMessages warns of message expressions that do not compile: a cluster says the fixed message
// instead.
func (l *loader) unusableMessages(t *template) {
	if l.cel == nil {
		return
	}
	for _, e := range l.cel.Unusable(t.Spec.CRD.Spec.Names.Kind) {
		l.warn(t.origin, "cel_message", "the messageExpression has no effect: "+model.OneLine(e.Detail), "make it a text: `string(…)`", append(celSource(t), e.Path...)...)
	}
}
