package load

import (
	"cmp"
	"os"
	"path/filepath"
	"strings"

	"sigs.k8s.io/yaml"
)

const aTemplateReason = "a template: check what it renders to, as in `helm template … | attest policy check -`"

// excuse says why a document that can't be decoded is no manifest at all; or "", and what is wrong with it. Nothing is
// excused that kubectl can read: it is asked. And what it can't read is excused only where it is proven to be
// something else (docs/adr/0002): a template, the settings of a tool in JSON with comments, or a hidden file that was
// not named and in which the word that every resource needs does not occur.
func (r *reader) excuse(failure *Failure, text string) (reason string, wrong *Failure) {
	if failure.Code != CodeSyntax || kubectlReads(text) {
		return "", failure
	}
	if strings.Contains(text, actionStart) {
		if failure = r.withoutTemplate(failure, text); failure == nil || r.isInChart() {
			return aTemplateReason, nil
		}
	}
	if r.isSettings(text) {
		return "not a Kubernetes resource: JSON with comments", nil
	}
	if r.hidden && !strings.Contains(r.text, "kind") {
		return "a hidden file of another tool, which is not YAML and names no kind", nil
	}
	return "", failure
}

// kubectlReads says whether kubectl's decoder makes a value of a document. Where it breaks down nothing is proven.
func kubectlReads(text string) (reads bool) {
	defer func() {
		if recover() != nil {
			reads = true
		}
	}()
	_, err := yaml.YAMLToJSON([]byte(libraryText(text)))
	return err == nil
}

// withoutTemplate is what is wrong with a document apart from its template actions: nil when it is for them alone that
// it can't be decoded.
func (r *reader) withoutTemplate(failure *Failure, text string) *Failure {
	for i, inert := range withoutActions(text) {
		_, err := decodeYAML(inert, r.limits)
		if err == nil {
			return nil
		}
		if rest, ok := err.(*Failure); ok && i == 0 && inert != text {
			failure = rest
			failure.Hint = cmp.Or(failure.Hint, "repair this line; a template is checked by what it renders to")
		}
	}
	return failure
}

// isInChart says whether the file is a template of a Helm chart: below `templates` in a folder with a Chart.yaml.
// The name of a text that is no file proves nothing.
func (r *reader) isInChart() bool {
	path, err := filepath.Abs(r.path)
	if !r.onDisk || err != nil {
		return false
	}
	for folder := filepath.Dir(path); folder != filepath.Dir(folder); folder = filepath.Dir(folder) {
		if filepath.Base(folder) != "templates" {
			continue
		}
		info, err := os.Stat(filepath.Join(filepath.Dir(folder), "Chart.yaml"))
		if err == nil && info.Mode().IsRegular() {
			return true
		}
	}
	return false
}

// isSettings says whether a text is JSON with comments and trailing commas, as tools keep their settings in, and what
// it says is no resource.
func (r *reader) isSettings(text string) bool {
	if !strings.EqualFold(filepath.Ext(r.path), ".json") {
		return false
	}
	plain := withoutComments(text)
	value, end, err := decodeJSON(plain, r.limits)
	defer value.recycle()
	return err == nil && strings.TrimSpace(plain[end:]) == "" && foreign(value.term, r.path) != ""
}

// withoutComments blanks the comments of JSON, and commas that nothing follows, outside of its strings.
func withoutComments(text string) string {
	out := []byte(text)
	comma := -1 // the last comma, as long as nothing has followed it
	for i := 0; i < len(out); {
		end := i + 1
		switch c := out[i]; {
		case c == '"':
			end = i + stringLength(text[i:])
			comma = -1
		case strings.HasPrefix(text[i:], "//"):
			end = lineEnd(text, i)
			blank(out[i:end])
		case strings.HasPrefix(text[i:], "/*"):
			end = len(text)
			if length := strings.Index(text[i+2:], "*/"); length >= 0 {
				end = i + 2 + length + 2
			}
			blank(out[i:end])
		case c == ',':
			comma = i
		case (c == ']' || c == '}') && comma >= 0:
			out[comma], comma = ' ', -1
		case c > ' ':
			comma = -1
		}
		i = end
	}
	return string(out)
}

// stringLength is the length of the JSON string at the start of a text, its quotes included.
func stringLength(text string) int {
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(text)
}

// blank replaces everything but line feeds with spaces.
func blank(text []byte) {
	for i, c := range text {
		if c != '\n' {
			text[i] = ' '
		}
	}
}
