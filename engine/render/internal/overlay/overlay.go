// Package overlay renders kustomizations as `kustomize build` does, with kustomize's own code: from files inside of a root,
// without remote bases, plugins or functions. Charts that a kustomization names are rendered from disk.
package overlay

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/api/resource"
	"sigs.k8s.io/kustomize/api/types"

	"attest.continuu.ms/render/internal/answer"
	"attest.continuu.ms/render/internal/rooted"
)

// build is one rendering.
type build struct {
	files  *rooted.FS
	root   string // the folder that is rendered
	chart  answer.Chart
	keeps  bool                      // the kustomization wants the annotations of origins itself
	charts map[string][]answer.Place // by line, of the files that charts were rendered to
	texts  map[string]string         // of these files
	out    *answer.Answer

	made       map[string]named    // who names the charts of these files
	namespaces map[string][]string // that each kustomization gets from those that bring it in, in their order
	generating []string            // folders of generators that are being found out
	refused    error               // why a chart could not be rendered: kustomize would only say that there is no kustomization
}

// Render renders the kustomization in a folder.
func Render(files *rooted.FS, folder string, chart answer.Chart) (*answer.Answer, error) {
	b := &build{
		files: files, root: folder, chart: chart, charts: map[string][]answer.Place{}, texts: map[string]string{}, out: &answer.Answer{},
		made: map[string]named{}, namespaces: map[string][]string{},
	}
	if err := b.refuseRemote(folder, map[string]bool{}); err != nil {
		return nil, err
	}
	b.inherit(folder, "", nil)
	files.Change = b.prepared
	made, err := b.run()
	files.Change = nil
	if b.refused != nil {
		err = b.refused
	}
	if err != nil {
		return nil, b.explained(err)
	}
	layers := b.layers(folder, nil)
	for _, one := range layers {
		b.out.Read = append(b.out.Read, filepath.Dir(one.file))
	}
	origins := map[*resource.Resource]*resource.Origin{}
	for _, one := range made.Resources() {
		if origins[one], err = one.GetOrigin(); err != nil {
			return nil, b.explained(err)
		}
	}
	if b.keeps {
		if err := b.tell(origins); err != nil {
			return nil, b.explained(err)
		}
	} else {
		if err := made.RemoveOriginAnnotations(); err != nil {
			return nil, b.explained(err)
		}
	}
	return b.out, b.collect(made.Resources(), origins, layers)
}

// tell gives resources of charts the origin that kustomize would tell, in place of the file that exists here alone.
func (b *build) tell(origins map[*resource.Resource]*resource.Origin) error {
	for one, origin := range origins {
		if made, isChart := b.made[b.fileOf(origin)]; isChart {
			if err := one.SetOrigin(&made.origin); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *build) run() (made resmap.ResMap, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("kustomize broke down: %v", p)
		}
	}()
	return krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(b.files, b.root)
}

// collect gives each resource its text, with the places of its lines, and tells what need not be judged by itself.
func (b *build) collect(resources []*resource.Resource, origins map[*resource.Resource]*resource.Origin, layers []layer) error {
	made := map[string][]*resource.Resource{}
	for _, one := range resources {
		text, err := one.AsYAML()
		if err != nil {
			return b.explained(err)
		}
		origin := b.fileOf(origins[one])
		made[origin] = append(made[origin], one)
		places, elements := b.places(string(text), one, origin, layers)
		b.out.Add(string(text), places, elements, b.files.Lines)
	}
	for _, one := range layers {
		for _, patch := range one.patches {
			if patch.own && !slices.Contains(b.out.Patches, patch.file) {
				b.out.Patches = append(b.out.Patches, patch.file)
			}
		}
	}
	for file, ones := range made {
		if wanted := b.times(b.root, file, 0) * b.resourcesIn(file); wanted > 0 && b.charts[file] == nil && len(ones) >= wanted {
			b.out.Bases = append(b.out.Bases, file)
		}
	}
	slices.Sort(b.out.Bases)
	return nil
}

// times is how often a file is brought in below a folder: each time all its resources must have come through.
func (b *build) times(folder, file string, depth int) (times int) {
	real, err := b.files.Resolve(folder)
	if err != nil || depth > maxDepth || file == "" {
		return 0
	}
	k, _, err := b.read(b.kustomization(real))
	if err != nil {
		return 0
	}
	for _, path := range slices.Concat(k.Resources, k.Components) {
		inner, err := b.files.Resolve(filepath.Join(real, path))
		switch {
		case err != nil:
		case inner == file:
			times++
		case b.files.IsDir(inner):
			times += b.times(inner, file, depth+1)
		}
	}
	return times
}

func (b *build) resourcesIn(file string) (number int) {
	for _, node := range b.documentsOf(file) {
		number += len(itemsOf(node))
	}
	return number
}

// fileOf is the file that a resource was read from; "" where it was generated.
func (b *build) fileOf(origin *resource.Origin) string {
	if origin == nil || origin.Path == "" || origin.Repo != "" {
		return ""
	}
	real, err := b.files.Resolve(filepath.Join(b.root, origin.Path))
	if err != nil {
		return ""
	}
	return real
}

// pathInMessage finds a path in a message of kustomize.
var pathInMessage = regexp.MustCompile(`'(/[^']+)'|` + "`(/[^`]+)`")

// explained is an error of kustomize at the file that it speaks of, else at the kustomization.
func (b *build) explained(err error) error {
	if known, ok := err.(*answer.Error); ok {
		return known
	}
	text := strings.Join(strings.Fields(err.Error()), " ")
	out := &answer.Error{File: b.kustomization(b.root), Line: 1}
	for _, found := range pathInMessage.FindAllStringSubmatch(text, -1) {
		path := found[1] + found[2]
		if file := b.kustomization(path); b.files.IsDir(path) && file != "" {
			out.File = file
		} else if b.files.Exists(path) && !b.files.IsDir(path) {
			out.File = path
		}
	}
	text = strings.ReplaceAll(text, strings.TrimSuffix(b.files.Root(), "/")+"/", "")
	for file, chart := range b.made {
		if out.File == file {
			out.File, out.Line = chart.file, chart.line
		}
		text = strings.ReplaceAll(text, filepath.Base(file), "chart "+chart.Name)
	}
	if runes := []rune(text); len(runes) > longest {
		text = string(runes[:longest]) + "…"
	}
	out.Message = "the kustomization can't be rendered: " + text
	return out
}

// longest is how much of a message of others is repeated.
const longest = 500

// kustomization is the file that makes a folder one; "" where there is none.
func (b *build) kustomization(folder string) string {
	for _, name := range names {
		if file := filepath.Join(folder, name); b.files.Exists(file) {
			return file
		}
	}
	return ""
}

var names = []string{"kustomization.yaml", "kustomization.yml", "Kustomization"}

// read is what a kustomization says, with defaults and old names settled as kustomize does.
func (b *build) read(file string) (*types.Kustomization, []byte, error) {
	content, err := b.files.Original(file)
	if err != nil {
		return nil, nil, &answer.Error{Message: "the kustomization can't be read: " + err.Error(), File: file, Line: 1}
	}
	var k types.Kustomization
	if err := k.Unmarshal(content); err != nil {
		message := "the kustomization can't be read: " + strings.Join(strings.Fields(err.Error()), " ")
		return nil, nil, &answer.Error{Message: message, File: file, Line: answer.LineIn(err)}
	}
	k.FixKustomization()
	return &k, content, nil
}
