package check

import (
	"bytes"
	"os"

	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/constraint"
	"attest.continuu.ms/engine/internal/load"
	"attest.continuu.ms/engine/internal/model"
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
	needsAll := r.set.Gatekeeper.NeedsInventory()
	if !needsAll && r.set.Gatekeeper.Empty() && !r.set.Rego.ReadsNamespace() {
		return nil
	}
	r.namespaces = map[string]*ast.Term{}
	var resources []*ast.Term
	for _, source := range around {
		if r.ctx.Err() != nil {
			return r.ctx.Err()
		}
		if !needsAll && !mayHoldNamespace(source, r.limits) {
			continue
		}
		for _, document := range load.Read(source, r.limits).Documents {
			r.placeIn(document)
			isNamespace := document.Resource.Kind == "Namespace" && document.Resource.APIVersion == "v1"
			if isNamespace {
				r.namespaces[document.Resource.Name] = document.Term
			}
			if needsAll || isNamespace {
				resources = append(resources, document.Term)
			}
		}
	}
	return r.takeInventory(resources, needsAll)
}

func (r *run) takeInventory(resources []*ast.Term, needsAll bool) (err error) {
	if needsAll {
		r.inventory, err = constraint.NewInventory(r.ctx, resources)
	} else {
		r.inventory, err = constraint.NewNamespaces(r.ctx, resources)
	}
	return err
}

// mayHoldNamespace says whether a file could hold a Namespace object: a look at its bytes spares
// decoding the others. A resource may stand in an earlier file than its namespace.
func mayHoldNamespace(source load.Source, limits load.Limits) bool {
	text := source.Text
	if text == nil {
		info, err := os.Stat(source.Path)
		if err != nil || !info.Mode().IsRegular() || info.Size() > limits.DocumentBytes {
			return false // the file's own turn will say what is wrong with it
		}
		if text, err = os.ReadFile(source.Path); err != nil {
			return false
		}
	}
	for rest := text; ; {
		at := bytes.Index(rest, []byte("Namespace"))
		if at < 0 {
			return false
		}
		if bytes.Contains(lineBefore(rest, at), []byte("kind")) {
			return true
		}
		rest = rest[at+len("Namespace"):]
	}
}

func lineBefore(text []byte, at int) []byte {
	return text[bytes.LastIndexByte(text[:at], '\n')+1 : at]
}
