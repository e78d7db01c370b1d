package rego

import (
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"

	"attest.continuu.ms/engine/internal/builtins"
	"attest.continuu.ms/engine/internal/model"
	"attest.continuu.ms/engine/internal/virtual"
)

// around is the set with the held inventory that was asked for last: requests share one until something in it changes.
type around struct {
	mu        sync.Mutex
	inventory *ast.Term
	set       *Set
}

// WithHeld is WithInventory for an inventory that the next requests will probably share.
func (s *Set) WithHeld(ctx context.Context, inventory *ast.Term) (*Set, error) {
	s.around.mu.Lock()
	defer s.around.mu.Unlock()
	if s.around.inventory == inventory {
		return s.around.set, nil
	}
	made, err := s.WithInventory(context.WithoutCancel(ctx), inventory)
	if err == nil {
		s.around.inventory, s.around.set = inventory, made
	}
	return made, err
}

// WithInventory is the same set, with `data.inventory`.
func (s *Set) WithInventory(ctx context.Context, inventory *ast.Term) (*Set, error) {
	store := inmem.NewFromObjectWithOpts(s.options.Data, inmem.OptReturnASTValuesOnRead(true), inmem.OptRoundTripOnWrite(false))
	err := storage.Txn(ctx, store, storage.WriteParams, func(txn storage.Transaction) error {
		return store.Write(ctx, txn, storage.AddOp, storage.Path{"inventory"}, inventory.Value)
	})
	with := *s
	with.Store = store
	with.stored = with.Document(ctx, ast.DefaultRootRef)
	return &with, err
}

// Wanted is the part of `data.inventory` that policies look at: all of it, or the resources of some
// kinds. A policy says which in its METADATA (`custom.inventory: [PodDisruptionBudget]`), so that a
// run need not hold every resource in memory for the sake of a few.
type Wanted struct {
	All   bool
	Kinds []string
}

// Any says whether a policy looks at the inventory at all.
func (w Wanted) Any() bool { return w.All || len(w.Kinds) > 0 }

// Reading is what policies look at beside the resource that they judge. Whoever asks them gathers no more than that.
type Reading struct {
	Namespace bool // `input.namespace`, the object of the resource's Namespace
	Schema    bool // `input.schema_errors`
	Inventory Wanted
	LookedUp  []model.Kind // of the inventory
	Outside   bool         // something else of which nobody notes that they look: time zones, schemas of hosts
}

// Reads is what the selected policies look at.
func (s *Set) Reads(selections []Selection) (all Reading) {
	for _, selection := range selections {
		all.add(s.reads[selection.Name])
	}
	slices.Sort(all.Inventory.Kinds)
	all.Inventory.Kinds = slices.Compact(all.Inventory.Kinds)
	return all
}

// reader finds what policies look at. Each rule is read once, since most policies reach the same libraries.
type reader struct {
	declared map[string][]string // kinds that files say they look up
	known    map[*ast.Rule]Reading
}

// of follows the rules of a policy to all that they depend on: a library that nobody calls reads nothing.
// A library that does not say what it looks up does so for its policy, whose kinds are own.
func (r *reader) of(reached map[*ast.Rule]bool, own []string) (out Reading) {
	for rule := range reached {
		one, known := r.known[rule]
		if !known {
			one = r.alone(rule)
			r.known[rule] = one
		}
		if one.Inventory.All {
			one.Inventory = Wanted{All: len(own) == 0, Kinds: own}
			if len(own) > 0 {
				one.LookedUp = anyVersion(own)
			}
		}
		out.add(one)
	}
	return out
}

func (r *reader) alone(rule *ast.Rule) Reading {
	out := Reading{
		Namespace: virtual.Mentions(rule, ast.InputRootDocument, "namespace"),
		Schema:    virtual.Mentions(rule, ast.InputRootDocument, "schema_errors"),
	}
	out.Outside = builtins.LeadOutsideUnnoted(rule)
	if virtual.Mentions(rule, ast.DefaultRootDocument, "inventory") {
		kinds := r.declared[rule.Location.File]
		out.Inventory = Wanted{All: len(kinds) == 0, Kinds: kinds}
		if out.LookedUp = anyVersion(kinds); len(kinds) == 0 {
			out.LookedUp = virtual.LookedUp(rule)
		}
	}
	return out
}

// anyVersion are kinds as METADATA names them.
func anyVersion(kinds []string) (out []model.Kind) {
	for _, kind := range kinds {
		out = append(out, model.Kind{Kind: kind})
	}
	return out
}

func (r *Reading) add(other Reading) {
	r.Namespace = r.Namespace || other.Namespace
	r.Schema = r.Schema || other.Schema
	r.Outside = r.Outside || other.Outside
	r.Inventory.All = r.Inventory.All || other.Inventory.All
	r.Inventory.Kinds = append(r.Inventory.Kinds, other.Inventory.Kinds...)
	r.LookedUp = append(r.LookedUp, other.LookedUp...)
}

// reached is every rule that the verdict of a policy may depend on.
func (s *Set) reached(policy []member) map[*ast.Rule]bool {
	seen := map[*ast.Rule]bool{}
	for _, name := range definedRules(parsedOf(policy)) {
		for _, rule := range s.Compiler.GetRules(policy[0].Parsed.Module.Package.Path.Append(ast.StringTerm(name))) {
			virtual.Follow(s.Compiler, rule, seen)
		}
	}
	return seen
}

// kindsOf are those that the files of a policy say they look up.
func kindsOf(policy []member, declared map[string][]string) (kinds []string) {
	for _, m := range policy {
		kinds = append(kinds, declared[m.File]...)
	}
	return kinds
}

// reachedByAny is every rule that the verdict of some policy may depend on.
func (s *Set) reachedByAny(parsed []member) map[*ast.Rule]bool {
	all := map[*ast.Rule]bool{}
	for _, policy := range packages(parsed) {
		maps.Copy(all, s.reached(policy))
	}
	return all
}

func declaredBy(parsed []member) map[string][]string {
	declared := map[string][]string{}
	for _, m := range parsed {
		declared[m.File] = declaredKinds(m.Parsed.Module)
	}
	return declared
}

func declaredKinds(module *ast.Module) []string {
	var kinds []string
	for _, a := range module.Annotations {
		listed, _ := a.Custom["inventory"].([]any)
		for _, kind := range listed {
			if s, ok := kind.(string); ok && a.Scope == "package" {
				kinds = append(kinds, s)
			}
		}
	}
	return kinds
}
