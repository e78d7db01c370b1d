// Package gkgen turns plain policies into the Rego of Gatekeeper templates that find the same.
//
// A template may read `input.review`, `input.parameters`, `data.inventory` and its own libraries. So a
// policy and everything that it uses become libraries (`data.attest.lib` becomes `data.lib.attest.lib`),
// what they read of the input is rewritten (`input.resource` becomes `input.review.object`), and an
// entry point turns the entries of the policy's sets into violations. All of it is done on the syntax
// tree; rules that the policy does not reach are left out.
package gkgen

import (
	"fmt"
	"slices"

	"attest.continuu.ms/engine/internal/model"
	"attest.continuu.ms/engine/internal/policyset"
	"attest.continuu.ms/engine/internal/rego"
)

// Params are those of the method `gatekeeper/templates` (engine/README.md).
type Params struct {
	policyset.Params `json:"sources"`
	Policies         []string `json:"policies"` // names; policies that are constraints already are passed over
}

// Result holds the policies as templates, in the order of the request, and the Gatekeeper objects that
// the sources hold besides.
type Result struct {
	Templates []Template      `json:"templates,omitempty"`
	Objects   []Object        `json:"objects,omitempty"`
	Problems  []model.Problem `json:"problems,omitempty"`
}

// Template is the Rego of a template, with what the rest of it depends on. All Rego is v1.
type Template struct {
	Policy  string             `json:"policy"`
	Package string             `json:"package"` // of the entry point
	Rego    string             `json:"rego"`
	Libs    model.List[string] `json:"libs"`
	Kind    string             `json:"kind"`
	Level   string             `json:"level,omitempty"` // "Namespace": only namespaced resources
	// Match is what the METADATA of the package states as `custom.match`: a match block of Gatekeeper.
	Match     map[string]any     `json:"match,omitempty"`
	Rules     model.List[string] `json:"rules"`     // those of `violation`, `deny` and `warn` that there are
	Evidence  bool               `json:"evidence"`  // reads the parameter EvidenceParameter
	Network   bool               `json:"network"`   // calls http.send
	Namespace bool               `json:"namespace"` // reads the Namespace object
	Inventory bool               `json:"inventory"` // reads data.inventory
}

// Object is a Gatekeeper object as it was read.
type Object struct {
	File  string         `json:"file"`
	Line  int            `json:"line"`
	Value map[string]any `json:"value"`
}

// Run makes templates of the policies that the request names.
func Run(params Params) Result {
	sources, problems := policyset.Read(params.Params)
	result := Result{Problems: problems}
	for _, o := range sources.Objects {
		result.Objects = append(result.Objects, Object{File: o.File, Line: o.Line, Value: o.Value})
	}
	groups, parsed, problems := rego.Groups(sources.Modules)
	result.Problems = append(result.Problems, problems...)
	if slices.ContainsFunc(result.Problems, isError) {
		return result
	}
	world := newWorld(parsed, sources.Data)
	packages := map[string]string{}
	for _, name := range params.Policies {
		for i := range groups {
			if groups[i].Name == name {
				result.add(world, &groups[i], packages, params.InputForm)
			}
		}
	}
	return result
}

func (r *Result) add(world *world, group *rego.Group, taken map[string]string, form rego.Form) {
	t := newTranslation(world, group)
	if form != "" && form != rego.ResourceForm && !group.Shipped {
		t.fail(group.Modules[0].Module.Package.Location, fmt.Sprintf("`%s` is written for inputs of the form `%s`, which a template can't give it", group.Name, form),
			"write the policy for `input.resource` or `input.review`")
	}
	if other, clash := taken[t.entryPackage()]; clash {
		t.fail(group.Modules[0].Module.Package.Location, fmt.Sprintf("the name of its template would be that of `%s`", other),
			"give the policy another `custom.name`")
	}
	taken[t.entryPackage()] = group.Name
	template := t.run()
	if t.needless {
		r.Problems = append(r.Problems, model.Problem{
			Severity: model.Warning, Code: "gatekeeper_generate", Policy: group.Name, File: group.File, Line: group.Line,
			Message: fmt.Sprintf("`%s` is left out: it asks what does not fit the types of Kubernetes (`input.schema_errors`)", group.Name),
			Hint:    "nothing is lost: a cluster refuses that itself",
		})
		return
	}
	r.Problems = append(r.Problems, t.problems...)
	if !slices.ContainsFunc(t.problems, isError) {
		r.Templates = append(r.Templates, template)
	}
}

func isError(p model.Problem) bool { return p.Severity == model.Error }
