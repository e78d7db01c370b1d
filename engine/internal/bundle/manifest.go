package bundle

import (
	"encoding/json"
	"path"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	opa "github.com/open-policy-agent/opa/v1/bundle"
	pb "github.com/open-policy-agent/opa/v1/bundle/v1pb"
	"github.com/open-policy-agent/opa/v1/util"
	"google.golang.org/protobuf/proto"

	"attest.continuu.ms/engine/internal/model"
	"attest.continuu.ms/engine/internal/rego"
)

// readManifest reads what the bundle says of itself, and refuses what can't be used here.
func (b *Bundle) readManifest() error {
	var found []File
	for _, file := range b.Files {
		name := path.Base(file.Path)
		switch {
		case strings.HasSuffix(name, manifestFile), strings.HasSuffix(name, manifestProtoFile):
			found = append(found, file)
		case name == patchFile:
			return contentError("the bundle is a delta (`%s`): only whole bundles can be used", model.Short(file.Path))
		case name == opa.WasmFile:
			b.warn("bundle_wasm", "`"+model.Short(file.Path)+"` is not used: policies are evaluated from their Rego", "")
		}
	}
	if len(found) > 1 {
		return contentError("there are two manifests: `%s` and `%s`", model.Short(found[0].Path), model.Short(found[1].Path))
	}
	for _, file := range found {
		if file.Path != manifestFile && file.Path != manifestProtoFile {
			return contentError("the manifest `%s` is not at the top of the bundle", model.Short(file.Path))
		}
		if err := decodeManifest(file, &b.Manifest); err != nil {
			return contentError("the manifest can't be read: %s", model.Short(err.Error()))
		}
	}
	return b.checkManifest()
}

func decodeManifest(file File, into *opa.Manifest) error {
	if file.Path == manifestProtoFile {
		var message pb.Manifest
		if err := proto.Unmarshal(file.Data, &message); err != nil {
			return err
		}
		manifest, err := opa.ManifestFromProto(&message)
		if err == nil {
			*into = *manifest
		}
		return err
	}
	var value any // the value that was signed, not the text: see Bundle.Data
	if err := util.Unmarshal(file.Data, &value); err != nil {
		return err
	}
	raw, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return util.Unmarshal(raw, into)
}

// checkManifest applies OPA's rules for roots and versions of Rego.
func (b *Bundle) checkManifest() error {
	b.Manifest.Init()
	roots := *b.Manifest.Roots
	for i := range roots {
		roots[i] = strings.Trim(roots[i], "/")
		if rego.IsClosedPlace(roots[i]) {
			return contentError("the manifest's root `%s` belongs to the product", model.Short(roots[i]))
		}
		for j := range i {
			if opa.RootPathsOverlap(roots[j], roots[i]) {
				return contentError("the manifest's roots `%s` and `%s` overlap", model.Short(roots[j]), model.Short(roots[i]))
			}
		}
	}
	versions := []int{}
	for _, version := range b.Manifest.FileRegoVersions {
		versions = append(versions, version)
	}
	if b.Manifest.RegoVersion != nil {
		versions = append(versions, *b.Manifest.RegoVersion)
	}
	if at := slices.IndexFunc(versions, func(v int) bool { return v != 0 && v != 1 }); at >= 0 {
		return contentError("the manifest states Rego version %d: use 0 or 1", versions[at])
	}
	if _, err := b.Manifest.RegoVersionForFile("/"); err != nil {
		return contentError("the manifest's `file_rego_versions` can't be used: %s", model.Short(err.Error()))
	}
	return nil
}

// regoVersion is the dialect that the manifest states for a file, in OPA's way of naming it; empty
// where it says nothing.
func (b *Bundle) regoVersion(file File) string {
	version, err := b.Manifest.RegoVersionForFile("/" + file.Path)
	if err != nil {
		return ""
	}
	switch version {
	case ast.RegoV0:
		return rego.V0
	case ast.RegoV1:
		return rego.V1
	}
	return ""
}

// checkRoots refuses data outside of the roots that the manifest claims.
func (b *Bundle) checkRoots(file string, object map[string]any, at string) error {
	for _, key := range util.KeysSorted(object) {
		place := strings.TrimPrefix(at+"/"+escaped(key), "/")
		if b.Permits(place) {
			continue
		}
		below, isObject := object[key].(map[string]any)
		if !isObject || !slices.ContainsFunc(*b.Manifest.Roots, func(root string) bool { return strings.HasPrefix(root, place+"/") }) {
			return contentError("`%s` defines `data.%s`, outside of the manifest's roots %v",
				model.Short(file), model.Short(strings.ReplaceAll(place, "/", ".")), *b.Manifest.Roots)
		}
		if err := b.checkRoots(file, below, place); err != nil {
			return err
		}
	}
	return nil
}

// Permits says whether the manifest's roots hold a place, `attest/security` for `data.attest.security`.
func (b *Bundle) Permits(place string) bool { return opa.RootPathsContain(*b.Manifest.Roots, place) }
