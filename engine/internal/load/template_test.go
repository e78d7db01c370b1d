package load

import (
	"slices"
	"strings"
	"testing"
)

func TestTheTemplateOfADocumentIsThatOfItsOwnComment(t *testing.T) {
	pod := "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n"
	for name, test := range map[string]struct {
		text string
		want []string
	}{
		"none":                          {pod, []string{""}},
		"helm's output":                 {"---\n# Source: shop/templates/a.yaml\n" + pod + "---\n# Source: shop/templates/b.yaml\n" + pod, []string{"shop/templates/a.yaml", "shop/templates/b.yaml"}},
		"two documents of one template": {"---\n# Source: shop/templates/a.yaml\n" + pod + "---\n" + pod, []string{"shop/templates/a.yaml", ""}},
		"other comments around it":      {"# ours\n\n# Source: a.yaml\n# more\n" + pod, []string{"a.yaml"}},
		"a comment within":              {"apiVersion: v1\n# Source: a.yaml\nkind: Pod\nmetadata: {name: a}\n", []string{""}},
		"line ends of Windows":          {strings.ReplaceAll("# Source: a.yaml\n"+pod, "\n", "\r\n"), []string{"a.yaml"}},
		"a name without an end":         {"# Source: " + strings.Repeat("a", 2000) + "\n" + pod, []string{""}},
		"a list":                        {"# Source: a.yaml\napiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Pod, metadata: {name: a}}\n", []string{"a.yaml"}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, document := range Read(Source{Path: "f", Text: []byte(test.text)}, DefaultLimits).Documents {
				got = append(got, document.Resource.Template)
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("%q", got)
			}
		})
	}
}
