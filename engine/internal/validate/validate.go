// Package validate says everything that is wrong with policies and manifests, without judging anything.
package validate

import (
	"context"
	"os"
	"slices"
	"strings"

	"attest.continuu.ms/engine/internal/bundle"
	"attest.continuu.ms/engine/internal/constraint"
	"attest.continuu.ms/engine/internal/constraint/gatekeeper"
	"attest.continuu.ms/engine/internal/load"
	"attest.continuu.ms/engine/internal/model"
	"attest.continuu.ms/engine/internal/policyset"
	"attest.continuu.ms/engine/internal/rego"
)

// Params are those of the method `validate` (engine/README.md).
type Params struct {
	Paths     []string `json:"paths"`
	Libraries []string `json:"libraries"`
	Shipped   []string `json:"shipped"` // policies that a check would load as well
	Inputs    []Text   `json:"inputs"`
	// Verification is what bundles in archives are held against.
	Verification *bundle.Verification `json:"verification"`
}

// Text is a manifest that comes with the request instead of a file.
type Text struct {
	File string `json:"file"`
	Text string `json:"text"`
}

// Result lists what was looked at and what is wrong with it, in the order of file and line.
type Result struct {
	Files     int             `json:"files"`
	Policies  []model.Policy  `json:"policies,omitempty"`
	Resources int             `json:"resources"`
	Skipped   []model.Skipped `json:"skipped,omitempty"`
	Problems  []model.Problem `json:"problems,omitempty"`
}

// Run validates Rego files, Gatekeeper objects and manifests below the given paths.
func Run(ctx context.Context, params Params) Result {
	v := &run{}
	v.bundles(params)
	v.walk(slices.DeleteFunc(slices.Clone(params.Paths), bundle.IsArchive))
	v.regoFiles(ctx, params)
	for _, input := range params.Inputs {
		v.sources = append(v.sources, load.Source{Path: input.File, Text: []byte(input.Text)})
	}
	v.manifests(ctx)
	v.result.Files = len(v.modules) + len(v.bundled) + len(v.sources)
	slices.SortStableFunc(v.result.Problems, byPlace)
	return v.result
}

type run struct {
	modules []string
	bundled []rego.Module
	sources []load.Source
	result  Result
}

func (v *run) fail(problems ...model.Problem) {
	v.result.Problems = append(v.result.Problems, problems...)
}

// walk sorts the files below the paths into Rego and manifests.
func (v *run) walk(paths []string) {
	var others []string
	for _, path := range paths {
		if strings.HasSuffix(path, ".rego") {
			v.modules = append(v.modules, path)
			continue
		}
		others = append(others, path)
		walk := policyset.Walk{Hidden: true, Visit: func(file string, err error) {
			if err == nil && strings.HasSuffix(file, ".rego") { // what can't be walked is told once, by load.Walk below
				v.modules = append(v.modules, file)
			}
		}}
		walk.Below(path)
	}
	sources, skipped, problems := load.Walk(others)
	v.sources, v.result.Skipped = append(v.sources, sources...), skipped
	v.fail(problems...)
}

func (v *run) regoFiles(ctx context.Context, params Params) {
	if len(v.modules)+len(v.bundled) == 0 {
		return
	}
	modules, problems := policyset.Modules(v.modules, params.Libraries, params.Shipped)
	v.fail(problems...)
	policies, problems := rego.Validate(ctx, append(modules, v.bundled...), policyset.Data(folders(params.Paths)))
	v.result.Policies = append(v.result.Policies, policies...)
	v.fail(problems...)
}

// folders are the paths that may hold data documents for policies: what is named itself is a manifest.
func folders(paths []string) []string {
	return slices.DeleteFunc(slices.Clone(paths), func(path string) bool {
		info, err := os.Stat(path)
		return err != nil || !info.IsDir()
	})
}

func (v *run) manifests(ctx context.Context) {
	var objects []gatekeeper.Object
	for _, source := range v.sources {
		file := load.Read(source, load.DefaultLimits)
		v.fail(file.Problems...)
		v.result.Skipped = append(v.result.Skipped, file.Skipped...)
		for _, document := range file.Documents {
			native, ok := document.Native().(map[string]any)
			if ok && gatekeeper.IsGatekeeper(native) {
				objects = append(objects, gatekeeper.Object{File: source.Path, Line: document.Line, Value: native, Locate: document.Locate})
				continue
			}
			v.result.Resources++
			v.fail(structure(document, native)...)
		}
	}
	if len(objects) == 0 {
		return
	}
	_, policies, problems := constraint.Load(ctx, objects, constraint.Options{CEL: true, AllowExternal: true})
	v.result.Policies = append(v.result.Policies, policies...)
	v.fail(problems...)
}

func byPlace(a, b model.Problem) int {
	if c := strings.Compare(a.File, b.File); c != 0 {
		return c
	}
	if a.Line != b.Line {
		return a.Line - b.Line
	}
	return a.Column - b.Column
}
