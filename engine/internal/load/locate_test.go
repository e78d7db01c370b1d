package load

import (
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"reflect"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/load/syntax"
	"attest.continuu.ms/engine/internal/model"
)

// only reads a text that holds one resource.
func only(t *testing.T, name, text string) *Document {
	t.Helper()
	file := Read(Source{Path: name, Text: []byte(text)}, Limits{})
	if len(file.Documents) == 0 {
		t.Fatalf("no resource in %q: %+v", text, file)
	}
	return file.Documents[len(file.Documents)-1]
}

const pod = `# a pod
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {"app": 'x y'}}
spec:
  hostNetwork: true # why
  containers:
  - name: é
    image: "nginx:1"
    command: [sh, -c]
    args:
      - |
        one
        two
      - plain
        folded
    securityContext:
      privileged: true
  - {name: second, ports: [{containerPort: 80}]}
  -
    name: third
    empty:
`

func TestLocate(t *testing.T) {
	containers := []any{"spec", "containers"}
	at := func(path ...any) []any { return append(containers[:2:2], path...) }
	for name, test := range map[string]struct {
		path []any
		want string // line:column-line:column
		text string
		at   string
	}{
		"resource":              {nil, "2:1-2:15", "apiVersion: v1", ""},
		"scalar":                {[]any{"spec", "hostNetwork"}, "6:3-6:20", "hostNetwork: true", "/spec/hostNetwork"},
		"collection":            {containers, "7:3-7:13", "containers", "/spec/containers"},
		"block entry":           {at(0), "8:5-8:12", "name: é", "/spec/containers/0"},
		"after a wide letter":   {at(0, "name"), "8:5-8:12", "name: é", "/spec/containers/0/name"},
		"quoted value":          {at(0, "image"), "9:5-9:21", `image: "nginx:1"`, "/spec/containers/0/image"},
		"flow list":             {at(0, "command"), "10:5-10:12", "command", "/spec/containers/0/command"},
		"flow entry":            {at(0, "command", 1), "10:19-10:21", "-c", "/spec/containers/0/command/1"},
		"literal":               {at(0, "args", 0), "12:9-14:12", "|\n        one\n        two", "/spec/containers/0/args/0"},
		"folded plain":          {at(0, "args", 1), "15:9-16:15", "plain\n        folded", "/spec/containers/0/args/1"},
		"deep":                  {at(0, "securityContext", "privileged"), "18:7-18:23", "privileged: true", "/spec/containers/0/securityContext/privileged"},
		"missing field":         {at(0, "securityContext", "runAsUser"), "17:5-17:20", "securityContext", "/spec/containers/0/securityContext"},
		"missing far":           {at(0, "resources", "limits", "cpu"), "8:5-8:12", "name: é", "/spec/containers/0"},
		"missing entry":         {at(9, "image"), "7:3-7:13", "containers", "/spec/containers"},
		"missing all":           {[]any{"status", "phase"}, "2:1-2:15", "apiVersion: v1", ""},
		"below a scalar":        {[]any{"spec", "hostNetwork", "x"}, "6:3-6:20", "hostNetwork: true", "/spec/hostNetwork"},
		"flow mapping entry":    {at(1), "19:5-19:47", "{name: second, ports: [{containerPort: 80}]}", "/spec/containers/1"},
		"inside flow":           {at(1, "ports", 0, "containerPort"), "19:29-19:46", "", "/spec/containers/1/ports/0/containerPort"},
		"index as text":         {at("1", "name"), "19:6-19:18", "name: second", "/spec/containers/1/name"},
		"quoted key and value":  {[]any{"metadata", "labels", "app"}, "4:32-4:44", `"app": 'x y'`, "/metadata/labels/app"},
		"entry on the next row": {at(2), "21:5-21:16", "name: third", "/spec/containers/2"},
		"empty value":           {at(2, "empty"), "22:5-22:10", "empty", "/spec/containers/2/empty"},
	} {
		t.Run(name, func(t *testing.T) {
			for form, text := range map[string]string{"": pod, "CRLF": strings.ReplaceAll(pod, "\n", "\r\n"), "BOM": byteOrderMark + pod} {
				got := only(t, "pod.yaml", text).Locate(test.path)
				if got.Path != test.at || got.File != "pod.yaml" {
					t.Errorf("%s: found %q in %q, want %q", form, got.Path, got.File, test.at)
				}
				if test.text == "" {
					continue
				}
				if span := strings.ReplaceAll(cut(text, got), "\r", ""); span != test.text {
					t.Errorf("%s: span %q at %s, want %q", form, span, show(got), test.text)
				}
				if !strings.HasPrefix(show(got), strings.Split(test.want, "-")[0]+"-") {
					t.Errorf("%s: at %s, want %s", form, show(got), test.want)
				}
			}
		})
	}
}

func show(l model.Location) string {
	return fmt.Sprintf("%d:%d-%d:%d", l.Line, l.Column, l.EndLine, l.EndColumn)
}

func TestLocateInOtherForms(t *testing.T) {
	const pretty = "{\n\t\"apiVersion\": \"v1\",\n\t\"kind\": \"Pod\",\n\t\"spec\": {\n\t\t\"a\": [ 1,\n\t\t\ttrue ]\n\t}\n}\n"
	const minified = `{"apiVersion":"v1","kind":"Pod","spec":{"é":"😀","b":{"c":1}}}`
	const anchors = "apiVersion: v1\nkind: Pod\nbase: &base\n  a: 1\n  b: 2\nspec:\n  <<: *base\n  b: 3\nalias: *base\n"
	const list = "kind: List\napiVersion: v1\nitems:\n- apiVersion: v1\n  kind: Pod\n  spec: {a: 1}\n-\n  kind: Pod\n  apiVersion: v1\n  spec:\n    a: 2\n"
	const second = "apiVersion: v1\nkind: A\n---\n# note\n---\n\napiVersion: v1\nkind: Pod\nspec: {a: 1}\n"
	for name, test := range map[string]struct {
		file, text string
		path       []any
		want, span string
	}{
		"pretty JSON, resource":   {"x.json", pretty, nil, "2:2-2:21", `"apiVersion": "v1",`},
		"pretty JSON, tabs":       {"x.json", pretty, []any{"spec", "a"}, "5:3-5:6", `"a"`},
		"pretty JSON, entry":      {"x.json", pretty, []any{"spec", "a", 1}, "6:4-6:8", "true"},
		"minified JSON, resource": {"x.json", minified, nil, "1:2-1:62", minified[1:]},
		"minified JSON, wide":     {"x.json", minified, []any{"spec", "é"}, "1:41-1:48", `"é":"😀"`},
		"minified JSON, behind":   {"x.json", minified, []any{"spec", "b", "c"}, "1:54-1:59", `"c":1`},
		"merged field":            {"x.yaml", anchors, []any{"spec", "a"}, "4:3-4:7", "a: 1"},
		"overridden field":        {"x.yaml", anchors, []any{"spec", "b"}, "8:3-8:7", "b: 3"},
		"field of an alias":       {"x.yaml", anchors, []any{"alias", "b"}, "5:3-5:7", "b: 2"},
		"item of a list":          {"x.yaml", list, []any{"spec", "a"}, "11:5-11:9", "a: 2"},
		"first line of an item":   {"x.yaml", list, nil, "8:3-8:12", "kind: Pod"},
		"second document":         {"x.yaml", second, []any{"spec", "a"}, "9:8-9:12", "a: 1"},
		"second document, start":  {"x.yaml", second, nil, "7:1-7:15", "apiVersion: v1"},
		"key given twice":         {"x.yaml", "apiVersion: v1\nkind: Pod\na: 1\na: 2\n", []any{"a"}, "4:1-4:5", "a: 2"},
		"key of another type":     {"x.yaml", "apiVersion: v1\nkind: Pod\n1.5: x\non: y\n", []any{"true"}, "4:1-4:6", "on: y"},
		"tagged value":            {"x.yaml", "apiVersion: v1\nkind: Pod\na: !!str 1\nb: &x 'y'\n", []any{"b"}, "4:1-4:10", "b: &x 'y'"},
		"tagged literal":          {"x.yaml", "apiVersion: v1\nkind: Pod\na: !!str |\n  x\n  y\nb: 1\n", []any{"a"}, "3:1-5:4", "a: !!str |\n  x\n  y"},
	} {
		t.Run(name, func(t *testing.T) {
			got := only(t, test.file, test.text).Locate(test.path)
			if show(got) != test.want || cut(test.text, got) != test.span {
				t.Errorf("at %s: %q, want %s: %q", show(got), cut(test.text, got), test.want, test.span)
			}
		})
	}
}

func TestThePointerOfALocationIsEscaped(t *testing.T) {
	document := only(t, "x.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {labels: {a/b~c: x}}\n")
	if got := document.Locate([]any{"metadata", "labels", "a/b~c"}).Path; got != "/metadata/labels/a~1b~0c" {
		t.Errorf("pointer %q", got)
	}
}

func TestManyWorkersMayLocateInOneList(t *testing.T) {
	text := "apiVersion: v1\nkind: List\nitems:\n" + strings.Repeat("- {apiVersion: v1, kind: Pod, spec: {a: 1}}\n", 50)
	documents := Read(Source{Path: "x.yaml", Text: []byte(text)}, Limits{}).Documents
	var workers sync.WaitGroup
	for i, document := range documents {
		workers.Go(func() {
			if got := document.Locate([]any{"spec", "a"}); got.Line != i+4 || got.Column != 38 {
				t.Errorf("item %d at %s", i, show(got))
			}
		})
	}
	workers.Wait()
}

// TestEveryPlaceIsInTheFile asks for places in random documents.
func TestEveryPlaceIsInTheFile(t *testing.T) {
	random := rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
	paths := [][]any{nil, {"a"}, {"a", 0}, {"x", "key", 1}, {"items", 0, "a"}, {"kind"}, {0}}
	for range 20_000 {
		text := "apiVersion: v1\nkind: A\n" + randomDocument(random, []string{pod, "x: &x\n  a: [1]\nkey: *x\nb: {<<: *x}\n"})
		for _, document := range Read(Source{Path: "x.yaml", Text: []byte(text)}, Limits{}).Documents {
			lines := strings.Count(text, "\n") + 1
			for _, path := range paths {
				got := document.Locate(path)
				if got.Line < 1 || got.Column < 1 || got.EndLine > lines || got.EndLine < got.Line ||
					got.EndLine == got.Line && got.EndColumn < got.Column {
					t.Fatalf("%q: %v at %s", text, path, show(got))
				}
			}
		}
	}
}

// TestPlacesAreTheSameWhateverIsKept asks for all places of a file whose trees are kept, while others are read into the same
// memory, and again when it was released.
func TestPlacesAreTheSameWhateverIsKept(t *testing.T) {
	sources := corpusFiles(t)
	list := "apiVersion: v1\nkind: List\nitems:\n" + strings.Repeat("- {apiVersion: v1, kind: Pod, spec: {a: 1, b: [x, y]}}\n", 50)
	large := strings.Repeat("apiVersion: v1\nkind: ConfigMap\ndata: {a: b, c: d}\n---\n", mostNodes/8)
	objects := `{"apiVersion": "v1", "kind": "Pod", "spec": {"a": [1, "x"]}} {"apiVersion": "v1", "kind": "Pod", "spec": {"b": {"c": 2}}}`
	for name, text := range map[string]string{"list.yaml": list, "large.yaml": large, "objects.json": objects + "\n" + objects} {
		sources = append(sources, Source{Path: name, Text: []byte(text)})
	}
	lent := 0
	for i, source := range sources {
		plain, kept := Read(source, DefaultLimits), ReadForPlaces(source, DefaultLimits)
		other := ReadForPlaces(sources[(i+1)%len(sources)], DefaultLimits)
		nodes := map[*syntax.Tree]int{}
		for _, document := range kept.Documents {
			if tree := document.positions.lent; tree != nil {
				nodes[tree] = tree.Size()
				lent++
			}
		}
		if total := sum(maps.Values(nodes)); total > mostNodes {
			t.Errorf("%s keeps %d nodes", source.Path, total)
		}
		want := placesOf(plain)
		if got := placesOf(kept); !reflect.DeepEqual(got, want) {
			t.Errorf("%s, kept:\n%v\n%v", source.Path, got, want)
		}
		kept.Release()
		other.Release()
		if got := placesOf(kept); !reflect.DeepEqual(got, want) {
			t.Errorf("%s, released:\n%v\n%v", source.Path, got, want)
		}
	}
	if lent < len(sources) {
		t.Errorf("only %d trees were kept", lent)
	}
}

func sum(numbers iter.Seq[int]) (total int) {
	for number := range numbers {
		total += number
	}
	return total
}

// placesOf are those of all fields of a file's documents.
func placesOf(file File) (places []model.Location) {
	for _, document := range file.Documents {
		var walk func(*ast.Term, []any)
		walk = func(t *ast.Term, path []any) {
			places = append(places, document.Locate(path))
			switch v := t.Value.(type) {
			case ast.Object:
				v.Foreach(func(key, value *ast.Term) {
					name, _ := key.Value.(ast.String)
					walk(value, append(path[:len(path):len(path)], string(name)))
				})
			case *ast.Array:
				for i := range v.Len() {
					walk(v.Elem(i), append(path[:len(path):len(path)], i))
				}
			}
		}
		walk(document.Term, nil)
	}
	return places
}

// TestBothParsersAgreeOnPositions compares the starts of all nodes with those that the library keeps.
func TestBothParsersAgreeOnPositions(t *testing.T) {
	for _, source := range corpusFiles(t) {
		raw, _ := readSource(source, DefaultLimits.FileBytes)
		for offset := 0; offset < len(raw); {
			document, next := nextYAML(string(raw), offset)
			text := string(raw[document.start:document.end])
			if ours, err := syntax.ParseYAML(text, maxDepth); err == nil && utf8.ValidString(text) {
				theirs, err := syntax.ParseWithLibrary(text)
				if err == nil && !reflect.DeepEqual(starts(ours), starts(theirs)) {
					t.Errorf("%s at %d:\n%v\n%v", source.Path, offset, starts(ours), starts(theirs))
				}
			}
			offset = next
		}
	}
}

// starts lists where the scalars and collections of a tree start; the library has no place for what is left out.
func starts(tree *syntax.Tree) (offsets []int) {
	var walk func(int)
	walk = func(index int) {
		if node := tree.Node(index); node.Start < node.End || node.IsCollection() {
			offsets = append(offsets, node.Start)
		}
		tree.Children(index, func(child int) bool {
			walk(child)
			return true
		})
	}
	walk(syntax.Root)
	return offsets
}
