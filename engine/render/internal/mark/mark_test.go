package mark

import (
	"fmt"
	"strings"
	"testing"
	"text/template"
)

// rendered executes templates by name and gives the first one, plain and marked.
func rendered(t *testing.T, texts map[string]string, values any) (plain, marked string) {
	t.Helper()
	run := func(change func(number int, text string) string) string {
		all := template.New("all")
		functions := template.FuncMap{
			"include": func(name string, data any) (string, error) {
				var out strings.Builder
				err := all.ExecuteTemplate(&out, name, data)
				return out.String(), err
			},
			"indent": func(text string) string { return "\n  " + strings.ReplaceAll(text, "\n", "\n  ") },
			"upper":  strings.ToUpper,
		}
		all.Funcs(functions)
		for number, name := range []string{"a", "b"} {
			template.Must(all.New(name).Parse(change(number, texts[name])))
		}
		var out strings.Builder
		if err := all.ExecuteTemplate(&out, "a", values); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	return run(func(_ int, text string) string { return text }), run(Marked)
}

func TestLinesAreMadeByLines(t *testing.T) {
	for name, test := range map[string]struct {
		a, b, want string
	}{
		"text":                          {"x: 1\ny: 2\n", "", "a1 x: 1|a2 y: 2"},
		"an action":                     {"x: {{ .v }}\ny: 2\n", "", "a1 x: V|a2 y: 2"},
		"a condition that trims":        {"x:\n  {{- if .v }}\n  y: 1\n  {{- end }}\nz: 1\n", "", "a1 x:|a3   y: 1|a5 z: 1"},
		"a condition that does not":     {"{{ if .v }}\ny: 1\n{{ end }}\nz: 1\n", "", "a2 y: 1|a4 z: 1"},
		"a loop":                        {"{{- range .list }}\n- {{ . }}\n{{- end }}\nz: 1\n", "", "a2 - p|a2 - q|a4 z: 1"},
		"a block of another file":       {"x:\n  {{- include \"l\" . | indent }}\nz: 1\n", "{{- define \"l\" -}}\np: 1\nq: {{ .v }}\n{{- end -}}", "a1 x:|b2   p: 1|a2   q: V|a3 z: 1"},
		"a value of several lines":      {"x: {{ .lines | indent }}\nz: 1\n", "", "a1 x: |a1   m|a1   n|a2 z: 1"},
		"no text at all":                {"{{ .lines }}", "", "a0 m|a0 n"},
		"a block that a mark changes":   {"x: {{ include \"l\" . | upper }}\nz: 1\n", "{{ define \"l\" }}\np\nq\n{{ end }}", ""},
		"marks that somebody has typed": {"x: 1 #\uE0001:9\uE001\ny: 1\n", "", ""},
		"no template":                   {"", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			plain, marked := rendered(t, map[string]string{"a": test.a, "b": test.b}, map[string]any{
				"v": "V", "list": []string{"p", "q"}, "lines": "m\nn",
			})
			var got []string
			lines := strings.Split(plain, "\n")
			for i, place := range Lines(plain, marked) {
				if strings.TrimSpace(lines[i]) != "" {
					got = append(got, fmt.Sprintf("%c%d %s", 'a'+rune(place.Template), place.Line, lines[i]))
				}
			}
			if text := strings.Join(got, "|"); test.want != "" && text != test.want {
				t.Errorf("got  %s\nwant %s", text, test.want)
			}
		})
	}
}

func FuzzMarksChangeNoTemplate(f *testing.F) {
	f.Add("a: {{ .x }}\n{{- if .y }}\nb\n{{- end }}\n")
	f.Add("{{/* c */}}\n{{ define \"a\" }}x{{ end }}\n")
	f.Add("{{ \"}}\" }}\n{{- `\n` }}")
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := template.New("x").Parse(text); err != nil {
			return
		}
		marked := Marked(1, text)
		if _, err := template.New("x").Parse(marked); err != nil {
			t.Errorf("%q became %q: %v", text, marked, err)
		}
		if !written.MatchString(text) && written.ReplaceAllString(marked, "") != text {
			t.Errorf("%q became %q", text, marked)
		}
	})
}
