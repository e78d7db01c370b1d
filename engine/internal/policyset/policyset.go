// Package policyset is everything that one run judges by: plain Rego policies and Gatekeeper
// constraints, compiled once and immutable from then on.
package policyset

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"slices"
	"time"

	"github.com/open-policy-agent/opa/v1/util"

	"attest.continuu.ms/engine/internal/ahead"
	"attest.continuu.ms/engine/internal/bundle"
	"attest.continuu.ms/engine/internal/compiled"
	"attest.continuu.ms/engine/internal/constraint"
	"attest.continuu.ms/engine/internal/constraint/gatekeeper"
	"attest.continuu.ms/engine/internal/load"
	"attest.continuu.ms/engine/internal/model"
	"attest.continuu.ms/engine/internal/rego"
)

// Params are those of the method `policies/load` (engine/README.md).
type Params struct {
	Paths        []string        `json:"paths"`
	Shipped      []string        `json:"shipped"` // policies that make way for those of Paths and Modules
	Libraries    []string        `json:"libraries"`
	Modules      []Inline        `json:"modules"`
	Documents    []Document      `json:"documents"` // Gatekeeper objects that come with the request
	Data         json.RawMessage `json:"data"`
	OPA          bool            `json:"opa"`
	Gatekeeper   bool            `json:"gatekeeper"`
	AllowNet     []string        `json:"allowNet"`
	StrictErrors bool            `json:"strictErrors"`
	External     bool            `json:"external"`
	// Verification is what bundles in archives are held against, and folders that Signed names.
	Verification *bundle.Verification `json:"verification"`
	Signed       []string             `json:"signed"`
	Evaluator    compiled.Mode        `json:"evaluator"`
	Kept         string               `json:"-"`         // what Keep made of the sources, which stands in for them
	Print        bool                 `json:"print"`     // keep calls of print, for the tools that show what they say
	InputForm    rego.Form            `json:"inputForm"` // that of policies that don't ship; empty for the resource's
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
	Adds     bool   `json:"adds"` // it must not take the place of a shipped policy
}

// Document is a text that may hold Gatekeeper objects, with the name that places give it.
type Document struct {
	File string `json:"file"`
	Text string `json:"text"`
}

// Set is what a run judges by.
type Set struct {
	Rego       *rego.Set
	Gatekeeper *constraint.Set
	// Severities that constraints declare, by policy name.
	Severities map[string]string
	Read       []load.Digest // every file that it was made from
	// Digest is that of all that it was made from: these files, and what the request says.
	Digest [sha256.Size]byte
}

// Close lets go what evaluations have kept of the set. Those that have begun may end, and keep nothing.
func (s *Set) Close() {
	s.Rego.Close()
	s.Gatekeeper.Close()
}

// DefaultTimeout of one evaluation, where the request does not say.
const DefaultTimeout = 10 * time.Second

// Loaded is a set with its policies, and what is to be told of it.
type Loaded struct {
	*Set
	Policies []model.Policy
	Problems []model.Problem
}

// Load reads and compiles a policy set. A set with a problem that is an error must not be used.
func Load(ctx context.Context, params Params) (*Set, []model.Policy, []model.Problem) {
	loaded := LoadOr(ctx, params, func([sha256.Size]byte) *Loaded { return nil })
	return loaded.Set, loaded.Policies, loaded.Problems
}

// LoadOr reads a policy set, and compiles it unless one that is known was made of the very same: it is asked for by its
// digest.
func LoadOr(ctx context.Context, params Params, known func(digest [sha256.Size]byte) *Loaded) *Loaded {
	all := sourcesOf(params)
	if params.OPA {
		for _, m := range params.Modules {
			all.modules = append(all.modules, m.module())
		}
	} else {
		all.modules = nil
	}
	if !params.Gatekeeper {
		all.manifests = nil
	}
	objects, unread := gatekeeperObjects(all.manifests, all.reads)
	set := &Set{Read: all.reads.Digests()}
	set.Digest = digest(params, set.Read)
	if before := known(set.Digest); before != nil {
		return before
	}
	problems := all.problems
	var more []model.Problem
	set.Rego, more = rego.Compile(ctx, all.modules, rego.Options{
		Data: all.data, AllowNet: params.AllowNet, StrictErrors: params.StrictErrors, Print: params.Print, Evaluator: params.Evaluator,
		Form: cmp.Or(params.InputForm, rego.ResourceForm),
	})
	problems = append(problems, more...)
	policies := make([]model.Policy, 0, len(set.Rego.Policies))
	for _, p := range set.Rego.Policies {
		policies = append(policies, p.Policy)
	}
	constraints, more := set.loadConstraints(ctx, objects, params)
	return &Loaded{set, append(policies, constraints...), append(append(problems, unread...), more...)}
}

func digest(params Params, read []load.Digest) [sha256.Size]byte {
	data := params.Data
	params.Data = nil
	whole, err := json.Marshal(struct {
		Params Params
		Data   string
		Read   []load.Digest
	}{params, string(data), read})
	if err != nil {
		panic(err) // all of it is texts, numbers and lists of them
	}
	return sha256.Sum256(whole)
}

// constraintsMade are a set of constraints, and what is said of it.
type constraintsMade struct {
	set      *constraint.Set
	policies []model.Policy
	problems []model.Problem
}

// constraintsAhead are constraints by the digest of what they are made of.
var constraintsAhead ahead.Work[[sha256.Size]byte, constraintsMade]

// Ahead begins the work of Load before the request comes: with the Rego of the parameters, and with the constraints, which
// are most of it.
func Ahead(params Params) {
	all := sourcesOf(params)
	rego.Ahead(all.modules, rego.Options{AllowNet: params.AllowNet, Print: params.Print})
	objects, _ := gatekeeperObjects(all.manifests, all.reads) // what can't be read is told when it is asked for
	if params.Gatekeeper && len(objects) > 0 {
		of := constraintsDigest(params, all.reads.Digests())
		constraintsAhead.Begin(of, func() constraintsMade { return madeOf(context.Background(), objects, params) })
	}
}

// constraintsDigest is that of what constraints are made of: the files that were read, and what parameters say, but for what
// is known to be of no account.
func constraintsDigest(params Params, read []load.Digest) [sha256.Size]byte {
	params.Modules, params.Data, params.OPA, params.Print, params.InputForm = nil, nil, false, false, ""
	for _, list := range []*[]string{&params.Paths, &params.Shipped, &params.Libraries, &params.Signed, &params.AllowNet} {
		*list = append([]string{}, *list...) // one that is missing is one that is empty
	}
	params.Documents = append([]Document{}, params.Documents...)
	return digest(params, read)
}

func madeOf(ctx context.Context, objects []gatekeeper.Object, params Params) (made constraintsMade) {
	made.set, made.policies, made.problems = constraint.Load(ctx, objects, constraint.Options{
		CEL: true, AllowExternal: params.External, AllowNet: params.AllowNet, StrictErrors: params.StrictErrors,
		Evaluator: params.Evaluator,
	})
	return made
}

func (s *Set) loadConstraints(ctx context.Context, objects []gatekeeper.Object, params Params) ([]model.Policy, []model.Problem) {
	made, known := constraintsAhead.Take(func(begun [sha256.Size]byte) bool { return begun == constraintsDigest(params, s.Read) })
	if !known {
		made = madeOf(ctx, objects, params)
	}
	s.Gatekeeper, s.Severities = made.set, map[string]string{}
	for _, p := range made.policies {
		s.Severities[p.Name] = p.Severity
	}
	return made.policies, made.problems
}

// gatekeeperObjects finds the templates, constraints and their like among the YAML of policy
// folders; other manifests there are examples, and none of our business. A file that can't be read
// may hold a constraint, so it is an error.
func gatekeeperObjects(sources []load.Source, reads *load.Reads) ([]gatekeeper.Object, []model.Problem) {
	var objects []gatekeeper.Object
	var problems []model.Problem
	for _, source := range sources {
		if source.Text == nil {
			text, problem := reads.ReadFile(source.Path, load.DefaultLimits.FileBytes)
			if problem != nil {
				problems = append(problems, *problem)
				continue
			}
			source.Text = text
		}
		file := load.Read(source, load.DefaultLimits)
		problems = append(problems, file.Problems...)
		for _, document := range file.Documents {
			native, ok := document.Native().(map[string]any)
			if ok && gatekeeper.IsGatekeeper(native) {
				objects = append(objects, gatekeeper.Object{File: source.Path, Line: document.Line, Value: native, Locate: document.Locate})
			}
		}
	}
	return objects, problems
}

func (i Inline) module() rego.Module {
	source := rego.Source{File: i.File, Text: i.Text, Line: i.Line, Column: i.Column}
	return rego.Module{Source: source, Origin: i.File, Name: i.Name, Severity: i.Severity, Level: i.Level, Adds: i.Adds}
}

// gather reads every path and merges what they hold. The data given with the request joins that of
// the folders.
func gather(params Params, tests bool) *folder {
	all := &folder{data: map[string]any{}, tests: tests, reads: &load.Reads{}}
	if len(params.Data) > 0 {
		if err := util.UnmarshalJSON(params.Data, &all.data); err != nil || all.data == nil {
			all.fail("", "data_syntax", "the data of the request is no object", "")
			all.data = map[string]any{}
		}
	}
	for _, path := range params.Libraries {
		all.add(func(f *folder) { f.readFolder(path, true) })
	}
	for _, path := range params.Shipped {
		all.add(func(f *folder) { f.readShipped(path) })
	}
	for _, path := range params.Paths {
		if signed := slices.Contains(params.Signed, path); signed || bundle.IsArchive(path) || bundle.IsFolder(path) {
			all.add(func(f *folder) { f.readBundle(path, params.Verification, signed) })
			continue
		}
		all.add(func(f *folder) { f.readFolder(path, false) })
	}
	for _, document := range params.Documents {
		text := []byte(document.Text)
		all.reads.Note(document.File, text)
		all.manifests = append(all.manifests, load.Source{Path: document.File, Text: text})
	}
	return all
}

// add reads a source and merges it with the others.
func (f *folder) add(read func(*folder)) {
	other := &folder{data: map[string]any{}, tests: f.tests, reads: f.reads}
	read(other)
	f.modules = append(f.modules, other.modules...)
	f.manifests = append(f.manifests, other.manifests...)
	f.problems = append(f.problems, other.problems...)
	if key := mergeInto(f.data, other.data, ""); key != "" {
		f.fail("", "data_conflict", "`data."+key+"` is defined by two sources", "give one of the two another name")
	}
}
