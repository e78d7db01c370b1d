package chart

import (
	"regexp"
	"strings"
	"text/template"

	"github.com/Masterminds/sprig/v3"
	"sigs.k8s.io/yaml"

	"attest.continuu.ms/render/internal/answer"
)

// Document is one YAML document of what a template came to.
type Document struct {
	Text   string
	Places []answer.Place
	hooks  string
}

// IsHook says whether Helm would run it at a moment of its own.
func (d Document) IsHook() bool { return d.hooks != "" }

// IsTest says whether that moment is a test.
func (d Document) IsTest() bool { return strings.Contains(d.hooks, "test") }

var separator = regexp.MustCompile(`(?m)^---.*$`)

// Documents are those of a rendered template that hold anything.
func Documents(rendered Rendered) []Document {
	var out []Document
	lines := strings.Split(rendered.Text, "\n")
	for start := 0; start < len(lines); {
		end := start
		for end < len(lines) && (end == start || !separator.MatchString(lines[end])) {
			end++
		}
		from := start
		if separator.MatchString(lines[from]) {
			from++
		}
		if text := strings.Join(lines[from:end], "\n"); hasContent(text) {
			out = append(out, Document{text, rendered.Places[from:end], hooksOf(text)})
		}
		start = end
	}
	return out
}

// separated gives what follows `---` on its line a line of its own: for Helm it belongs to the next document, while others
// who read YAML drop it.
func separated(text string, places []answer.Place) (string, []answer.Place) {
	if !strings.HasPrefix(text, "---") && !strings.Contains(text, "\n---") {
		return text, places
	}
	var lines []string
	var from []answer.Place
	for i, line := range strings.Split(text, "\n") {
		if rest, is := strings.CutPrefix(line, "---"); is && strings.TrimSpace(rest) != "" {
			lines, from = append(lines, "---"), append(from, places[i])
			line = strings.TrimLeft(rest, " \t")
		}
		lines, from = append(lines, line), append(from, places[i])
	}
	return strings.Join(lines, "\n"), from
}

func hasContent(text string) bool {
	var value any
	return yaml.Unmarshal([]byte(text), &value) != nil || value != nil
}

func hooksOf(text string) string {
	var object struct {
		Metadata struct {
			Annotations map[string]any `json:"annotations"`
		} `json:"metadata"`
	}
	if yaml.Unmarshal([]byte(text), &object) != nil {
		return ""
	}
	hooks, _ := object.Metadata.Annotations["helm.sh/hook"].(string)
	return hooks
}

// Name is the name of a release that a template of names gives.
func Name(text string) (string, error) {
	functions := sprig.TxtFuncMap()
	for _, outside := range []string{"env", "expandenv", "getHostByName"} {
		delete(functions, outside)
	}
	parsed, err := template.New("name").Funcs(functions).Parse(text)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	err = parsed.Execute(&out, nil)
	return out.String(), err
}
