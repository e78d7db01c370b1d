// Package bundle reads, verifies, builds and signs policy bundles in OPA's format: an archive or a
// folder with Rego, data, a manifest and a signature, and beside them Gatekeeper objects as YAML.
//
// Everything in a bundle is hostile until its signature holds. What may be read of it, how much of it,
// and in which order is therefore decided here, and OPA's own packages do what must be OPA: the hashes,
// the tokens and the meaning of a manifest.
package bundle

import (
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/util"

	opa "github.com/open-policy-agent/opa/v1/bundle"

	"attest.continuu.ms/engine/internal/load"
	"attest.continuu.ms/engine/internal/model"
	"attest.continuu.ms/engine/internal/rego"
)

const (
	manifestFile      = opa.ManifestExt
	manifestProtoFile = opa.ManifestProtoExt
	signaturesFile    = ".signatures.json"
	dataFile          = "data.json"
	patchFile         = "patch.json"
)

// Bundle is a bundle that was read whole, and verified where that was asked.
type Bundle struct {
	Path     string
	Files    []File // by path
	Manifest opa.Manifest
	Signed   *Signed // nil: there is no signature
	Digest   string
	Warnings []model.Problem
}

// Open reads a bundle, an archive or a folder. With a verification the signature is checked before
// anything else is looked at. The files that are opened are noted in reads, which may be nil.
func Open(root string, verification *Verification, reads *load.Reads) (*Bundle, error) {
	files, folder, err := readAny(root, reads)
	if err != nil {
		return nil, located(err, root)
	}
	slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	b := &Bundle{Path: root, Files: files}
	if err := b.authenticate(verification, folder); err != nil {
		return nil, located(err, root)
	}
	var exclude []string
	if verification != nil {
		exclude = verification.Exclude
	}
	if b.Digest, err = digest(files, exclude); err != nil {
		return nil, located(err, root)
	}
	return b, located(b.readManifest(), root)
}

// readAny gives the files, and of a folder its full path.
func readAny(root string, reads *load.Reads) ([]File, string, error) {
	info, err := os.Stat(root)
	if err != nil {
		return nil, "", unreadable(root, err)
	}
	if !info.IsDir() {
		files, err := readArchive(root, DefaultLimits, reads)
		return files, "", err
	}
	full, err := filepath.Abs(root)
	if err != nil {
		return nil, "", unreadable(root, err)
	}
	files, err := readFolder(root, DefaultLimits, reads)
	return files, filepath.ToSlash(full), err
}

func (b *Bundle) authenticate(verification *Verification, folder string) error {
	for _, file := range b.Files {
		if path.Base(file.Path) == signaturesFile && file.Path != signaturesFile {
			return contentError("`%s` is not at the top of the bundle", model.Short(file.Path))
		}
	}
	if verification != nil {
		signed, err := verify(b.Files, verification, folder)
		b.Signed = signed
		return err
	}
	e, err := readEnvelope(b.Files)
	if err != nil || e == nil {
		return err
	}
	b.Signed = e.signed(false)
	b.warn("bundle_unverified", "the bundle is signed, but no key is configured: the signature was not checked",
		"set `policy.policy_bundle_key`")
	return nil
}

func (b *Bundle) warn(code, message, hint string) {
	b.Warnings = append(b.Warnings, model.Problem{
		Severity: model.Warning, Code: code, Message: message, File: b.Path, Hint: hint,
	})
}

// Modules are the Rego files, those of tests only where they are asked for, each read as the manifest says.
func (b *Bundle) Modules(tests bool) []rego.Module {
	var modules []rego.Module
	for _, file := range b.Files {
		if !strings.HasSuffix(file.Path, opa.RegoExt) || (!tests && strings.HasSuffix(file.Path, "_test.rego")) {
			continue
		}
		source := rego.Source{File: b.Shown(file), Text: string(file.Data), Version: b.regoVersion(file)}
		modules = append(modules, rego.Module{Source: source, Origin: b.Path})
	}
	return modules
}

// Shown is how messages name a file of the bundle.
func (b *Bundle) Shown(file File) string { return b.Path + "/" + file.Path }

// Manifests are the YAML and JSON files that may hold Gatekeeper objects.
func (b *Bundle) Manifests() []File {
	var files []File
	for _, file := range b.Files {
		if isManifest(file.Path) {
			files = append(files, file)
		}
	}
	return files
}

// isManifest leaves out what has a meaning of its own in a bundle.
func isManifest(name string) bool {
	switch path.Base(name) {
	case dataFile, signaturesFile, patchFile, opa.PlanFile:
		return false
	}
	return !opa.IsStructuredDoc(name) && slices.Contains([]string{".yaml", ".yml", ".json"}, path.Ext(name))
}

// Data are the data files, each at the place that its folder names. They are read by the very parser
// that their hash is made with: two parsers could see two documents in one text.
func (b *Bundle) Data(merge func(file string, document map[string]any) error) error {
	for _, file := range b.Files {
		if !opa.IsStructuredDoc(file.Path) || path.Base(file.Path) == manifestFile {
			continue
		}
		var document any
		if err := util.Unmarshal(file.Data, &document); err != nil {
			return located(contentError("`%s` is neither JSON nor YAML", model.Short(file.Path)), b.Path)
		}
		object, ok := under(path.Dir(file.Path), document).(map[string]any)
		if !ok {
			return located(contentError("the top of `%s` must be an object", model.Short(file.Path)), b.Path)
		}
		if err := b.checkRoots(file.Path, object, ""); err != nil {
			return located(err, b.Path)
		}
		if key := rego.ClosedData(object); key != "" {
			return refuse("closed_document", b.Shown(file), "`data."+key+"` belongs to the product: no data document may define it", rego.HintClosedData)
		}
		if err := merge(b.Shown(file), object); err != nil {
			return err
		}
	}
	return nil
}

// under puts a document below the keys that a folder's path spells.
func under(folder string, document any) any {
	if folder == "." {
		return document
	}
	parts := strings.Split(folder, "/")
	slices.Reverse(parts)
	for _, part := range parts {
		document = map[string]any{part: document}
	}
	return document
}

func located(err error, file string) error {
	if refused, ok := err.(*Error); ok && refused.File == "" {
		refused.File = file
	}
	return err
}
