package load

import (
	"fmt"
	"strconv"

	"attest.continuu.ms/engine/internal/load/syntax"
)

// search walks down a tree. node is where it stands; key is the key that led there, -1 below a sequence.
type search struct {
	*positions
	tree      *syntax.Tree
	node, key int
}

// follow walks down path as far as it exists, and returns how many elements do.
func (s *search) follow(path []any) int {
	for i, element := range path {
		if !s.step(element, maxMerges) {
			return i
		}
	}
	return len(path)
}

// maxMerges bounds how many merge keys lead from a mapping to one that holds a field.
const maxMerges = 20

// step goes to the child that element names, in the mapping itself or in one that is merged into it.
func (s *search) step(element any, merges int) bool {
	from := s.tree.Resolve(s.node)
	switch s.tree.Node(from).Kind {
	case syntax.Mapping:
		return s.stepKey(from, fmt.Sprint(element), merges)
	case syntax.Sequence:
		index, err := strconv.Atoi(fmt.Sprint(element))
		return err == nil && s.stepIndex(from, index)
	}
	return false
}

// stepKey takes the last of the entries with the key, as decoding does.
func (s *search) stepKey(from int, name string, merges int) bool {
	key, merged := -1, -1
	value := false
	previous := 0
	s.tree.Children(from, func(child int) bool {
		if value = !value; value {
			previous = child
			return true
		}
		if node := s.tree.Node(previous); keyText(node) == name {
			key, s.node = previous, child
		} else if node.Kind == syntax.Plain && node.Value == "<<" {
			merged = child
		}
		return true
	})
	if key >= 0 {
		s.key = key
		return true
	}
	return merged >= 0 && merges > 0 && s.stepMerged(merged, name, merges-1)
}

// stepMerged looks for a key in what a merge key names: a mapping, or a sequence of them.
func (s *search) stepMerged(merged int, name string, merges int) bool {
	target := s.tree.Resolve(merged)
	if s.tree.Node(target).Kind == syntax.Mapping {
		return s.stepKey(target, name, merges)
	}
	found := false
	s.tree.Children(target, func(child int) bool {
		mapping := s.tree.Resolve(child)
		found = s.tree.Node(mapping).Kind == syntax.Mapping && s.stepKey(mapping, name, merges)
		return !found
	})
	return found
}

func (s *search) stepIndex(from, index int) bool {
	if index >= longSequence && s.positions != nil {
		child := s.element(from, index)
		if child >= 0 {
			s.node, s.key = child, -1
		}
		return child >= 0
	}
	i, found := 0, false
	s.tree.Children(from, func(child int) bool {
		if found = i == index; found {
			s.node, s.key = child, -1
		}
		i++
		return !found
	})
	return found
}

// keyText is the key as decoding reads it, or as written where that is a rare form.
func keyText(node *syntax.Node) string {
	if text, ok := node.Key(); ok {
		return text
	}
	return node.Value
}

// span is the extent of the entry or element where the search stands.
func (s *search) span() (start, end int) {
	node := s.tree.Node(s.node)
	collection := s.tree.Node(s.tree.Resolve(s.node)).IsCollection()
	if s.key >= 0 {
		key := s.tree.Node(s.key)
		if collection || node.Start == node.End {
			return key.Start, key.End
		}
		return key.Start, node.End
	}
	switch {
	case node.Start == node.End: // an entry that is left out: its dash
		return max(node.Start-1, 0), node.End
	case collection:
		return node.Start, min(node.End, endOfLine(s.tree.Text, node.Start))
	}
	return node.Start, node.End
}

// firstLine is the first key of the mapping where the search stands, and the rest of its line.
func (s *search) firstLine() (start, end int) {
	node := s.tree.Node(s.tree.Resolve(s.node))
	start = node.Start
	s.tree.Children(s.tree.Resolve(s.node), func(child int) bool {
		start = s.tree.Node(child).Start
		return false
	})
	return start, max(start, min(node.End, endOfLine(s.tree.Text, start)))
}
