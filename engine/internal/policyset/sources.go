package policyset

import (
	"attest.continuu.ms/engine/internal/constraint/gatekeeper"
	"attest.continuu.ms/engine/internal/model"
	"attest.continuu.ms/engine/internal/rego"
)

// Sources is what policy sources hold, before anything is compiled.
type Sources struct {
	Modules []rego.Module
	Data    map[string]any
	Objects []gatekeeper.Object // Gatekeeper's
}

// Read reads the sources that Load would compile.
func Read(params Params) (Sources, []model.Problem) {
	all := gather(params, false)
	out := Sources{Data: all.data}
	problems := all.problems
	if params.OPA {
		out.Modules = all.modules
		for _, m := range params.Modules {
			out.Modules = append(out.Modules, m.module())
		}
	}
	if params.Gatekeeper {
		objects, more := gatekeeperObjects(all.manifests, all.reads)
		out.Objects, problems = objects, append(problems, more...)
	}
	return out, problems
}
