// Package model holds the values that cross the process boundary. engine/README.md documents them.
package model

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
)

// List is a list of an answer that is always there: `[]` where it holds nothing, never null.
type List[T any] []T

// MarshalJSON makes it so.
func (l List[T]) MarshalJSON() ([]byte, error) {
	if l == nil {
		return []byte("[]"), nil
	}
	return json.Marshal([]T(l))
}

// Location is where to look: 1-based, EndColumn exclusive, Path a JSON pointer.
type Location struct {
	File      string `json:"file"`
	Line      int    `json:"line"`
	Column    int    `json:"column"`
	EndLine   int    `json:"endLine"`
	EndColumn int    `json:"endColumn"`
	Path      string `json:"path"`
}

// Resource identifies what was judged, with what exemptions match on.
type Resource struct {
	APIVersion  string            `json:"apiVersion"`
	Kind        string            `json:"kind"`
	Namespace   string            `json:"namespace"`
	Name        string            `json:"name"` // or what its generateName says, which every apply completes anew
	Generated   bool              `json:"-"`    // whether that is so
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
	Images      []string          `json:"images,omitempty"`
	Template    string            `json:"template,omitempty"` // the file that it was rendered from, as helm notes it
	Fragment    string            `json:"fragment,omitempty"` // where a kustomization lists it as a patch, of which it is one
}

// GroupVersion are the parts of its apiVersion; the core group, whose versions stand alone, is empty.
func (r Resource) GroupVersion() (group, version string) {
	group, version, found := strings.Cut(r.APIVersion, "/")
	if !found {
		return "", r.APIVersion
	}
	return group, version
}

// Finding is one policy's complaint about one resource. Resource indexes the batch's resources.
type Finding struct {
	Policy      string         `json:"policy"`
	Engine      string         `json:"engine"`
	Rule        string         `json:"rule"`
	Severity    string         `json:"severity"`
	Enforcement string         `json:"enforcement"`
	Message     string         `json:"message"`
	Resource    int            `json:"resource"`
	Location    Location       `json:"location"`
	Details     map[string]any `json:"details,omitempty"`
	Fix         string         `json:"fix,omitempty"`
}

// Severities of a Problem.
const (
	Error   = "error"
	Warning = "warning"
)

// Problem is what kept us from deciding (an error), or what a person should know (a warning).
type Problem struct {
	Severity  string `json:"severity"`
	Code      string `json:"code"`
	Message   string `json:"message"`
	File      string `json:"file,omitempty"`
	Line      int    `json:"line,omitempty"`
	Column    int    `json:"column,omitempty"`
	EndLine   int    `json:"endLine,omitempty"`
	EndColumn int    `json:"endColumn,omitempty"`
	Hint      string `json:"hint,omitempty"`
	Policy    string `json:"policy,omitempty"`
	Resource  string `json:"resource,omitempty"`
	OtherFile string `json:"otherFile,omitempty"` // of what it is about, too: the other definition of an object
}

// Skipped is a document that is not a Kubernetes resource, and why we think so.
type Skipped struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Reason string `json:"reason"`
}

// Policy describes a loaded policy to the other side.
type Policy struct {
	Name        string                    `json:"name"`
	Engine      string                    `json:"engine"`
	Package     string                    `json:"package,omitempty"`
	Rules       []string                  `json:"rules,omitempty"`
	Title       string                    `json:"title,omitempty"`
	Description string                    `json:"description,omitempty"`
	Severity    string                    `json:"severity,omitempty"`
	Remediation string                    `json:"remediation,omitempty"`
	Parameters  map[string]any            `json:"parameters,omitempty"`
	Defaults    map[string]any            `json:"defaults,omitempty"`
	Controls    []string                  `json:"controls,omitempty"`
	Related     []string                  `json:"related,omitempty"`
	File        string                    `json:"file,omitempty"`
	Line        int                       `json:"line,omitempty"`
	RegoVersion string                    `json:"regoVersion,omitempty"`
	Enforcement string                    `json:"enforcement,omitempty"`
	Compiled    bool                      `json:"compiled,omitempty"` // the compiled evaluator asks it
	Profiles    map[string]map[string]any `json:"profiles,omitempty"` // those it belongs to, with its parameters there
	Evidence    []string                  `json:"evidence,omitempty"` // parameters that are off where there is no evidence
	ReviewBy    string                    `json:"reviewBy,omitempty"` // the day, as YYYY-MM-DD, by which its owners look at it again
	Shipped     bool                      `json:"shipped,omitempty"`  // it came with the product
	Replaces    []string                  `json:"replaces,omitempty"` // names of the shipped policies that it stands in for
	LooksUp     []Kind                    `json:"looksUp,omitempty"`  // what of `data.inventory` it reads, sorted
	Judges      []GroupKind               `json:"judges,omitempty"`   // kinds outside of which it looks at nothing; none is all
}

// GroupKind is a kind of objects in a group, either of which may be `*`.
type GroupKind struct {
	Group string `json:"group"`
	Kind  string `json:"kind"`
}

// Kind is a kind of objects. Without an APIVersion it is that of every group and version.
type Kind struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
}

// GroupKinds are all pairs; an empty list is any.
func GroupKinds(groups, kinds []string) (out []GroupKind) {
	if len(groups) == 0 {
		groups = []string{"*"}
	}
	if len(kinds) == 0 {
		kinds = []string{"*"}
	}
	for _, group := range groups {
		for _, kind := range kinds {
			out = append(out, GroupKind{group, kind})
		}
	}
	return out
}

// AnyKind is whatever there is.
var AnyKind = Kind{Kind: "*"}

// Kinds are kinds sorted, each once.
func Kinds(all []Kind) []Kind {
	slices.SortFunc(all, func(a, b Kind) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.APIVersion, b.APIVersion))
	})
	return slices.Compact(all)
}

// IsSeverity says whether a text names the severity of a finding.
func IsSeverity(text string) bool {
	return text == "critical" || text == "high" || text == "medium" || text == "low"
}

// HasErrors says whether a problem kept us from deciding.
func HasErrors(problems []Problem) bool {
	return slices.ContainsFunc(problems, func(p Problem) bool { return p.Severity == Error })
}
