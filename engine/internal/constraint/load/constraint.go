package load

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/open-policy-agent/frameworks/constraint/pkg/apis/constraints"
	"github.com/open-policy-agent/gatekeeper/v3/pkg/mutation/match"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"attest.continuu.ms/engine/internal/constraint/enforcement"
	"attest.continuu.ms/engine/internal/constraint/gatekeeper"
	"attest.continuu.ms/engine/internal/constraint/reach"
	"attest.continuu.ms/engine/internal/model"
)

// CodeSchema is the code of problems of constraints that break the schema of their template.
const CodeSchema = "constraint_schema"

func (l *loader) constraint(o *gatekeeper.Object) {
	u := o.Unstructured()
	name := gatekeeper.PolicyName(u)
	if l.same(o, l.Constraints.policies[name], "the constraint `"+name+"`") || !l.hasTemplate(o) {
		return
	}
	if !l.validAction(o) {
		return
	}
	l.Constraints.policies[name] = o
	alias(o)
	if _, err := l.Client.AddConstraint(l.ctx, u); err != nil {
		delete(l.Constraints.policies, name)
		l.refuseConstraint(o, err)
		return
	}
	l.loaded = append(l.loaded, l.describe(o))
}

// hasTemplate says whether the constraint has a template that works; nothing is left unenforced in
// silence.
func (l *loader) hasTemplate(o *gatekeeper.Object) bool {
	kind := o.Unstructured().GetKind()
	name := gatekeeper.PolicyName(o.Unstructured())
	t := l.templates[kind]
	switch {
	case t == nil:
		l.fail(o, "constraint_without_template", fmt.Sprintf("the constraint `%s` is not enforced: no template defines the kind `%s`", name, kind),
			l.nearest(kind), "kind")
	case t.broken:
		l.fail(o, "constraint_without_template", fmt.Sprintf("the constraint `%s` is not enforced: its template at %s:%d is invalid", name, t.origin.File, t.origin.Line),
			"mend the template", "kind")
	}
	return t != nil && !t.broken
}

func (l *loader) nearest(kind string) string {
	for other := range l.templates {
		if strings.EqualFold(other, kind) {
			return fmt.Sprintf("the template defines `%s`", other)
		}
	}
	return "add the ConstraintTemplate to the policies"
}

// refuseConstraint reports each field that breaks the schema at its own line.
func (l *loader) refuseConstraint(o *gatekeeper.Object, err error) {
	code := "constraint"
	if errors.Is(err, constraints.ErrSchema) {
		code = CodeSchema
	}
	fields := l.badFields(o)
	for _, f := range fields {
		l.fail(o, code, f.message, f.hint, f.path...)
	}
	if len(fields) == 0 {
		l.fail(o, code, model.OneLine(err.Error()), "", "spec")
	}
}

type badField struct {
	path          []any
	message, hint string
}

// badFields validates the constraint against the schema of its kind, as the framework does, keeping
// the paths that the framework's error loses.
func (l *loader) badFields(o *gatekeeper.Object) []badField {
	crd, err := l.Client.CreateCRD(l.ctx, l.templates[o.Unstructured().GetKind()].ConstraintTemplate)
	if err != nil {
		return nil
	}
	props := crd.Spec.Validation.OpenAPIV3Schema
	validator, _, err := validation.NewSchemaValidator(props)
	if err != nil {
		return nil
	}
	var out []badField
	for _, e := range validation.ValidateCustomResource(field.NewPath(""), o.Value, validator) {
		path := gatekeeper.FieldPath(e.Field)
		out = append(out, badField{path, gatekeeper.Dotted(path) + ": " + model.OneLine(e.ErrorBody()), "see `openAPIV3Schema` in the template"})
	}
	if len(out) > 0 {
		return out
	}
	return unknownFields(o, props)
}

func unknownFields(o *gatekeeper.Object, props *apiextensions.JSONSchemaProps) []badField {
	structural, err := schema.NewStructural(props)
	if err != nil {
		return nil
	}
	var out []badField
	opts := schema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true}
	for _, unknown := range pruning.PruneWithOptions(o.Unstructured().DeepCopy().Object, structural, true, opts) {
		path := gatekeeper.FieldPath(unknown)
		out = append(out, badField{path, fmt.Sprintf("`%s` is not a field of this constraint: the template's schema does not know it", gatekeeper.Dotted(path)),
			"add it to `openAPIV3Schema` in the template, or remove it"})
	}
	return out
}

// policies are the loaded constraints in a stable order.
func (l *loader) policies() []model.Policy {
	sort.SliceStable(l.loaded, func(i, j int) bool { return l.loaded[i].Name < l.loaded[j].Name })
	return l.loaded
}

// annotationSeverity tells how bad a violation is whose details do not say; `attest gatekeeper
// generate` writes it.
const annotationSeverity = "gatekeeper.attest.continuu.ms/severity"

// severity is what the first annotations that state one say, or "".
func severity(annotations ...map[string]string) string {
	for _, each := range annotations {
		if stated := strings.ToLower(each[annotationSeverity]); model.IsSeverity(stated) {
			return stated
		}
	}
	return ""
}

const annotationTitle = "metadata.gatekeeper.sh/title"

func (l *loader) describe(o *gatekeeper.Object) model.Policy {
	u := o.Unstructured()
	t := l.templates[u.GetKind()]
	parameters, _ := gatekeeper.Lookup(o.Value, "spec", "parameters").(map[string]any)
	policy := model.Policy{
		Name: gatekeeper.PolicyName(u), Engine: gatekeeper.Engine, Title: t.Annotations[annotationTitle], Description: t.Annotations["description"],
		Severity:   severity(u.GetAnnotations(), t.Annotations),
		Parameters: parameters, File: o.File, Line: o.Line, Enforcement: enforcement.Declared(u),
	}
	policy.Judges = l.judges(o)
	if t.rego != nil {
		policy.Compiled, policy.LooksUp = t.rego.Compiled(), t.rego.LooksUp()
	}
	return policy
}

// judges are the kinds that a constraint may look at: those that it names, and those from which these may follow. None is all.
func (l *loader) judges(o *gatekeeper.Object) []model.GroupKind {
	listed := &struct {
		Spec struct {
			Match struct {
				Kinds []match.Kinds `json:"kinds"`
			} `json:"match"`
		} `json:"spec"`
	}{}
	raw, err := json.Marshal(o.Value)
	if err != nil || json.Unmarshal(raw, listed) != nil || len(listed.Spec.Match.Kinds) == 0 {
		return nil
	}
	kinds := slices.Clone(l.Expander.Parents)
	for _, one := range listed.Spec.Match.Kinds {
		kinds = append(kinds, model.GroupKinds(one.APIGroups, one.Kinds)...)
	}
	return kinds
}

// neverFiring warns of constraints whose Rego reads fields that no resource which they match can have:
// they are enforced, and mean nothing.
func (l *loader) neverFiring(constraints []*gatekeeper.Object) {
	for _, o := range constraints {
		t := l.templates[o.Unstructured().GetKind()]
		if t == nil || t.rego == nil {
			continue
		}
		if why := reach.GapOf(o, t.rego.EntryModule()); why != nil {
			l.warnNeverFires(o, why)
		}
	}
}

func (l *loader) warnNeverFires(o *gatekeeper.Object, why *reach.Gap) {
	hint := "match the kinds that the template is made for"
	if why.Moved != nil {
		hint = fmt.Sprintf("match `Pod`, with an ExpansionTemplate so that workloads are judged by the Pods they make, or read `%s`", gatekeeper.Dotted(why.Moved))
	}
	l.warn(o, "never_fires", fmt.Sprintf("the constraint `%s` can never fire: its template reads `%s`, which a %s does not have",
		gatekeeper.PolicyName(o.Unstructured()), gatekeeper.Dotted(why.Path), strings.Join(why.Kinds, " or ")), hint, "spec", "match", "kinds")
}
