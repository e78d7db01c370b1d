// Package chart renders Helm charts as `helm template` does, with Helm's own engine: from files inside of a root, without
// a cluster, a network or a plugin.
package chart

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	helm "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	chartutil "helm.sh/helm/v4/pkg/chart/v2/util"
	"helm.sh/helm/v4/pkg/engine"
	"helm.sh/helm/v4/pkg/strvals"

	"attest.continuu.ms/render/internal/answer"
	"attest.continuu.ms/render/internal/mark"
	"attest.continuu.ms/render/internal/rooted"
)

// Options say how a chart is rendered.
type Options struct {
	answer.Chart
	Given    map[string]any // values that are known already, below those of files
	WithCRDs bool           // as `--include-crds`; those in archives are there in any case
}

// Rendered is what one template came to, with the place of each line.
type Rendered struct {
	Name   string // as Helm calls the template
	Text   string
	Places []answer.Place
	source source
	plain  string // the template itself
}

// Covers says that whoever reads the template's file as a manifest would judge what is judged already.
func (r Rendered) Covers() (string, bool) {
	return r.source.path, !r.source.archived && r.source.path != "" && covers(r.plain, r.Text)
}

// Render renders the chart in a folder.
func Render(files *rooted.FS, folder string, options Options) ([]Rendered, error) {
	l, err := load(files, folder)
	if err != nil {
		return nil, err
	}
	at := filepath.Join(folder, "Chart.yaml")
	if err := installable(l.chart); err != nil {
		return nil, &answer.Error{Message: err.Error(), File: at, Line: 1, Hint: hintOf(err)}
	}
	values, err := valuesOf(options)
	if err != nil {
		return nil, err
	}
	if err := chartutil.ProcessDependencies(l.chart, values); err != nil {
		return nil, &answer.Error{Message: err.Error(), File: at, Line: 1}
	}
	capabilities, err := capabilitiesOf(options)
	if err != nil {
		return nil, &answer.Error{Message: err.Error(), File: at, Line: 1, Hint: "write --kube-version as in `1.31.0`"}
	}
	if wanted := l.chart.Metadata.KubeVersion; wanted != "" && !chartutil.IsCompatibleRange(wanted, capabilities.KubeVersion.String()) {
		message := fmt.Sprintf("the chart is for Kubernetes `%s`, which %s is not", wanted, capabilities.KubeVersion.Version)
		return nil, &answer.Error{Message: message, File: at, Line: 1, Hint: "name the version of your cluster with --kube-version"}
	}
	release := common.ReleaseOptions{Name: options.Release, Namespace: options.Namespace, Revision: 1, IsInstall: true}
	given, err := prepared(l.chart, values, release, capabilities)
	if err != nil {
		return nil, &answer.Error{Message: err.Error(), File: filepath.Join(folder, "values.yaml"), Line: 1, Hint: "give the values that it needs with --values or --set"}
	}
	return l.render(given, options, at)
}

// prepared are the values as templates see them, held to the schemas of the charts.
func prepared(chart *helm.Chart, values map[string]any, release common.ReleaseOptions, capabilities *common.Capabilities) (common.Values, error) {
	if err := refuseReferences(chart); err != nil {
		return nil, err
	}
	return util.ToRenderValues(chart, values, release, capabilities)
}

func installable(chart *helm.Chart) error {
	if version := chart.Metadata.APIVersion; version != "" && version != helm.APIVersionV1 && version != helm.APIVersionV2 {
		return fmt.Errorf("the chart has the apiVersion `%s`, and Helm knows `v1` and `v2`", version)
	}
	if kind := chart.Metadata.Type; kind != "" && kind != "application" {
		return fmt.Errorf("a chart of the type `%s` renders to nothing", kind)
	}
	var missing []string
	for _, wanted := range chart.Metadata.Dependencies {
		if !slices.ContainsFunc(chart.Dependencies(), func(one *helm.Chart) bool { return one.Name() == wanted.Name }) {
			missing = append(missing, "`"+wanted.Name+"`")
		}
	}
	if len(missing) > 0 {
		return missingError{strings.Join(missing, ", ")}
	}
	return nil
}

type missingError struct{ names string }

func (m missingError) Error() string {
	return "the chart depends on what is not in its folder `charts`: " + m.names
}

func hintOf(err error) string {
	if errors.As(err, &missingError{}) {
		return "run `helm dependency build` first: nothing is downloaded here"
	}
	return ""
}

func valuesOf(options Options) (map[string]any, error) {
	values := map[string]any{}
	if options.Given != nil {
		values = options.Given
	}
	for _, file := range options.Values {
		more, err := loader.LoadValues(strings.NewReader(file.Text))
		if err != nil {
			return nil, &answer.Error{Message: "values can't be read: " + oneLine(err), File: file.File, Line: answer.LineIn(err)}
		}
		values = loader.MergeMaps(values, more)
	}
	for _, one := range options.Set {
		if err := strvals.ParseInto(one, values); err != nil {
			return nil, &answer.Error{Message: fmt.Sprintf("--set `%s` can't be used: %s", one, oneLine(err)), Hint: "write it as `key=value`"}
		}
	}
	return values, nil
}

func capabilitiesOf(options Options) (*common.Capabilities, error) {
	capabilities := common.DefaultCapabilities.Copy()
	if options.KubeVersion != "" {
		version, err := common.ParseKubeVersion(options.KubeVersion)
		if err != nil {
			return nil, fmt.Errorf("`%s` is no version of Kubernetes: %w", options.KubeVersion, err)
		}
		capabilities.KubeVersion = *version
	}
	capabilities.APIVersions = append(slices.Clone(capabilities.APIVersions), options.APIVersions...)
	return capabilities, nil
}

// render executes the templates, then once more with marks.
func (l *loaded) render(values common.Values, options Options, at string) ([]Rendered, error) {
	templates := l.templates(l.chart)
	numbered := slices.Sorted(maps.Keys(templates))
	texts, err := engine.Engine{}.RenderWithContext(context.Background(), l.chart, values)
	if err != nil {
		return nil, l.explained(err, templates, at)
	}
	plain := map[string]string{}
	for name, file := range templates {
		plain[name] = string(file.Data)
	}
	marked := l.marked(values, templates, numbered)
	var out []Rendered
	out = l.definitions(out, options.WithCRDs)
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		if text := texts[name]; !strings.HasSuffix(name, "NOTES.txt") && strings.TrimSpace(text) != "" {
			from := l.sourceOf(templates[name])
			text, places := separated(text, l.places(from, text, marked[name], templates, numbered))
			out = append(out, Rendered{name, text, places, from, plain[name]})
		}
	}
	return out, nil
}

// templates are all templates of a chart and its dependencies, by the names that Helm gives them.
func (l *loaded) templates(chart *helm.Chart) map[string]*common.File {
	out := map[string]*common.File{}
	for _, file := range chart.Templates {
		out[path.Join(chart.ChartFullPath(), file.Name)] = file
	}
	for _, one := range chart.Dependencies() {
		for name, file := range l.templates(one) {
			out[name] = file
		}
	}
	return out
}

// definitions are what lies in folders `crds`, which Helm installs as it is. Files are manifests that anybody finds; what
// is in archives nobody else would look at.
func (l *loaded) definitions(out []Rendered, all bool) []Rendered {
	for _, one := range l.chart.CRDObjects() {
		from, text := l.sourceOf(one.File), string(one.File.Data)
		if !all && !from.archived {
			continue
		}
		places := make([]answer.Place, strings.Count(text, "\n")+1)
		for i := range places {
			places[i] = answer.Place{File: from.path, Line: i + 1}
		}
		out = append(out, Rendered{one.Filename, text, places, from, text})
	}
	return out
}

func (l *loaded) sourceOf(file *common.File) source {
	if file == nil || len(file.Data) == 0 {
		return source{}
	}
	return l.from[&file.Data[0]]
}

// marked is what the templates come to with marks; nil where that fails, since a mark can be in a template's way.
func (l *loaded) marked(values common.Values, templates map[string]*common.File, numbered []string) map[string]string {
	done := map[*common.File]bool{} // two aliases of a chart share its files
	for number, name := range numbered {
		if file := templates[name]; !done[file] {
			done[file] = true
			from := l.sourceOf(file)
			file.Data = []byte(mark.Marked(number, string(file.Data)))
			if len(file.Data) > 0 {
				l.from[&file.Data[0]] = from
			}
		}
	}
	texts, err := engine.Engine{}.RenderWithContext(context.Background(), l.chart, values)
	if err != nil {
		return nil
	}
	return texts
}

// places are those of the lines of a text that a template came to.
func (l *loaded) places(own source, text, marked string, templates map[string]*common.File, numbered []string) []answer.Place {
	out := make([]answer.Place, strings.Count(text, "\n")+1)
	for i := range out {
		out[i] = answer.Place{File: own.path}
	}
	if marked == "" {
		return out
	}
	for i, place := range mark.Lines(text, marked) {
		if place.Line == 0 || place.Template >= len(numbered) {
			continue
		}
		from := l.sourceOf(templates[numbered[place.Template]])
		if from.archived {
			place.Line = 0
		}
		out[i] = answer.Place{File: from.path, Line: place.Line}
	}
	return out
}

// located finds the place that Helm names in an error.
var located = regexp.MustCompile(`([^\s()":]+):(\d+)(?::(\d+))?`)

// explained is an error of Helm at the place that it speaks of, else at the chart itself.
func (l *loaded) explained(err error, templates map[string]*common.File, at string) *answer.Error {
	out := &answer.Error{Message: "the chart can't be rendered: " + oneLine(err), File: at, Line: 1}
	for _, found := range located.FindAllStringSubmatch(err.Error(), -1) {
		file, known := templates[found[1]]
		from := l.sourceOf(file)
		if !known || from.path == "" {
			continue
		}
		out.File, out.Line = from.path, 1
		if !from.archived {
			out.Line, _ = strconv.Atoi(found[2])
			out.Column, _ = strconv.Atoi(found[3])
		}
		break
	}
	return out
}

// longest is how much of a message of others is repeated.
const longest = 500

func oneLine(err error) string {
	text := strings.Join(strings.Fields(err.Error()), " ")
	if runes := []rune(text); len(runes) > longest {
		return string(runes[:longest]) + "…"
	}
	return text
}
