package bundle

import (
	"path"
	"strings"

	opa "github.com/open-policy-agent/opa/v1/bundle"

	"attest.continuu.ms/engine/internal/model"
)

// Entry is one file of a bundle as `inspect` shows it.
type Entry struct {
	Path        string `json:"path"`
	Bytes       int    `json:"bytes"`
	Kind        string `json:"kind"` // rego, test, data, manifest, signature, yaml, wasm, other
	RegoVersion string `json:"regoVersion,omitempty"`
}

// Description is what a bundle is, without its policies.
type Description struct {
	Path      string             `json:"path"`
	Revision  string             `json:"revision"`
	Roots     model.List[string] `json:"roots"`
	Metadata  map[string]any     `json:"metadata,omitempty"`
	Digest    string             `json:"digest"`
	Signature *Signed            `json:"signature,omitempty"`
	Files     model.List[Entry]  `json:"files"`
}

// Describe says what a bundle is.
func (b *Bundle) Describe() Description {
	out := Description{
		Path: b.Path, Revision: b.Manifest.Revision, Roots: *b.Manifest.Roots, Metadata: b.Manifest.Metadata,
		Digest: b.Digest, Signature: b.Signed, Files: []Entry{},
	}
	for _, file := range b.Files {
		entry := Entry{Path: file.Path, Bytes: len(file.Data), Kind: kindOf(file.Path)}
		if entry.Kind == "rego" || entry.Kind == "test" {
			entry.RegoVersion = b.regoVersion(file)
		}
		out.Files = append(out.Files, entry)
	}
	return out
}

func kindOf(name string) string {
	switch {
	case strings.HasSuffix(name, "_test.rego"):
		return "test"
	case strings.HasSuffix(name, opa.RegoExt):
		return "rego"
	case name == manifestFile || name == manifestProtoFile:
		return "manifest"
	case name == signaturesFile:
		return "signature"
	case opa.IsStructuredDoc(name):
		return "data"
	case path.Base(name) == opa.WasmFile:
		return "wasm"
	case isManifest(name):
		return "yaml"
	}
	return "other"
}
