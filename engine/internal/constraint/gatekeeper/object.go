// Package gatekeeper holds Gatekeeper's objects as they stand in the documents of a policy source: what each is for, where
// its fields are written, and how constraints are named.
package gatekeeper

import (
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"attest.continuu.ms/engine/internal/model"
)

// Object is a document of a policy source, with the place it was read from.
type Object struct {
	File  string
	Line  int
	Value map[string]any
	// Locate tells where a field is written, from its key to the end of a scalar value: the path holds
	// keys (string) and indices (int). It may be nil, and answers with the nearest ancestor that exists.
	Locate func(path []any) model.Location
}

// Unstructured is the object as the API machinery has it.
func (o *Object) Unstructured() *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: o.Value}
}

// At is the location of a field, or of the document where the field can't be found.
func (o *Object) At(path ...any) model.Location {
	if o.Locate != nil {
		if l := o.Locate(path); l.Line > 0 {
			return l
		}
	}
	return model.Location{File: o.File, Line: o.Line}
}

// Problem is one of a field, at its place.
func (o *Object) Problem(severity, code, message, hint string, path ...any) model.Problem {
	l := o.At(path...)
	return model.Problem{
		Severity: severity, Code: code, Message: message, Hint: hint, File: o.File,
		Line: l.Line, Column: l.Column, EndLine: l.EndLine, EndColumn: l.EndColumn,
	}
}

// API groups of Gatekeeper.
const (
	groupTemplates   = "templates.gatekeeper.sh"
	groupConstraints = "constraints.gatekeeper.sh"
	groupConfig      = "config.gatekeeper.sh"
	groupSyncSet     = "syncset.gatekeeper.sh"
	groupExpansion   = "expansion.gatekeeper.sh"
	groupProvider    = "externaldata.gatekeeper.sh"
	groupMutations   = "mutations.gatekeeper.sh"
)

// Role is what an object is for.
type Role int

// The roles of objects.
const (
	otherRole Role = iota
	RoleTemplate
	RoleConstraint
	RoleConfig
	RoleSyncSet
	RoleExpansion
	RoleProvider
	RoleMutator
)

var roles = map[string]Role{
	groupTemplates + "/ConstraintTemplate": RoleTemplate,
	groupConfig + "/Config":                RoleConfig,
	groupSyncSet + "/SyncSet":              RoleSyncSet,
	groupExpansion + "/ExpansionTemplate":  RoleExpansion,
	groupProvider + "/Provider":            RoleProvider,
}

// RoleOf is the role of a document.
func RoleOf(obj map[string]any) Role {
	apiVersion, _ := obj["apiVersion"].(string)
	kind, _ := obj["kind"].(string)
	group, _, _ := strings.Cut(apiVersion, "/")
	switch group {
	case groupConstraints:
		return RoleConstraint
	case groupMutations:
		return RoleMutator
	}
	return roles[group+"/"+kind]
}

// IsGatekeeper says whether a document configures Gatekeeper's validation: a template, constraint,
// Config, SyncSet, ExpansionTemplate, Provider or mutator.
func IsGatekeeper(obj map[string]any) bool { return RoleOf(obj) != otherRole }

// Lookup is what lies at a path of keys (string) and indices (int) in a decoded document, or nil.
func Lookup(value any, path ...any) any {
	for _, step := range path {
		switch step := step.(type) {
		case string:
			object, _ := value.(map[string]any)
			value = object[step]
		case int:
			list, _ := value.([]any)
			if step >= len(list) {
				return nil
			}
			value = list[step]
		}
	}
	return value
}

// PolicyName is how a constraint is named as a policy: `Kind/name`.
func PolicyName(constraint *unstructured.Unstructured) string {
	return constraint.GetKind() + "/" + constraint.GetName()
}

// Engine is how findings and policies of Gatekeeper name their engine.
const Engine = "gatekeeper"

// GroupVersion splits an apiVersion as Kubernetes does.
func GroupVersion(apiVersion string) (group, version string) {
	group, version, found := strings.Cut(apiVersion, "/")
	if !found {
		return "", group
	}
	return group, version
}
