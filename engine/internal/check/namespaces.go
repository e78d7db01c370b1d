package check

import (
	"bytes"
	"os"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/constraint"
	"attest.continuu.ms/engine/internal/load"
	"attest.continuu.ms/engine/internal/model"
	"attest.continuu.ms/engine/internal/rego"
)

// lookAround finds what policies may want to know beside the resource that they judge. It reads the
// inputs a first time, and only as far as some policy asks for it.
func (r *run) lookAround() error {
	around, problems := r.sources, []model.Problem(nil)
	if len(r.params.Inventory) > 0 {
		var more []load.Source
		more, _, problems = load.Walk(r.params.Inventory)
		around = append(more, around...)
	}
	r.pending.Problems = append(r.pending.Problems, problems...)
	wanted := r.rego.Inventory()
	wanted.All = wanted.All || r.set.Gatekeeper.NeedsInventory()
	if !wanted.Any() && r.set.Gatekeeper.Empty() && !r.rego.ReadsNamespace() {
		return nil
	}
	wanted.Kinds = append(wanted.Kinds, "Namespace")
	r.namespaces = map[string]*ast.Term{}
	var resources []*ast.Term
	reader := func() func(int) []*load.Document {
		return func(i int) []*load.Document { return r.wantedOf(around[i], wanted) }
	}
	inOrder(r.ctx, len(around), r.params.Jobs, reader, func(documents []*load.Document) bool {
		for _, document := range documents {
			if isNamespace(document.Resource) {
				r.namespaces[document.Resource.Name] = document.Term
			}
			resources = append(resources, document.Term)
		}
		return true
	})
	if r.ctx.Err() != nil {
		return r.ctx.Err()
	}
	return r.takeInventory(resources, wanted.All)
}

func isNamespace(id model.Resource) bool { return id.Kind == "Namespace" && id.APIVersion == "v1" }

// wantedOf reads the resources of a file that policies may look up.
func (r *run) wantedOf(source load.Source, wanted rego.Wanted) (found []*load.Document) {
	// A panic is a bug of ours; the file's own turn meets it again and reports it.
	defer func() { _ = recover() }()
	if !wanted.All && !mayHold(source, wanted.Kinds, r.limits) {
		return nil
	}
	for _, document := range load.Read(source, r.limits).Documents {
		if wanted.All || slices.Contains(wanted.Kinds, document.Resource.Kind) {
			r.placeIn(document)
			found = append(found, document)
		}
	}
	return found
}

func (r *run) takeInventory(resources []*ast.Term, all bool) (err error) {
	if all || r.rego.Inventory().Any() {
		r.inventory, err = constraint.NewInventory(r.ctx, resources)
	} else {
		r.inventory, err = constraint.NewNamespaces(r.ctx, resources)
	}
	if err == nil && r.rego.Inventory().Any() {
		r.rego, err = r.rego.WithInventory(r.ctx, r.inventory.Tree())
	}
	return err
}

// mayHold says whether a file could hold a resource of one of the kinds: a look at its bytes spares
// decoding the others.
func mayHold(source load.Source, kinds []string, limits load.Limits) bool {
	text := source.Text
	if text == nil {
		info, err := os.Stat(source.Path)
		if err != nil || !info.Mode().IsRegular() || info.Size() > limits.FileBytes {
			return false // the file's own turn will say what is wrong with it
		}
		if text, err = os.ReadFile(source.Path); err != nil {
			return false
		}
	}
	return slices.ContainsFunc(kinds, func(kind string) bool { return mentionsKind(text, kind) })
}

// mentionsKind looks for the kind on a line that has `kind` before it.
func mentionsKind(text []byte, kind string) bool {
	for rest := text; ; {
		at := bytes.Index(rest, []byte(kind))
		if at < 0 {
			return false
		}
		if bytes.Contains(lineBefore(rest, at), []byte("kind")) {
			return true
		}
		rest = rest[at+len(kind):]
	}
}

func lineBefore(text []byte, at int) []byte {
	return text[bytes.LastIndexByte(text[:at], '\n')+1 : at]
}
