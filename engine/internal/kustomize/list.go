package kustomize

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"attest.continuu.ms/engine/internal/load"
)

// What no kustomization of people passes: one that lists more is left alone, as is a line that lists a file once more.
const (
	maxEntries   = 10_000
	maxListings  = 100
	maxFileBytes = 4 << 20
)

// list notes what a kustomization lists: the patches of a file by its real path, and the files of resources.
func (p *Patches) list(source load.Source, files, resources map[string]bool) {
	limits := p.limits
	limits.FileBytes = maxFileBytes
	document := load.Sole(source, limits)
	if document == nil {
		return
	}
	object, root := content(document), rootOf(source)
	if object == nil || root == "" || tooMany(object) {
		return
	}
	within := folder{root: root, files: files}
	for _, key := range []string{"resources", "bases"} {
		for _, path := range listOf(object[key]) {
			if file := within.resolve(path); file != "" {
				resources[file] = true
			}
		}
	}
	for _, key := range []string{"patches", "patchesStrategicMerge"} {
		for i, value := range listOf(object[key]) {
			path, target, ok := patchOf(value)
			file := within.resolve(path)
			if !ok || file == "" || !within.holds(file) || len(p.listed[file]) >= maxListings {
				continue
			}
			place := fmt.Sprintf("%s:%d", source.Path, document.Locate([]any{key, i}).Line)
			p.listed[file] = append(p.listed[file], &entry{place: place, selector: target})
		}
	}
}

// content is what a document says if it is a kustomization, or a component, whose kind and version may be left out.
func content(document *load.Document) map[string]any {
	object, _ := document.Native().(map[string]any)
	kind, hasKind := object["kind"]
	version, hasVersion := object["apiVersion"]
	group, _ := version.(string)
	switch {
	case hasKind && kind != "Kustomization" && kind != "Component":
		return nil
	case hasVersion && !strings.HasPrefix(group, "kustomize.config.k8s.io/"):
		return nil
	}
	return object
}

// rootOf is the folder that paths of a kustomization start at, without links.
func rootOf(source load.Source) string {
	root, err := filepath.EvalSymlinks(filepath.Dir(source.Path))
	if err == nil {
		root, err = filepath.Abs(root)
	}
	if err != nil {
		return ""
	}
	return root
}

func tooMany(object map[string]any) bool {
	entries := 0
	for _, key := range []string{"resources", "bases", "patches", "patchesStrategicMerge"} {
		entries += len(listOf(object[key]))
	}
	return entries > maxEntries
}

func listOf(value any) []any {
	list, _ := value.([]any)
	return list
}

// patchOf reads an entry: a path, as in older versions, or an object with one, and what it may select. What stands in the
// kustomization itself is no file, and operations (patchesJson6902) are no resource.
func patchOf(value any) (path any, target *selector, ok bool) {
	object, isObject := value.(map[string]any)
	if !isObject {
		return value, nil, true
	}
	if stated, has := object["target"]; has && stated != nil {
		target, ok = selectorOf(stated)
		return object["path"], target, ok
	}
	return object["path"], nil, true
}

// folder is where a kustomization is, and which files the run has.
type folder struct {
	root  string
	files map[string]bool
}

// resolve is the file of the run that a path means, without links; "" where there is none.
func (f folder) resolve(value any) string {
	path, _ := value.(string)
	if path == "" || strings.ContainsAny(path, "\n\x00") {
		return "" // a patch in line
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(f.root, path)
	}
	if path = filepath.Clean(path); f.files[path] {
		return path
	}
	if real, err := filepath.EvalSymlinks(path); err == nil && f.files[real] {
		return real
	}
	return ""
}

// holds says whether a file is in or below the folder: kustomize reads no patch from elsewhere.
func (f folder) holds(file string) bool {
	return strings.HasPrefix(file, strings.TrimSuffix(f.root, string(os.PathSeparator))+string(os.PathSeparator))
}
