package rego

import (
	"reflect"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/ahead"
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

// translatable is what is translated: modules, byte for byte, and the options.
type translatable struct {
	modules []Module
	options Options
}

var translations ahead.Work[translatable, *translation]

// Ahead translates modules before anybody asks for them. Compile takes the work if it is asked for the very same
// modules with the same options; else it is lost.
func Ahead(modules []Module, options Options) {
	translations.Begin(translatable{modules, options}, func() *translation { return translate(slices.Clone(modules), options) })
}

// translated is what modules are for the compiler, from Ahead where that was asked for the same. A translation serves one
// set alone: compiling changes what was parsed.
func translated(modules []Module, options Options) *translation {
	work, made := translations.Take(func(begun translatable) bool {
		return reflect.DeepEqual(begun.modules, modules) && begun.options.translatesLike(options)
	})
	if made {
		return work
	}
	return translate(modules, options)
}

// translatesLike says whether other options make the same of modules.
func (o Options) translatesLike(other Options) bool {
	return o.Print == other.Print && slices.Equal(o.AllowNet, other.AllowNet)
}
