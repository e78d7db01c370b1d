package check

import (
	"bytes"
	"os"

	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/load"
)

// namespaces finds the Namespace objects among the inputs: a resource may stand in an earlier file
// than its namespace. Only files that could hold one are decoded.
func namespaces(sources []load.Source, limits load.Limits) map[string]*ast.Term {
	out := map[string]*ast.Term{}
	for _, source := range sources {
		if !mayHoldNamespace(source, limits) {
			continue
		}
		for _, document := range load.Read(source, limits).Documents {
			if document.Resource.Kind == "Namespace" && document.Resource.APIVersion == "v1" {
				out[document.Resource.Name] = document.Term
			}
		}
	}
	return out
}

func mayHoldNamespace(source load.Source, limits load.Limits) bool {
	text := source.Text
	if text == nil {
		info, err := os.Stat(source.Path)
		if err != nil || !info.Mode().IsRegular() || info.Size() > limits.DocumentBytes {
			return false // the file's own turn will say what is wrong with it
		}
		if text, err = os.ReadFile(source.Path); err != nil {
			return false
		}
	}
	for rest := text; ; {
		at := bytes.Index(rest, []byte("Namespace"))
		if at < 0 {
			return false
		}
		if bytes.Contains(lineBefore(rest, at), []byte("kind")) {
			return true
		}
		rest = rest[at+len("Namespace"):]
	}
}

func lineBefore(text []byte, at int) []byte {
	return text[bytes.LastIndexByte(text[:at], '\n')+1 : at]
}
