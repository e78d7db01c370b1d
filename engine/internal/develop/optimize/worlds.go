package optimize

import (
	"maps"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/develop/explore"
	"attest.continuu.ms/engine/internal/load"
	"attest.continuu.ms/engine/internal/model"
)

// Where samples come from.
const (
	fromData      = "data"
	fromExamples  = "examples"
	fromGenerated = "generated"
)

const (
	// maxSamples bounds how many resources are measured.
	maxSamples = 200
	// maxGenerated is how many generated inputs are measured where there is nothing else.
	maxGenerated = 40
)

// sample is something to judge.
type sample struct {
	file  string // empty where it was generated
	world explore.World
}

// gather finds what to measure with, and everything that a rewrite must not change the results of.
func (o *optimizer) gather() []model.Problem {
	examples, _ := explore.ReadExamples(explore.Beside(o.params.File, o.subject.Policy.Name))
	data, problems := o.readData()
	if len(problems) > 0 {
		return problems
	}
	for _, example := range examples {
		o.examples = append(o.examples, sample{example.File, o.exampleWorld(example)})
	}
	o.samples, o.from = o.examples, fromExamples
	if len(o.params.Paths) > 0 {
		o.samples, o.from = data, fromData
	}
	if problem := o.broken(o.samples); problem != nil {
		return []model.Problem{*problem}
	}
	o.explore(examples)
	if o.pool == nil || len(o.pool.Tried) == 0 {
		return []model.Problem{o.failure(o.pool.Failure)}
	}
	if len(o.samples) == 0 {
		o.samples, o.from = o.generated(), fromGenerated
	}
	return nil
}

// explore makes inputs from the policy's own conditions, with the configured parameters among them.
func (o *optimizer) explore(examples []explore.Example) {
	seeds := o.subject.Seeds(examples)
	for _, s := range o.samples[:min(len(o.samples), maxGenerated)] {
		seeds = append(seeds, s.world)
	}
	seeds = append(seeds, o.surround(o.subject.Empty(), o.parameters))
	o.seeds = seeds
	o.pool = explore.Search(o.ctx, o.subject, seeds, o.params.Budget)
}

// generated are inputs that each did something new, for want of sample data: those that violate something first,
// with longer lists than it takes to do so.
func (o *optimizer) generated() []sample {
	var first, rest []sample
	for _, found := range o.pool.Corpus {
		s := sample{world: enlarged(found.World, nil, usualLength)}
		if found.Outcome.Violates() {
			first = append(first, s)
		} else {
			rest = append(rest, s)
		}
	}
	return append(explore.Spread(first, maxGenerated/2), explore.Spread(rest, maxGenerated/2)...)
}

// usualLength is how many elements the lists of a generated sample have.
const usualLength = 3

func (o *optimizer) exampleWorld(example explore.Example) explore.World {
	parameters := o.parameters
	if example.Parameters != nil {
		parameters = defaulted(o.subject.Policy.Defaults, example.Parameters)
	}
	w := o.surround(o.subject.Place(example.Resource), parameters)
	if example.Evidence != nil {
		w = o.mocked(w, map[string]any{"attest": map[string]any{"evidence": example.Evidence}})
	}
	return w
}

// readData reads the sample data as `check` would read it.
func (o *optimizer) readData() ([]sample, []model.Problem) {
	sources, _, problems := load.Walk(o.params.Paths)
	var out []sample
	for _, source := range sources {
		file := load.Read(source, load.DefaultLimits)
		problems = append(problems, file.Problems...)
		for _, document := range file.Documents {
			plain, err := ast.JSON(document.Term.Value)
			if err != nil {
				continue
			}
			if resource, err := explore.Native(plain); err == nil {
				out = append(out, sample{source.Path, o.surround(o.subject.Place(resource), o.parameters)})
			}
		}
	}
	if failed := slices.IndexFunc(problems, func(p model.Problem) bool { return p.Severity == model.Error }); failed >= 0 {
		return nil, problems[failed : failed+1]
	}
	if len(out) == 0 && len(o.params.Paths) > 0 {
		return nil, []model.Problem{{
			Severity: model.Error, Code: "no_resources", File: o.params.Paths[0],
			Message: "there is no Kubernetes resource to measure with", Hint: "name a folder of manifests with --benchmark-data",
		}}
	}
	return explore.Spread(out, maxSamples), nil
}

// surround gives a world parameters and the documents of the run.
func (o *optimizer) surround(w explore.World, parameters map[string]any) explore.World {
	input, _ := w["input"].(map[string]any)
	input = maps.Clone(input)
	input["parameters"] = parameters
	out := maps.Clone(w)
	out["input"] = input
	return o.mocked(out, o.data)
}

// mocked puts documents where the policy looks for them under `data`.
func (o *optimizer) mocked(w explore.World, documents map[string]any) explore.World {
	out := maps.Clone(w)
	for _, mock := range o.subject.Mocks {
		ref, ok := mock.Target.Value.(ast.Ref)
		if !ok || !ref[0].Equal(ast.DefaultRootDocument) {
			continue
		}
		var at any = documents
		for _, key := range ref[1:] {
			object, _ := at.(map[string]any)
			name, _ := key.Value.(ast.String)
			at = object[string(name)]
		}
		if at != nil {
			out[mock.Name] = at
		}
	}
	return out
}

func defaulted(defaults, given map[string]any) map[string]any {
	out := maps.Clone(defaults)
	if out == nil {
		out = map[string]any{}
	}
	maps.Copy(out, given)
	return out
}

// broken says why a sample can't be judged, where that is so: a time that ends in an error says nothing.
func (o *optimizer) broken(samples []sample) *model.Problem {
	for _, s := range samples {
		q, err := o.prepare(o.subject, s.world)
		if err == nil {
			err = q.ask(o.ctx).err
		}
		if err != nil {
			problem := o.failure(err)
			return &problem
		}
	}
	return nil
}
