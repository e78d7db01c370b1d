package overlay

import (
	"bytes"
	"strconv"

	"sigs.k8s.io/kustomize/kyaml/kio"
	kyaml "sigs.k8s.io/kustomize/kyaml/yaml"
)

// maxDepth bounds how deep values are looked at; an alias may lead round in circles.
const maxDepth = 100

// nodesOf are the values of the YAML documents of a text as far as it can be parsed; empty ones are left out.
func nodesOf(content []byte) []*kyaml.Node {
	var out []*kyaml.Node
	decoder := kyaml.NewDecoder(bytes.NewReader(content))
	for {
		var node kyaml.Node
		if decoder.Decode(&node) != nil {
			return out
		}
		if len(node.Content) == 1 && node.Content[0].Tag != kyaml.NodeTagNull {
			out = append(out, node.Content[0])
		}
	}
}

func parseAll(text string) ([]*kyaml.RNode, error) {
	return (&kio.ByteReader{Reader: bytes.NewBufferString(text), OmitReaderAnnotations: true, DisableUnwrapping: true}).Read()
}

// walk visits a value and all that is in it, as long as visit says so.
func walk(node *kyaml.Node, visit func(*kyaml.Node) bool) bool {
	if node == nil || !visit(node) {
		return false
	}
	for _, one := range node.Content {
		if !walk(one, visit) {
			return false
		}
	}
	return true
}

// field is a value in a document, by its path: with the index of each element of a list, and with what tells the element
// from others.
type field struct {
	indexed, keyed string
	line           int // of its key, or of itself
	scalar         string
	isScalar       bool
	element        bool // of a list, and no scalar itself
}

// fields are all values of a document, from the outside in.
func fields(node *kyaml.Node) []field {
	var out []field
	gather(node, "", "", 0, &out)
	return out
}

func gather(node *kyaml.Node, indexed, keyed string, depth int, out *[]field) {
	if depth > maxDepth {
		return
	}
	if node.Kind == kyaml.AliasNode {
		node = node.Alias
	}
	switch node.Kind {
	case kyaml.MappingNode:
		for i := 0; i+1 < len(node.Content); i += 2 {
			key, value := node.Content[i], node.Content[i+1]
			step := "/" + escape(key.Value)
			add(value, field{indexed: indexed + step, keyed: keyed + step, line: key.Line}, depth, out)
		}
	case kyaml.SequenceNode:
		for i, value := range node.Content {
			element := field{indexed: indexed + "/" + strconv.Itoa(i), keyed: keyed + "/" + mergeKey(value, i), line: value.Line}
			element.element = value.Kind != kyaml.ScalarNode
			add(value, element, depth, out)
		}
	}
}

func add(value *kyaml.Node, one field, depth int, out *[]field) {
	one.scalar, one.isScalar = value.Value, value.Kind == kyaml.ScalarNode
	*out = append(*out, one)
	gather(value, one.indexed, one.keyed, depth+1, out)
}

// mergeKeys tell the elements of lists of Kubernetes from one another, the usual ones first.
var mergeKeys = []string{"name", "mountPath", "containerPort", "port", "key", "ip", "topologyKey", "devicePath", "host"}

func mergeKey(element *kyaml.Node, index int) string {
	if element.Kind == kyaml.ScalarNode {
		return "=" + escape(element.Value)
	}
	if element.Kind == kyaml.MappingNode {
		for _, wanted := range mergeKeys {
			for i := 0; i+1 < len(element.Content); i += 2 {
				if element.Content[i].Value == wanted {
					return wanted + "=" + escape(element.Content[i+1].Value)
				}
			}
		}
	}
	return strconv.Itoa(index)
}

func escape(text string) string {
	var out bytes.Buffer
	for _, c := range text {
		switch c {
		case '~':
			out.WriteString("~0")
		case '/':
			out.WriteString("~1")
		default:
			out.WriteRune(c)
		}
	}
	return out.String()
}

// member is the value at a key of a map; nil where there is none.
func member(node *kyaml.Node, keys ...string) *kyaml.Node {
	for _, wanted := range keys {
		var next *kyaml.Node
		if node != nil && node.Kind == kyaml.MappingNode {
			for i := 0; i+1 < len(node.Content); i += 2 {
				if node.Content[i].Value == wanted {
					next = node.Content[i+1]
				}
			}
		}
		node = next
	}
	return node
}

func text(node *kyaml.Node) string {
	if node == nil {
		return ""
	}
	return node.Value
}
