package validate

import (
	"attest.continuu.ms/engine/internal/bundle"
	"attest.continuu.ms/engine/internal/load"
)

// bundles takes archives apart; what is in them is validated as the files of a folder are.
func (v *run) bundles(params Params) {
	for _, path := range params.Paths {
		if !bundle.IsArchive(path) {
			continue
		}
		opened, err := bundle.Open(path, params.Verification, nil)
		if err != nil {
			v.fail(bundle.Problem(err))
			continue
		}
		v.fail(opened.Warnings...)
		modules := opened.Modules(true)
		v.fail(opened.OutsideRoots(modules)...)
		v.bundled = append(v.bundled, modules...)
		for _, file := range opened.Manifests() {
			v.sources = append(v.sources, load.Source{Path: opened.Shown(file), Text: append([]byte{}, file.Data...)})
		}
		if err := opened.Data(func(string, map[string]any) error { return nil }); err != nil {
			v.fail(bundle.Problem(err))
		}
	}
}
