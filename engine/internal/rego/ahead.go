package rego

import (
	"reflect"
	"slices"
	"sync"

	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/builtins"
	"attest.continuu.ms/engine/internal/model"
)

// translation is what modules are for the compiler, before any data is known.
type translation struct {
	parsed       []member
	compiler     *ast.Compiler
	capabilities *ast.Capabilities
	problems     []model.Problem
}

// translate parses and compiles modules.
func translate(modules []Module, options Options) *translation {
	parsed, problems := joined(modules)
	set := &Set{options: options, capabilities: builtins.Capabilities(options.AllowNet)}
	problems = append(problems, set.compile(parsed)...)
	return &translation{parsed, set.Compiler, set.capabilities, problems}
}

// ahead is the work of the last call of Ahead until somebody takes it.
var ahead struct {
	mu      sync.Mutex
	modules []Module
	options Options
	made    chan *translation // gets nil where the work failed
}

// Ahead translates modules before anybody asks for them. Compile takes the work if it is asked for the very same
// modules, byte for byte, with the same options; else it is lost.
func Ahead(modules []Module, options Options) {
	made := make(chan *translation, 1)
	ahead.mu.Lock()
	ahead.modules, ahead.options, ahead.made = modules, options, made
	ahead.mu.Unlock()
	go func() {
		var work *translation
		defer func() {
			_ = recover() // what panics here panics again where a request can tell it
			made <- work
		}()
		work = translate(slices.Clone(modules), options)
	}()
}

// translated is what modules are for the compiler, from Ahead where that was asked for the same. A translation serves one
// set alone: compiling changes what was parsed.
func translated(modules []Module, options Options) *translation {
	ahead.mu.Lock()
	made := ahead.made
	same := made != nil && reflect.DeepEqual(ahead.modules, modules) && ahead.options.translatesLike(options)
	ahead.modules, ahead.made = nil, nil
	ahead.mu.Unlock()
	if same {
		if work := <-made; work != nil {
			return work
		}
	}
	return translate(modules, options)
}

// translatesLike says whether other options make the same of modules.
func (o Options) translatesLike(other Options) bool {
	return o.Print == other.Print && slices.Equal(o.AllowNet, other.AllowNet)
}
