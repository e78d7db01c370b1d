package load

import (
	"fmt"
	"strings"

	yaml3 "go.yaml.in/yaml/v3"
)

var errTooDeep = &Failure{
	Code: CodeLimit, Message: "the document is nested too deeply", Hint: "a Kubernetes resource needs a few dozen levels",
}

// checkAliases refuses a document whose aliases expand to more than limit nodes, before anything expands them.
func checkAliases(text string, limit int) error {
	if !strings.Contains(text, "&") || !strings.Contains(text, "*") {
		return nil
	}
	var root yaml3.Node
	if yaml3.Unmarshal([]byte(libraryText(text)), &root) != nil {
		return nil // the decoder that follows says what is wrong, and has a limit of its own
	}
	sizes := aliasSizes{limit: limit, known: map[*yaml3.Node]int{}}
	if sizes.aliases(&root); sizes.total <= limit {
		return nil
	}
	return &Failure{
		Code: CodeLimit, Message: fmt.Sprintf("the document expands to more than %d nodes through its aliases", limit),
		Hint: "write the values out instead of repeating them through aliases", Line: sizes.line, Column: sizes.column,
	}
}

// aliasSizes counts the nodes that aliases stand for, each anchor once.
type aliasSizes struct {
	limit, total, line, column int
	known                      map[*yaml3.Node]int
}

// aliases adds up what every alias below node expands to, and remembers where the limit was passed.
func (s *aliasSizes) aliases(node *yaml3.Node) {
	if node.Kind == yaml3.AliasNode && s.total <= s.limit {
		if s.total += s.size(node.Alias); s.total > s.limit {
			s.line, s.column = node.Line, node.Column
		}
	}
	for _, child := range node.Content {
		s.aliases(child)
	}
}

// size is the number of nodes that node expands to, at most limit+1. An anchor within itself counts as nothing
// here; the decoder refuses it.
func (s *aliasSizes) size(node *yaml3.Node) int {
	if size, known := s.known[node]; known {
		return size
	}
	s.known[node] = 0
	size := 1
	if node.Kind == yaml3.AliasNode {
		size = s.size(node.Alias)
	}
	for _, child := range node.Content {
		size = min(size+s.size(child), s.limit+1)
	}
	s.known[node] = size
	return size
}
