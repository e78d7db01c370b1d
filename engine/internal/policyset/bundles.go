package policyset

import (
	"fmt"

	"attest.continuu.ms/engine/internal/bundle"
	"attest.continuu.ms/engine/internal/load"
)

// readBundle reads a policy source that is a bundle. Archives are always held against the verification;
// a folder only where configuration says that it must be signed, since it may be the author's own copy.
func (f *folder) readBundle(path string, verification *bundle.Verification, signed bool) {
	if !signed && !bundle.IsArchive(path) {
		verification = nil
	}
	opened, err := bundle.Open(path, verification, f.reads)
	if err != nil {
		f.problems = append(f.problems, bundle.Problem(err))
		return
	}
	f.problems = append(f.problems, opened.Warnings...)
	f.modules = opened.Modules(f.tests)
	f.problems = append(f.problems, opened.OutsideRoots(f.modules)...)
	for _, file := range opened.Manifests() {
		f.manifests = append(f.manifests, load.Source{Path: opened.Shown(file), Text: append([]byte{}, file.Data...)})
	}
	err = opened.Data(func(file string, document map[string]any) error {
		if key := mergeInto(f.data, document, ""); key != "" {
			return &bundle.Error{
				Code: "data_conflict", File: file, Message: fmt.Sprintf("`data.%s` is already defined by another file", key),
				Hint: "give one of the two another name",
			}
		}
		return nil
	})
	if err != nil {
		f.problems = append(f.problems, bundle.Problem(err))
	}
}
