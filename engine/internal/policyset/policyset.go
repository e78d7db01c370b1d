// Package policyset is everything that one run judges by: plain Rego policies and Gatekeeper
// constraints, compiled once and immutable from then on.
package policyset

import (
	"context"
	"encoding/json"

	"attest.continuu.ms/engine/internal/model"
	"attest.continuu.ms/engine/internal/rego"
)

// Params are those of the method `policies/load` (engine/README.md).
type Params struct {
	Paths        []string        `json:"paths"`
	Libraries    []string        `json:"libraries"`
	Modules      []Inline        `json:"modules"`
	Data         json.RawMessage `json:"data"`
	OPA          bool            `json:"opa"`
	Gatekeeper   bool            `json:"gatekeeper"`
	AllowNet     []string        `json:"allowNet"`
	StrictErrors bool            `json:"strictErrors"`
}

// Inline is a policy whose Rego stands in the configuration.
type Inline struct {
	File     string `json:"file"`
	Line     int    `json:"line"`
	Column   int    `json:"column"`
	Text     string `json:"text"`
	Name     string `json:"name"`
	Severity string `json:"severity"`
	Level    string `json:"level"`
}

// Set is what a run judges by.
type Set struct {
	Rego *rego.Set
}

// Load reads and compiles a policy set. A set with a problem that is an error must not be used.
func Load(ctx context.Context, params Params) (*Set, []model.Policy, []model.Problem) {
	all := gather(params)
	if params.OPA {
		for _, m := range params.Modules {
			all.modules = append(all.modules, m.module())
		}
	} else {
		all.modules = nil
	}
	set := &Set{}
	problems := all.problems
	var more []model.Problem
	set.Rego, more = rego.Compile(ctx, all.modules, rego.Options{Data: all.data, AllowNet: params.AllowNet, StrictErrors: params.StrictErrors})
	problems = append(problems, more...)
	policies := make([]model.Policy, 0, len(set.Rego.Policies))
	for _, p := range set.Rego.Policies {
		policies = append(policies, p.Policy)
	}
	return set, policies, problems
}

func (i Inline) module() rego.Module {
	source := rego.Source{File: i.File, Text: i.Text, Line: i.Line, Column: i.Column}
	return rego.Module{Source: source, Origin: i.File, Name: i.Name, Severity: i.Severity, Level: i.Level}
}

// gather reads every path and merges what they hold. The data given with the request joins that of
// the folders.
func gather(params Params) *folder {
	all := &folder{data: map[string]any{}}
	if len(params.Data) > 0 {
		if err := json.Unmarshal(params.Data, &all.data); err != nil || all.data == nil {
			all.fail("", "data_syntax", "the data of the request is no object", "")
			all.data = map[string]any{}
		}
	}
	for _, path := range params.Libraries {
		all.add(readFolder(path, true))
	}
	for _, path := range params.Paths {
		all.add(readFolder(path, false))
	}
	return all
}

func (f *folder) add(other *folder) {
	f.modules = append(f.modules, other.modules...)
	f.manifests = append(f.manifests, other.manifests...)
	f.problems = append(f.problems, other.problems...)
	if key := mergeInto(f.data, other.data, ""); key != "" {
		f.fail("", "data_conflict", "`data."+key+"` is defined by two sources", "give one of the two another name")
	}
}
