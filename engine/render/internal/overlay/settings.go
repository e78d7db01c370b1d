package overlay

import (
	"path/filepath"
	"strings"

	"sigs.k8s.io/kustomize/api/resource"
	kyaml "sigs.k8s.io/kustomize/kyaml/yaml"

	"attest.continuu.ms/render/internal/answer"
)

// sets is the line of a kustomization whose field set a scalar; 0 where none did.
func (l layer) sets(one field) int {
	last := one.indexed[strings.LastIndex(one.indexed, "/")+1:]
	switch {
	case one.indexed == "/metadata/namespace" || strings.HasSuffix(one.indexed, "/namespace"):
		if l.says.Namespace == one.scalar && one.scalar != "" {
			return l.lineOf("namespace")
		}
	case one.indexed == "/metadata/name":
		for key, affix := range map[string]string{"namePrefix": l.says.NamePrefix, "nameSuffix": l.says.NameSuffix} {
			if affix != "" && strings.Contains(one.scalar, affix) {
				return l.lineOf(key)
			}
		}
	case last == "image":
		return l.lineOfImage(one.scalar)
	case last == "replicas":
		return l.lineOf("replicas")
	}
	for _, key := range []string{"commonLabels", "labels", "commonAnnotations"} {
		if line := lineOfPair(member(l.node, key), last, one.scalar); line > 0 {
			return line
		}
	}
	return 0
}

// lineOf is the line of a key of a kustomization; 0 where it has none.
func (l layer) lineOf(key string) int {
	if l.node == nil || l.node.Kind != kyaml.MappingNode {
		return 0
	}
	for i := 0; i+1 < len(l.node.Content); i += 2 {
		if l.node.Content[i].Value == key {
			return l.node.Content[i].Line
		}
	}
	return 0
}

// lineOfImage is the line of the entry of `images` that gave an image its name, tag or digest.
func (l layer) lineOfImage(image string) int {
	list := member(l.node, "images")
	if list == nil {
		return 0
	}
	for _, entry := range list.Content {
		name := text(member(entry, "newName"))
		if name == "" {
			name = text(member(entry, "name"))
		}
		if name != "" && strings.HasPrefix(image, name) && strings.Trim(image[len(name):][:min(1, len(image)-len(name))], ":@") == "" {
			for _, key := range []string{"newTag", "digest", "newName"} {
				if value := member(entry, key); value != nil {
					return value.Line
				}
			}
		}
	}
	return 0
}

// lineOfPair is the line on which some map below a value says so.
func lineOfPair(node *kyaml.Node, key, value string) (line int) {
	walk(node, func(one *kyaml.Node) bool {
		if found := member(one, key); found != nil && found.Value == value {
			line = found.Line
		}
		return line == 0
	})
	return line
}

// startOf is the place of a resource as a whole: of its file, or of the generator that made it.
func (b *build) startOf(of *resource.Resource, origin string, own *known, layers []layer) answer.Place {
	if own != nil {
		return b.placed(own.file, own.indexed[""].line)
	}
	if origin != "" {
		return b.placed(origin, 1)
	}
	for i := len(layers) - 1; i >= 0; i-- {
		for _, key := range []string{"configMapGenerator", "secretGenerator"} {
			list := member(layers[i].node, key)
			if list == nil {
				continue
			}
			for _, entry := range list.Content {
				if name := text(member(entry, "name")); name != "" && strings.Contains(of.GetName(), name) {
					return answer.Place{File: layers[i].file, Line: entry.Line}
				}
			}
		}
	}
	return answer.Place{File: b.kustomization(filepath.Clean(b.root)), Line: 1}
}
