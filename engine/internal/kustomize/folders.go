package kustomize

import (
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"attest.continuu.ms/engine/internal/load"
	"attest.continuu.ms/engine/internal/model"
)

// Folder is one that is rendered before it is deployed.
type Folder struct {
	Path string             `json:"path"` // as shown to the user
	Real string             `json:"real"` // absolute, without links
	File string             `json:"file"` // what makes it one, as shown to the user
	Kind string             `json:"kind"` // helm, library, kustomize or component
	Uses model.List[string] `json:"uses"` // the folders that a kustomization brings in, absolute and without links
}

// chartFile makes a folder a chart.
const chartFile = "Chart.yaml"

// Folders finds the charts and kustomizations of a walk, in its order.
func Folders(found load.Found, limits load.Limits) []Folder {
	limits.FileBytes = maxFileBytes
	var out []Folder
	all := sync.OnceValue(func() walked { return walkedOf(found) })
	for _, source := range slices.Concat(found.Sources, found.Others) {
		name := filepath.Base(source.Path)
		if name != chartFile && !load.IsKustomization(name) {
			continue
		}
		document, root := load.Sole(source, limits), rootOf(source)
		if document == nil || root == "" {
			continue // whoever reads it as a manifest is told why
		}
		folder := Folder{Path: filepath.Dir(source.Path), Real: root, File: source.Path}
		object, _ := document.Native().(map[string]any)
		if name == chartFile {
			if folder.Kind = chartKind(object); folder.Kind != "" {
				out = append(out, folder)
			}
		} else if object = content(document); object != nil && !tooMany(object) {
			folder.Kind, folder.Uses = "kustomize", uses(root, object, all, limits)
			if object["kind"] == "Component" {
				folder.Kind = "component"
			}
			out = append(out, folder)
		}
	}
	return out
}

// chartKind is what a Chart.yaml makes of its folder; "" where it is none of Helm's.
func chartKind(object map[string]any) string {
	switch {
	case object["name"] == nil:
		return ""
	case object["type"] == "library":
		return "library"
	}
	return "helm"
}

// uses are the folders that a kustomization brings in: bases, components and charts.
func uses(root string, object map[string]any, all func() walked, limits load.Limits) (out model.List[string]) {
	add := func(paths ...string) {
		for _, path := range paths {
			if path == "" || filepath.IsAbs(path) {
				continue
			}
			if real, err := filepath.EvalSymlinks(filepath.Join(root, path)); err == nil {
				out = append(out, real)
			}
		}
	}
	for _, key := range []string{"resources", "bases", "components"} {
		for _, value := range listOf(object[key]) {
			path, _ := value.(string)
			add(path)
		}
	}
	globals, _ := object["helmGlobals"].(map[string]any)
	for _, value := range listOf(object["helmCharts"]) {
		add(chartPaths(globals, value)...)
	}
	for _, value := range listOf(object["helmChartInflationGenerator"]) {
		old, _ := value.(map[string]any)
		add(chartPaths(old, map[string]any{"name": old["chartName"]})...)
	}
	for _, value := range listOf(object["generators"]) {
		for _, generator := range all().generators(root, value, limits) {
			add(chartPaths(generator, generator)...)
		}
	}
	return out
}

// chartPaths are the folders that a chart named by a kustomization may lie in; globals say where its charts are.
func chartPaths(globals map[string]any, value any) []string {
	chart, _ := value.(map[string]any)
	home, _ := globals["chartHome"].(string)
	if home == "" {
		home = "charts"
	}
	name, _ := chart["name"].(string)
	version, _ := chart["version"].(string)
	if name == "" {
		return nil
	}
	return []string{filepath.Join(home, name), filepath.Join(home, name+"-"+version, name)}
}

// walked are the sources that a walk found, by their real path and by the folder of it: nothing else is read. To know the
// path of each costs as much as the walk, so it is found out only where a kustomization has generators.
type walked map[string][]load.Source

func walkedOf(found load.Found) walked {
	out := walked{}
	for _, source := range slices.Concat(found.Sources, found.Others) {
		if root := rootOf(source); root != "" {
			file := filepath.Join(root, filepath.Base(source.Path))
			out[file], out[root] = []load.Source{source}, append(out[root], source)
		}
	}
	return out
}

// generators are those that inflate charts in an entry of `generators`: in line, in a file, or in the files of a folder.
func (w walked) generators(root string, value any, limits load.Limits) (out []map[string]any) {
	entry, _ := value.(string)
	sources := w[filepath.Join(root, entry)]
	if strings.Contains(entry, "\n") {
		sources = []load.Source{{Path: root, Text: []byte(entry)}}
	}
	for _, source := range sources[:min(len(sources), maxListings)] {
		if document := load.Sole(source, limits); document != nil {
			if object, _ := document.Native().(map[string]any); object["kind"] == "HelmChartInflationGenerator" {
				out = append(out, object)
			}
		}
	}
	return out
}
