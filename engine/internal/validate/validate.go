// Package validate says everything that is wrong with policies and manifests, without judging anything.
package validate

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"attest.continuu.ms/engine/internal/bundle"
	"attest.continuu.ms/engine/internal/constraint"
	"attest.continuu.ms/engine/internal/constraint/gatekeeper"
	"attest.continuu.ms/engine/internal/kustomize"
	"attest.continuu.ms/engine/internal/load"
	"attest.continuu.ms/engine/internal/model"
	"attest.continuu.ms/engine/internal/policyset"
	"attest.continuu.ms/engine/internal/rego"
	"attest.continuu.ms/engine/internal/schema"
)

// Params are those of the method `validate` (engine/README.md).
type Params struct {
	Paths     []string      `json:"paths"`
	Libraries []string      `json:"libraries"`
	Shipped   []string      `json:"shipped"` // policies that a check would load as well
	Inputs    []Text        `json:"inputs"`
	LeaveOut  load.LeaveOut `json:"leaveOut"`
	// Kubernetes is the version whose types manifests are held to; empty for the newest.
	Kubernetes string `json:"kubernetes"`
	// InputForm is that of the input of policies that don't ship; empty for the resource's.
	InputForm rego.Form `json:"inputForm"`
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
	leaving, err := params.LeaveOut.Ready()
	if err != nil {
		v.fail(model.Problem{Severity: model.Error, Code: "bad_pattern", Message: err.Error(), Hint: "write it as in .gitignore"})
	}
	v.bundles(params)
	v.walk(slices.DeleteFunc(slices.Clone(params.Paths), bundle.IsArchive), leaving)
	v.regoFiles(ctx, params)
	for _, input := range params.Inputs {
		v.sources = append(v.sources, load.Source{Path: input.File, Text: []byte(input.Text)})
	}
	v.manifests(ctx, params.Kubernetes)
	v.documents()
	v.result.Files = len(v.modules) + len(v.bundled) + len(v.sources)
	slices.SortStableFunc(v.result.Problems, byPlace)
	return v.result
}

type run struct {
	modules []string
	bundled []rego.Module
	sources []load.Source
	patches *kustomize.Patches
	data    []model.Problem // of data documents
	result  Result
}

func (v *run) fail(problems ...model.Problem) {
	v.result.Problems = append(v.result.Problems, problems...)
}

// walk sorts the files below the paths into Rego and manifests.
func (v *run) walk(paths []string, leaving *load.Leaving) {
	var others []string
	for _, path := range paths {
		if strings.HasSuffix(path, ".rego") {
			v.modules = append(v.modules, path)
			continue
		}
		others = append(others, path)
		walk := policyset.Walk{Hidden: true, Leaving: leaving, Visit: func(file string, err error) {
			if err == nil && strings.HasSuffix(file, ".rego") { // what can't be walked is told once, by load.Walk below
				v.modules = append(v.modules, file)
			}
		}}
		walk.Below(path)
	}
	found := load.WalkLeaving(others, leaving)
	v.sources, v.result.Skipped = append(v.sources, found.Sources...), found.Skipped
	v.patches = kustomize.Listed(found, load.DefaultLimits)
	v.fail(found.Problems...)
}

// findTargets learns of what the patches of kustomizations are patches.
func (v *run) findTargets() {
	if v.patches == nil {
		return
	}
	for _, source := range v.sources {
		v.patches.Take(v.patches.Read(source))
	}
	v.patches.Settle()
}

func (v *run) regoFiles(ctx context.Context, params Params) {
	if len(v.modules)+len(v.bundled) == 0 {
		return
	}
	modules, problems := policyset.Modules(v.modules, params.Libraries, params.Shipped)
	v.fail(problems...)
	data, problems := policyset.Data(folders(params.Paths))
	v.data = problems
	policies, problems := rego.Validate(ctx, append(modules, v.bundled...), data, cmp.Or(params.InputForm, rego.ResourceForm))
	v.result.Policies = append(v.result.Policies, policies...)
	v.fail(problems...)
}

// documents says what is wrong with the data documents of policies: those in folders above or below some policy. What does
// not parse at all is told already.
func (v *run) documents() {
	for _, p := range v.data {
		told := slices.ContainsFunc(v.result.Problems, func(other model.Problem) bool { return other.File == p.File && other.Severity == model.Error })
		folder := filepath.Dir(p.File)
		near := func(module string) bool {
			return within(filepath.Dir(module), folder) || within(folder, filepath.Dir(module))
		}
		if !told && slices.ContainsFunc(v.modules, near) {
			v.fail(p)
		}
	}
}

// within says whether a folder is another one, or lies below it.
func within(folder, other string) bool {
	relative, err := filepath.Rel(other, folder)
	return err == nil && filepath.IsLocal(relative)
}

// folders are the paths that may hold data documents for policies: what is named itself is a manifest.
func folders(paths []string) []string {
	return slices.DeleteFunc(slices.Clone(paths), func(path string) bool {
		info, err := os.Stat(path)
		return err != nil || !info.IsDir()
	})
}

func (v *run) manifests(ctx context.Context, kubernetes string) {
	version, err := schema.ParseVersion(kubernetes)
	if err != nil {
		v.fail(model.Problem{Severity: model.Error, Code: "kubernetes_version", Message: err.Error(), Hint: "it is `policy.kubernetes_version`"})
		return
	}
	v.findTargets()
	catalog := schema.New(version, v.definitions())
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
			if v.meantToFail(source.Path) {
				continue
			}
			found, errors := structure(document, native), catalog.Errors
			if v.patches.Of(source, document) != "" {
				errors = catalog.ErrorsOfPatch
			}
			v.fail(append(found, misfits(document, errors(native), found)...)...)
		}
	}
	if len(objects) == 0 {
		return
	}
	_, policies, problems := constraint.Load(ctx, objects, constraint.Options{CEL: true, AllowExternal: true})
	v.result.Policies = append(v.result.Policies, policies...)
	v.fail(problems...)
}

// meantToFail says whether a manifest is an example that a policy finds fault with: one of those in `examples/NAME/fail`
// beside the policy. It may well be wrong in other ways.
func (v *run) meantToFail(path string) bool {
	fail := filepath.Dir(path)
	examples := filepath.Dir(filepath.Dir(fail))
	if filepath.Base(fail) != "fail" || filepath.Base(examples) != "examples" {
		return false
	}
	return slices.ContainsFunc(v.modules, func(module string) bool { return filepath.Dir(module) == filepath.Dir(examples) })
}

// definitions are the custom resource definitions among the manifests.
func (v *run) definitions() (found []map[string]any) {
	const kind = "CustomResourceDefinition"
	for _, source := range v.sources {
		if !load.MayHold(&source, []string{kind}, load.DefaultLimits) {
			continue
		}
		for _, document := range load.Read(source, load.DefaultLimits).Documents {
			if native, ok := document.Native().(map[string]any); ok && document.Resource.Kind == kind && v.patches.Of(source, document) == "" {
				found = append(found, native)
			}
		}
	}
	return found
}

// misfits are what the types of Kubernetes and of custom resources refuse, but for what is told already.
func misfits(document *load.Document, errors []schema.Error, told []model.Problem) (found []model.Problem) {
	for _, e := range errors {
		at := document.Locate(e.Path)
		if slices.ContainsFunc(told, func(p model.Problem) bool { return p.Line == at.Line && p.Column == at.Column }) {
			continue
		}
		found = append(found, problem(document, at, "manifest_schema", e.Message, e.Hint))
	}
	return found
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
