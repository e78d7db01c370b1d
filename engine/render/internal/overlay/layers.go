package overlay

import (
	"path/filepath"
	"slices"

	"sigs.k8s.io/kustomize/api/types"
	kyaml "sigs.k8s.io/kustomize/kyaml/yaml"

	"attest.continuu.ms/render/internal/answer"
)

// layer is a kustomization that takes part, with the patches that it applies.
type layer struct {
	file    string
	node    *kyaml.Node // of the kustomization; nil where it can't be parsed by itself
	says    *types.Kustomization
	patches []patch
}

// patch is a text that changes resources.
type patch struct {
	file   string
	before int  // lines of the file above its first one
	own    bool // it has a file of its own
	target *types.Selector
	nodes  []*kyaml.Node // documents of strategic merges, or lists of operations
}

// layers are the kustomizations below a folder in the order in which they are applied: what comes later wins.
func (b *build) layers(folder string, met []string) []layer {
	real, err := b.files.Resolve(folder)
	if err != nil || slices.Contains(met, real) {
		return nil
	}
	file := b.kustomization(real)
	if file == "" {
		return nil
	}
	k, content, err := b.read(file)
	if err != nil {
		return nil
	}
	met = append(met, real)
	var out []layer
	for _, path := range slices.Concat(k.Resources, k.Components) {
		inner := filepath.Join(real, path)
		if !b.files.IsDir(inner) {
			continue
		}
		for _, one := range b.layers(inner, met) {
			if !slices.ContainsFunc(out, func(other layer) bool { return other.file == one.file }) {
				out = append(out, one)
			}
		}
	}
	own := layer{file: file, says: k}
	if nodes := nodesOf(content); len(nodes) == 1 {
		own.node = nodes[0]
	}
	own.patches = b.patches(real, own)
	return append(out, own)
}

// patches reads the patches of a kustomization, from files and from itself.
func (b *build) patches(folder string, of layer) []patch {
	var out []patch
	for _, one := range of.says.Patches {
		if one.Path != "" {
			out = b.fromFile(out, filepath.Join(folder, one.Path), one.Target)
			continue
		}
		out = append(out, patch{file: of.file, before: inlineLine(of.node, one.Patch), target: one.Target, nodes: nodesOf([]byte(one.Patch))})
	}
	//lint:ignore SA1019 older kustomizations have them
	for _, one := range of.says.PatchesStrategicMerge {
		if file := filepath.Join(folder, string(one)); b.files.Exists(file) {
			out = b.fromFile(out, file, nil)
			continue
		}
		out = append(out, patch{file: of.file, before: inlineLine(of.node, string(one)), nodes: nodesOf([]byte(one))})
	}
	//lint:ignore SA1019 older kustomizations have them
	for _, one := range of.says.PatchesJson6902 {
		if one.Path != "" {
			out = b.fromFile(out, filepath.Join(folder, one.Path), one.Target)
			continue
		}
		out = append(out, patch{file: of.file, before: inlineLine(of.node, one.Patch), target: one.Target, nodes: nodesOf([]byte(one.Patch))})
	}
	return out
}

func (b *build) fromFile(out []patch, file string, target *types.Selector) []patch {
	real, err := b.files.Resolve(file)
	if err != nil {
		return out
	}
	content, err := b.files.Original(real)
	if err != nil {
		return out
	}
	return append(out, patch{file: real, own: true, target: target, nodes: nodesOf(content)})
}

// inlineLine is how many lines of a kustomization stand above a text in it.
func inlineLine(node *kyaml.Node, text string) int {
	found := 0
	walk(node, func(one *kyaml.Node) bool {
		if found == 0 && one.Kind == kyaml.ScalarNode && one.Value == text {
			found = one.Line
			if one.Style&(kyaml.LiteralStyle|kyaml.FoldedStyle) == 0 {
				found--
			}
		}
		return found == 0
	})
	return found
}

// documentsOf are those of a file of resources.
func (b *build) documentsOf(file string) []*kyaml.Node {
	if text, isChart := b.texts[file]; isChart {
		return nodesOf([]byte(text))
	}
	content, err := b.files.Original(file)
	if err != nil {
		return nil
	}
	return nodesOf(content)
}

// placed is a line of a file, by way of the template that it was rendered from.
func (b *build) placed(file string, line int) answer.Place {
	if places, isChart := b.charts[file]; isChart {
		if line < 1 || line > len(places) {
			return answer.Place{}
		}
		return places[line-1]
	}
	return answer.Place{File: file, Line: line}
}
