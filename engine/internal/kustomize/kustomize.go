// Package kustomize tells patches from resources, as the kustomizations beside them do. It renders nothing.
//
// A kustomization is anybody's to write, and must hide nothing: what it lists as a patch is one only if the resource that
// it is a patch of is judged as a whole in the same run, no kustomization lists the file as a resource, and the document
// could not stand on its own.
package kustomize

import (
	"path/filepath"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"attest.continuu.ms/engine/internal/load"
	"attest.continuu.ms/engine/internal/model"
)

// Patches are the documents of a run that kustomizations list as patches. It is filled by Take with all that Read gives,
// then settled; from then on it never changes. Nil stands for none.
type Patches struct {
	limits  load.Limits
	listed  map[string][]*entry // by the real path of the file
	kinds   []string            // of the documents in these files
	targets map[schema.GroupKind][]model.Resource
}

// entry is a line of a kustomization that lists a file as a patch.
type entry struct {
	place    string    // file:line
	selector *selector // nil: the patch itself names its target
	selected map[schema.GroupKind]bool
}

// Listed finds the files among the sources of a walk that its kustomizations list as patches; nil where there are none.
func Listed(found load.Found, limits load.Limits) *Patches {
	p := &Patches{limits: limits, listed: map[string][]*entry{}, targets: map[schema.GroupKind][]model.Resource{}}
	files := map[string]bool{}
	var kustomizations []load.Source
	for _, source := range append(found.Sources[:len(found.Sources):len(found.Sources)], found.Others...) {
		files[source.Real] = true
		if load.IsKustomization(filepath.Base(source.Path)) {
			kustomizations = append(kustomizations, source)
		}
	}
	resources := map[string]bool{}
	for _, source := range kustomizations {
		p.list(source, files, resources)
	}
	for file := range resources {
		delete(p.listed, file)
	}
	if len(p.listed) == 0 {
		return nil
	}
	p.learnKinds(found.Sources)
	return p
}

// learnKinds reads the files that are listed, to know of which kinds targets may be.
func (p *Patches) learnKinds(sources []load.Source) {
	known := map[string]bool{}
	for _, source := range sources {
		if p.listed[source.Real] == nil {
			continue
		}
		for _, document := range load.Read(source, p.limits).Documents {
			if kind := document.Resource.Kind; !known[kind] {
				known[kind] = true
				p.kinds = append(p.kinds, kind)
			}
		}
	}
}

// Read gives what a source holds that a patch may be one of: nothing that is listed as a patch itself.
func (p *Patches) Read(source load.Source) load.File {
	if source.Real != "" && p.listed[source.Real] != nil || !load.MayHold(&source, p.kinds, p.limits) {
		return load.File{}
	}
	return load.Read(source, p.limits)
}

// Take remembers the resources of a file.
func (p *Patches) Take(file load.File) {
	for _, document := range file.Documents {
		key := groupKind(document.Resource)
		p.targets[key] = append(p.targets[key], document.Resource)
	}
}

// Settle follows the selectors, once every file was taken.
func (p *Patches) Settle() {
	for _, entries := range p.listed {
		for _, one := range entries {
			if one.selector == nil {
				continue
			}
			one.selected = map[schema.GroupKind]bool{}
			for key, resources := range p.targets {
				one.selected[key] = one.selector.any(resources)
			}
		}
	}
}

// Lists says whether some kustomization lists a source as a patch.
func (p *Patches) Lists(source load.Source) bool {
	return p != nil && source.Real != "" && len(p.listed[source.Real]) > 0
}

// IsPart says whether a document of a source can only be a part of what it is merged into: its kustomization was rendered.
func (p *Patches) IsPart(source load.Source, document *load.Document) bool {
	return p.Lists(source) && !standsAlone(document)
}

// Of is the place that lists a document of a source as a patch; "" where it is a resource like any other.
func (p *Patches) Of(source load.Source, document *load.Document) string {
	if !p.Lists(source) || standsAlone(document) {
		return ""
	}
	key := groupKind(document.Resource)
	for _, one := range p.listed[source.Real] {
		if one.selector == nil && named(document.Resource, p.targets[key]) || one.selected[key] {
			return one.place
		}
	}
	return ""
}

// named says whether one of the resources is that which a patch names; namespaces count where both state one.
func named(patch model.Resource, resources []model.Resource) bool {
	for _, one := range resources {
		if patch.Name != "" && one.Name == patch.Name && (one.Namespace == patch.Namespace || one.Namespace == "" || patch.Namespace == "") {
			return true
		}
	}
	return false
}

func groupKind(of model.Resource) schema.GroupKind {
	group, _ := of.GroupVersion()
	return schema.GroupKind{Group: group, Kind: of.Kind}
}
