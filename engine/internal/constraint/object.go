package constraint

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

func (o *Object) unstructured() *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: o.Value}
}

// at is the location of a field, or of the document where the field can't be found.
func (o *Object) at(path ...any) model.Location {
	if o.Locate != nil {
		if l := o.Locate(path); l.Line > 0 {
			return l
		}
	}
	return model.Location{File: o.File, Line: o.Line}
}

func (o *Object) problem(severity, code, message, hint string, path ...any) model.Problem {
	l := o.at(path...)
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

type role int

const (
	other role = iota
	roleTemplate
	roleConstraint
	roleConfig
	roleSyncSet
	roleExpansion
	roleProvider
	roleMutator
)

var roles = map[string]role{
	groupTemplates + "/ConstraintTemplate": roleTemplate,
	groupConfig + "/Config":                roleConfig,
	groupSyncSet + "/SyncSet":              roleSyncSet,
	groupExpansion + "/ExpansionTemplate":  roleExpansion,
	groupProvider + "/Provider":            roleProvider,
}

func roleOf(obj map[string]any) role {
	apiVersion, _ := obj["apiVersion"].(string)
	kind, _ := obj["kind"].(string)
	group, _, _ := strings.Cut(apiVersion, "/")
	switch group {
	case groupConstraints:
		return roleConstraint
	case groupMutations:
		return roleMutator
	}
	return roles[group+"/"+kind]
}

// IsGatekeeper says whether a document configures Gatekeeper's validation: a template, constraint,
// Config, SyncSet, ExpansionTemplate, Provider or mutator.
func IsGatekeeper(obj map[string]any) bool { return roleOf(obj) != other }
