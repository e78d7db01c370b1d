package check

import (
	"fmt"

	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/constraint/admission"
	"attest.continuu.ms/engine/internal/load"
	"attest.continuu.ms/engine/internal/policyset"
	"attest.continuu.ms/engine/internal/rego"
	"attest.continuu.ms/engine/internal/schema"
)

// lookAround finds what policies may want to know beside the resource that they judge. It reads the
// inputs a first time, and only as far as some policy asks for it; the inventory as a whole, since what it lacks
// changes verdicts.
func (r *run) lookAround() error {
	inventory, skipped, problems := load.Walk(r.params.Inventory)
	inventory = append(inventory, texts(r.params.Known)...)
	r.pending.Problems, r.pending.Skipped = append(r.pending.Problems, problems...), append(r.pending.Skipped, skipped...)
	wanted, looks := looksUp(r.set, r.reads)
	around := append(inventory, r.sources...)
	if r.review != nil || !looks {
		around = inventory
	}
	wanted = wanted.And(rego.Wanted{Kinds: map[string]rego.Fields{"Namespace": nil, customDefinition: nil}})
	var definitions []map[string]any
	r.namespaces = map[string]*ast.Term{}
	var resources []*ast.Term
	kinds := wanted.Names()
	reader := func() func(int) load.File {
		return func(i int) load.File { return r.wantedOf(i-len(inventory), around[i], wanted, kinds) }
	}
	inOrder(r.ctx, len(around), r.params.Jobs, reader, func(file load.File) bool {
		r.pending.Problems, r.pending.Skipped = append(r.pending.Problems, file.Problems...), append(r.pending.Skipped, file.Skipped...)
		for _, document := range file.Documents {
			if document.Resource.APIVersion == "v1" && document.Resource.Kind == "Namespace" {
				r.namespaces[document.Resource.Name] = document.Term
			}
			if r.reads.Schema && document.Resource.Kind == customDefinition {
				native, _ := document.Native().(map[string]any)
				definitions = append(definitions, native)
			}
			resources = append(resources, document.Term)
		}
		return true
	})
	if err := r.takeSchema(definitions); err != nil {
		return err
	}
	r.openKnown(resources)
	if r.ctx.Err() != nil || len(around) == 0 && r.review == nil && r.params.State == nil {
		return r.ctx.Err()
	}
	return r.takeInventory(resources, wanted.All)
}

// looksUp is what a run looks up beside the resource that it judges, and whether that is anything at all: Namespaces are
// looked up wherever something is.
func looksUp(set *policyset.Set, reads rego.Reading) (wanted rego.Wanted, anything bool) {
	wanted = reads.Inventory
	wanted.All = wanted.All || set.Gatekeeper.NeedsInventory()
	return wanted, wanted.Any() || !set.Gatekeeper.Empty() || reads.Namespace || reads.Schema
}

const customDefinition = "CustomResourceDefinition"

// takeSchema makes what resources are held to, where a policy asks. A version that is not known is an error in any case,
// since policies go by it, too.
func (r *run) takeSchema(definitions []map[string]any) error {
	stated := r.rego.Kubernetes()
	if stated == "" && !r.reads.Schema {
		return nil
	}
	version, err := schema.ParseVersion(stated)
	if err != nil {
		return fmt.Errorf("`policy.kubernetes_version`: %w", err)
	}
	if r.reads.Schema {
		r.catalog = schema.New(version, definitions)
	}
	return nil
}

// misfits are what of a document does not fit its type, as policies see it; nil where no policy asks, or nothing is wrong.
func (r *run) misfits(document *load.Document) *ast.Term {
	if r.catalog == nil {
		return nil
	}
	native, _ := document.Native().(map[string]any)
	var terms []*ast.Term
	errors := r.catalog.Errors
	if document.Resource.Fragment != "" {
		errors = r.catalog.ErrorsOfPatch
	}
	for _, e := range errors(native) {
		steps := make([]*ast.Term, len(e.Path))
		for i, step := range e.Path {
			if index, ok := step.(int); ok {
				steps[i] = ast.IntNumberTerm(index)
			} else {
				steps[i] = ast.StringTerm(fmt.Sprint(step))
			}
		}
		terms = append(terms, ast.ObjectTerm(
			ast.Item(ast.StringTerm("path"), ast.ArrayTerm(steps...)),
			ast.Item(ast.StringTerm("message"), ast.StringTerm(e.Message)),
			ast.Item(ast.StringTerm("fix"), ast.StringTerm(e.Hint)),
		))
	}
	if len(terms) == 0 {
		return nil
	}
	return ast.ArrayTerm(terms...)
}

// namespaceOf is the object of a Namespace; nil where none is known.
func (r *run) namespaceOf(name string) *ast.Term {
	if known := r.namespaces[name]; known != nil || r.params.State == nil {
		return known
	}
	return r.params.State.Namespace(name)
}

// roomForRead bounds the texts of files that are kept from here until they are judged (bytes), which larger runs read twice: as
// values they take some ten times as much.
const roomForRead = 4 << 20

// wantedOf reads the resources of a file that policies may look up: that of a number which is judged, or one of the
// inventory (a negative number). What is wrong with a file of the inventory, or skipped in it, is told here; a file that is
// judged has a turn of its own. Kinds are the names of those that are wanted.
func (r *run) wantedOf(i int, source load.Source, wanted rego.Wanted, kinds []string) (file load.File) {
	inventory := i < 0
	defer func() {
		if p := recover(); p != nil { // a bug of ours
			file = load.File{Problems: failedFile(source, fmt.Sprint(p)).problems}
		}
		if !inventory {
			file.Problems, file.Skipped = nil, nil
		}
	}()
	if !inventory && !wanted.All && !load.MayHold(&source, kinds, r.limits) {
		return load.File{}
	}
	file = load.Read(source, r.limits)
	if !inventory {
		r.once.Keep(i, source.Text, file)
	}
	var held []*load.Document
	for _, document := range file.Documents {
		if r.patches.Of(source, document) != "" { // a patch makes no object
			continue
		}
		r.placeIn(document)
		if term := wanted.Of(document.Resource, document.Term); term != nil {
			part := *document // which is still to be judged
			part.Term = term
			held = append(held, &part)
		}
	}
	file.Documents = held
	return file
}

func (r *run) takeInventory(resources []*ast.Term, all bool) (err error) {
	with := r.rego.WithInventory
	switch {
	case r.params.State != nil:
		r.inventory, err = r.params.State.With(r.ctx, resources)
		if len(resources) == 0 {
			with = r.rego.WithHeld
		}
	case all || r.reads.Inventory.Any():
		r.inventory, err = admission.NewInventory(r.ctx, resources)
	default:
		r.inventory, err = admission.NewNamespaces(r.ctx, resources)
	}
	if err == nil && r.reads.Inventory.Any() {
		r.rego, err = with(r.ctx, r.inventory.Whole())
	}
	return err
}
