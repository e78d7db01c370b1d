package rego

import (
	"context"
	"maps"
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

// Reading is what policies look at beside the resource that they judge. Whoever asks them gathers no more than that.
type Reading struct {
	Namespace bool // `input.namespace`, the object of the resource's Namespace
	Schema    bool // `input.schema_errors`
	Inventory Wanted
	LookedUp  []model.Kind // of the inventory
	Outside   bool         // something else of which nobody notes that they look: time zones, schemas of hosts
}

// Reads is what the selected policies look at.
func (s *Set) Reads(selections Selections) (all Reading) {
	for _, selection := range selections {
		all.add(s.reads[selection.Name])
	}
	return all
}

// reader finds what policies look at. Each rule is read once, since most policies reach the same libraries.
type reader struct {
	declared map[string]map[string]Fields // what files say they look up
	known    map[*ast.Rule]Reading
}

// of follows the rules of a policy to all that they depend on: a library that nobody calls reads nothing.
// A library that does not say what it looks up does so for its policy, whose kinds are own.
func (r *reader) of(reached map[*ast.Rule]bool, own map[string]Fields) (out Reading) {
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
func anyVersion(kinds map[string]Fields) (out []model.Kind) {
	for kind := range kinds {
		out = append(out, model.Kind{Kind: kind})
	}
	return out
}

func (r *Reading) add(other Reading) {
	r.Namespace = r.Namespace || other.Namespace
	r.Schema = r.Schema || other.Schema
	r.Outside = r.Outside || other.Outside
	r.Inventory = r.Inventory.And(other.Inventory)
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

// declaredOf is what the files of a policy say they look up.
func declaredOf(policy []member, declared map[string]map[string]Fields) (kinds map[string]Fields) {
	for _, m := range policy {
		kinds = merged(kinds, declared[m.File])
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

func declaredBy(parsed []member) map[string]map[string]Fields {
	declared := map[string]map[string]Fields{}
	for _, m := range parsed {
		for _, a := range m.Parsed.Module.Annotations {
			if a.Scope == "package" {
				kinds, _ := declaredKinds(a.Custom["inventory"])
				declared[m.File] = merged(declared[m.File], kinds)
			}
		}
	}
	return declared
}
