package overlay

import (
	"strings"

	"sigs.k8s.io/kustomize/api/resource"
	kyaml "sigs.k8s.io/kustomize/kyaml/yaml"

	"attest.continuu.ms/render/internal/answer"
)

// known is where values of a resource may come from: an index of one text by the paths of its values.
type known struct {
	file    string
	before  int
	indexed map[string]field
	keyed   map[string]field
}

func index(file string, before int, all []field) known {
	out := known{file, before, map[string]field{}, map[string]field{}}
	for _, one := range all {
		out.indexed[one.indexed], out.keyed[one.keyed] = one, one
	}
	return out
}

// places gives each line of a resource the line of a file that a person would change: of the last patch that sets the
// value, of the kustomization, or of the file that the resource was read from. Elements of lists share their first line with
// a value: theirs are told apart where the two differ.
func (b *build) places(rendered string, of *resource.Resource, origin string, layers []layer) ([]answer.Place, map[string]answer.Place) {
	patches, own := b.patchesOf(of, layers), b.ownOf(of, origin)
	nodes := nodesOf([]byte(rendered))
	lines := strings.Count(rendered, "\n") + 1
	out := make([]answer.Place, lines)
	if len(nodes) != 1 {
		return out, nil
	}
	start := b.startOf(of, origin, own, layers)
	set := map[string]answer.Place{"": start} // by the path of the value
	for i := range out {
		out[i] = start
	}
	for _, one := range fields(nodes[0]) {
		place, found := b.placeOf(one, patches, own, layers)
		if !found {
			place = set[one.indexed[:strings.LastIndex(one.indexed, "/")]]
		}
		set[one.indexed] = place
		for line := one.line; line <= lines && (line == one.line || one.isScalar && line < one.line+strings.Count(one.scalar, "\n")+1); line++ {
			out[line-1] = place
		}
	}
	elements := map[string]answer.Place{}
	for _, one := range fields(nodes[0]) {
		if place := set[one.indexed]; one.element && out[one.line-1] != place {
			elements[one.indexed] = place
		}
	}
	return out, elements
}

// placeOf finds who set a value: the last patch that states it, then the resource's own file, then what kustomizations
// set themselves. What is no single value, and what tells the resource from others, is looked for in its own file first.
func (b *build) placeOf(one field, patches []known, own *known, layers []layer) (answer.Place, bool) {
	inOwn := func() (answer.Place, bool) {
		if own == nil {
			return answer.Place{}, false
		}
		found, ok := own.states(one)
		return b.placed(own.file, found.line), ok
	}
	first := !one.isScalar || one.indexed == "/apiVersion" || one.indexed == "/kind"
	if place, ok := inOwn(); first && ok {
		return place, true
	}
	for i := len(patches) - 1; i >= 0; i-- {
		if found, ok := patches[i].states(one); ok {
			return answer.Place{File: patches[i].file, Line: patches[i].before + found.line}, true
		}
	}
	if place, ok := inOwn(); ok {
		return place, true
	}
	if one.isScalar {
		for i := len(layers) - 1; i >= 0; i-- {
			if line := layers[i].sets(one); line > 0 {
				return answer.Place{File: layers[i].file, Line: line}, true
			}
		}
	}
	if own != nil {
		if found, ok := own.keyed[one.keyed]; ok { // changed by what can't be told: here it was
			return b.placed(own.file, found.line), true
		}
	}
	return answer.Place{}, false
}

// states says whether a text holds a value at the same path: the same one, where it is a scalar.
func (k known) states(one field) (field, bool) {
	for _, found := range []field{k.keyed[one.keyed], k.indexed[one.indexed]} {
		if found.line > 0 && found.isScalar == one.isScalar && found.scalar == one.scalar {
			return found, true
		}
	}
	return field{}, false
}

// ownOf indexes the document that a resource was read from.
func (b *build) ownOf(of *resource.Resource, origin string) *known {
	if origin == "" {
		return nil
	}
	var best *kyaml.Node
	for _, node := range b.documentsOf(origin) {
		for _, one := range itemsOf(node) {
			if text(member(one, "kind")) != of.GetKind() {
				continue
			}
			name := text(member(one, "metadata", "name"))
			if best == nil || name == of.GetName() || strings.Contains(of.GetName(), name) && text(member(best, "metadata", "name")) != of.GetName() {
				best = one
			}
		}
	}
	if best == nil {
		return nil
	}
	found := index(origin, 0, fields(best))
	found.indexed[""] = field{line: best.Line}
	return &found
}

// itemsOf are the resources of a document: those of a list, or itself.
func itemsOf(node *kyaml.Node) []*kyaml.Node {
	if items := member(node, "items"); items != nil && items.Kind == kyaml.SequenceNode && strings.HasSuffix(text(member(node, "kind")), "List") {
		return items.Content
	}
	return []*kyaml.Node{node}
}

// patchesOf indexes the patches that may be of a resource, in the order in which they are applied.
func (b *build) patchesOf(of *resource.Resource, layers []layer) []known {
	var out []known
	for _, one := range layers {
		for _, p := range one.patches {
			for _, node := range p.nodes {
				if node.Kind == kyaml.SequenceNode {
					if p.target == nil || p.target.Kind == "" || p.target.Kind == of.GetKind() {
						out = append(out, index(p.file, p.before, operations(node)))
					}
				} else if p.isOf(node, of) {
					out = append(out, index(p.file, p.before, fields(node)))
				}
			}
		}
	}
	return out
}

func (p patch) isOf(node *kyaml.Node, of *resource.Resource) bool {
	if p.target != nil {
		return p.target.Kind == "" || p.target.Kind == of.GetKind()
	}
	return text(member(node, "kind")) == of.GetKind() && strings.Contains(of.GetName(), text(member(node, "metadata", "name")))
}

// operations are the values that a list of operations (RFC 6902) sets.
func operations(list *kyaml.Node) []field {
	var out []field
	for _, one := range list.Content {
		path, value := text(member(one, "path")), member(one, "value")
		if path == "" || value == nil {
			continue
		}
		add(value, field{indexed: path, keyed: path, line: value.Line}, 0, &out)
	}
	return out
}
