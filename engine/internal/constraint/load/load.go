// Package load makes objects of the documents of a policy source: templates, constraints, Config, expansion, providers. It
// says what is wrong with them, and where.
package load

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/open-policy-agent/frameworks/constraint/pkg/apis/externaldata/unversioned"
	configv1alpha1 "github.com/open-policy-agent/gatekeeper/v3/apis/config/v1alpha1"
	expansionunversioned "github.com/open-policy-agent/gatekeeper/v3/apis/expansion/unversioned"
	syncsetv1alpha1 "github.com/open-policy-agent/gatekeeper/v3/apis/syncset/v1alpha1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	k8sjson "k8s.io/apimachinery/pkg/util/json"
	strictjson "sigs.k8s.io/json"

	"attest.continuu.ms/engine/internal/constraint/gatekeeper"
	"attest.continuu.ms/engine/internal/model"
)

// loader fills a set and collects problems on the way.
type loader struct {
	*Constraints
	ctx      context.Context
	opts     Options
	problems []model.Problem
	loaded   []model.Policy
}

func (l *loader) each(objects []*gatekeeper.Object, load func(*gatekeeper.Object)) {
	for _, o := range objects {
		load(o)
	}
}

func (l *loader) add(p model.Problem) { l.problems = append(l.problems, p) }

func (l *loader) fail(o *gatekeeper.Object, code, message, hint string, path ...any) {
	l.add(o.Problem(model.Error, code, message, hint, path...))
}

func (l *loader) warn(o *gatekeeper.Object, code, message, hint string, path ...any) {
	l.add(o.Problem(model.Warning, code, message, hint, path...))
}

// normal is the object with numbers as Kubernetes' own decoder makes them.
func (l *loader) normal(o *gatekeeper.Object) *gatekeeper.Object {
	out := *o
	raw, err := json.Marshal(o.Value)
	if err == nil {
		out.Value = nil
		err = k8sjson.Unmarshal(raw, &out.Value)
	}
	if err != nil {
		l.fail(o, "gatekeeper_object", model.OneLine(err.Error()), "")
		return nil
	}
	return &out
}

// decode reads an object into its Go type and warns of each field that the type does not know: a
// cluster drops those.
func (l *loader) decode(o *gatekeeper.Object, into any) bool {
	unknown, err := convert(o, into)
	if err != nil {
		l.fail(o, "gatekeeper_object", model.OneLine(err.Error()), "write the field as its type wants it", pathInError(err)...)
		return false
	}
	for _, e := range unknown {
		path := gatekeeper.FieldPath(gatekeeper.Quoted(e.Error()))
		l.warn(o, "unknown_field", fmt.Sprintf("a cluster drops the field `%s`: it is not part of a %s", gatekeeper.Dotted(path), o.Unstructured().GetKind()),
			hintForField(path), path...)
	}
	return true
}

// convert reads an object as a type; unknown are errors about fields that the type does not have.
func convert(o *gatekeeper.Object, into any) (unknown []error, err error) {
	raw, err := json.Marshal(o.Value)
	if err != nil {
		return nil, err
	}
	return strictjson.UnmarshalStrict(raw, into)
}

func pathInError(err error) []any {
	var typeError *json.UnmarshalTypeError
	if errors.As(err, &typeError) {
		return gatekeeper.FieldPath(typeError.Field)
	}
	return nil
}

func (l *loader) provider(o *gatekeeper.Object) {
	provider := &unversioned.Provider{}
	if !l.decode(o, provider) {
		return
	}
	if err := l.driver.Providers.Add(provider); err != nil {
		l.fail(o, "provider", model.OneLine(err.Error()), "a Provider needs an https `url`, a `timeout` in seconds and a `caBundle`", "spec")
	}
}

// configName is the only name under which Gatekeeper reads its Config.
const configName = "config"

func (l *loader) config(o *gatekeeper.Object) {
	config := &configv1alpha1.Config{}
	if !l.decode(o, config) {
		return
	}
	if config.Name != configName {
		l.warn(o, "config_name", fmt.Sprintf("Gatekeeper reads no Config but the one named `%s`: this one, `%s`, has no effect", configName, config.Name),
			"name it `config`", "metadata", "name")
		return
	}
	l.Excluder.Add(config.Spec.Match)
	for _, one := range config.Spec.Sync.SyncOnly {
		l.sync(one.Group, one.Version, one.Kind)
	}
}

func (l *loader) syncSet(o *gatekeeper.Object) {
	set := &syncsetv1alpha1.SyncSet{}
	if !l.decode(o, set) {
		return
	}
	for _, one := range set.Spec.GVKs {
		l.sync(one.Group, one.Version, one.Kind)
	}
}

func (l *loader) sync(group, version, kind string) {
	l.Synced = model.Kinds(append(l.Synced, model.Kind{APIVersion: schema.GroupVersion{Group: group, Version: version}.String(), Kind: kind}))
}

func (l *loader) expansion(o *gatekeeper.Object) {
	template := &expansionunversioned.ExpansionTemplate{}
	if !l.decode(o, template) {
		return
	}
	if l.Expander.Knows(template.Name) {
		l.fail(o, "expansion_template", fmt.Sprintf("the ExpansionTemplate `%s` is defined twice", template.Name), "remove one of them", "metadata", "name")
		return
	}
	if err := l.Expander.Add(template); err != nil {
		l.fail(o, "expansion_template", model.OneLine(err.Error()), "see https://open-policy-agent.github.io/gatekeeper/website/docs/expansion", "spec")
	}
}

func (l *loader) mutator(o *gatekeeper.Object) {
	l.warn(o, "mutation", fmt.Sprintf("mutation by %s is not simulated: resources are judged as they are written", o.Unstructured().GetKind()), "")
}

// same says whether an object was already loaded under this name, and complains where the two differ.
func (l *loader) same(o, before *gatekeeper.Object, what string) bool {
	if before == nil {
		return false
	}
	if !reflect.DeepEqual(o.Value["spec"], before.Value["spec"]) {
		l.fail(o, "duplicate", fmt.Sprintf("%s is already defined at %s:%d, differently", what, before.File, before.Line), "remove or rename one of the two", "metadata", "name")
	}
	return true
}

// hintForField says how to mend the fields that people most often put at the wrong place.
func hintForField(path []any) string {
	switch at := gatekeeper.Dotted(path); {
	case strings.HasPrefix(at, "spec.crd.spec.validation."):
		return "put the schema under `validation.openAPIV3Schema`, with `type: object` beside its `properties`"
	case strings.HasPrefix(at, "spec.targets") && strings.HasSuffix(at, ".version"):
		return "the Rego version belongs under `code`, in `source`"
	}
	return "check the spelling and the indentation"
}
