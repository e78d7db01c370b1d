package load

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"attest.continuu.ms/engine/internal/model"
)

// folder makes a folder of files; a name that ends in / is a folder, a text that starts with -> a link.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if target, isLink := strings.CutPrefix(text, "->"); isLink {
			err = os.Symlink(target, path)
		} else if strings.HasSuffix(name, "/") {
			err = os.MkdirAll(path, 0o755)
		} else {
			err = os.WriteFile(path, []byte(text), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// relative lists the sources below root.
func relative(root string, sources []Source) []string {
	names := []string{}
	for _, source := range sources {
		names = append(names, strings.TrimPrefix(source.Path, root+"/"))
	}
	return names
}

var walkCases = map[string]struct {
	files    map[string]string
	paths    []string
	want     []string
	problems string
	skipped  string
}{
	"sorted, by ending": {
		files: map[string]string{"b.yml": "", "a.yaml": "", "c.JSON": "", "d.txt": "", "z/a.yaml": "", "m/x.json": "", "README.md": ""},
		paths: []string{""}, want: []string{"a.yaml", "b.yml", "c.JSON", "m/x.json", "z/a.yaml"},
	},
	"given files of any name": {
		files: map[string]string{"a.txt": "", "b": ""}, paths: []string{"b", "a.txt"}, want: []string{"b", "a.txt"},
	},
	"given twice": {
		files: map[string]string{"a.yaml": "", "b/c.yaml": ""}, paths: []string{"b/c.yaml", "", "a.yaml", "b"}, want: []string{"b/c.yaml", "a.yaml"},
	},
	"links to files and folders": {
		files: map[string]string{"x/a.yaml": "", "y/b.yaml": "->../out/b.txt", "y/c": "->../out", "out/b.txt": "", "out/d.yaml": ""},
		paths: []string{"x", "y"}, want: []string{"x/a.yaml", "y/b.yaml", "y/c/d.yaml"},
	},
	"a link and its target": {
		files: map[string]string{"a.yaml": "->b.yaml", "b.yaml": ""}, paths: []string{""}, want: []string{"a.yaml"},
	},
	"a folder that holds itself": {
		files: map[string]string{"a/b.yaml": "", "a/loop": "->.", "a/up": "->.."}, paths: []string{"a"}, want: []string{"a/b.yaml"},
	},
	"a link to itself": {
		files: map[string]string{"a.yaml": "->a.yaml", "b": "->c", "c": "->b"}, paths: []string{""}, want: []string{},
		problems: "a.yaml: `a.yaml` is a link to `a.yaml`, which can't be followed\n" +
			"b: `b` is a link to `c`, which can't be followed\nc: `c` is a link to `b`, which can't be followed\n",
	},
	"dead links": {
		files: map[string]string{"a.yaml": "->nowhere", "b.txt": "->nowhere"}, paths: []string{""}, want: []string{},
		problems: "a.yaml: `a.yaml` is a link to `nowhere`, which can't be followed\n",
	},
	"missing": {
		files: map[string]string{"a.yaml": ""}, paths: []string{"nowhere", "a.yaml"}, want: []string{"a.yaml"},
		problems: "nowhere: no such file or folder\n",
	},
	"folders of tools": {
		files: map[string]string{".git/a.yaml": "", "node_modules/b.yaml": "", ".github/c.yaml": ""}, paths: []string{""},
		want: []string{".github/c.yaml"}, skipped: ".git: a folder of version control\nnode_modules: a folder of installed packages\n",
	},
	"a folder of a tool, given": {
		files: map[string]string{"node_modules/b.yaml": ""}, paths: []string{"node_modules"}, want: []string{"node_modules/b.yaml"},
	},
	"a folder that ends like a file": {
		files: map[string]string{"a.yaml/b.yaml": "", "c.yaml/": ""}, paths: []string{""}, want: []string{"a.yaml/b.yaml"},
	},
}

func TestWalk(t *testing.T) {
	for name, test := range walkCases {
		t.Run(name, func(t *testing.T) {
			root := folder(t, test.files)
			paths := make([]string, len(test.paths))
			for i, path := range test.paths {
				paths[i] = filepath.Join(root, path)
			}
			sources, skipped, problems := Walk(paths)
			if got := relative(root, sources); !reflect.DeepEqual(got, test.want) {
				t.Errorf("sources %v, want %v", got, test.want)
			}
			if got := problemLines(root, problems); got != test.problems {
				t.Errorf("problems\n%swant\n%s", got, test.problems)
			}
			lines := ""
			for _, s := range skipped {
				lines += strings.TrimPrefix(s.File, root+"/") + ": " + s.Reason + "\n"
			}
			if lines != test.skipped {
				t.Errorf("skipped\n%swant\n%s", lines, test.skipped)
			}
		})
	}
}

func problemLines(root string, problems []model.Problem) (lines string) {
	for _, p := range problems {
		lines += strings.ReplaceAll(p.File+": "+p.Message, root+"/", "") + "\n"
		if p.Hint == "" {
			lines += "no hint\n"
		}
	}
	return lines
}

func TestPathsAreShownAsTheUserTypesThem(t *testing.T) {
	t.Chdir(folder(t, map[string]string{"k8s/pod.yaml": "", "x.yaml": ""}))
	for path, want := range map[string]string{"k8s/": "k8s/pod.yaml", "./k8s": "k8s/pod.yaml", "./x.yaml": "./x.yaml", "k8s/../x.yaml": "k8s/../x.yaml"} {
		if sources, _, _ := Walk([]string{path}); len(sources) != 1 || sources[0].Path != want {
			t.Errorf("%s: shown as %v", path, sources)
		}
	}
}

func TestAHugeFileIsRefusedUnread(t *testing.T) {
	path := filepath.Join(t.TempDir(), "huge.yaml")
	file, err := os.Create(path)
	if err == nil {
		err = file.Truncate(1 << 40)
	}
	if err != nil {
		t.Skipf("no sparse files here: %v", err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	got := summary(Read(Source{Path: path}, Limits{}))
	runtime.ReadMemStats(&after)
	if got != "0:0 error manifest_limit: the file is larger than 64 MiB" || after.TotalAlloc-before.TotalAlloc > 1<<20 {
		t.Errorf("%s, %d bytes", got, after.TotalAlloc-before.TotalAlloc)
	}
}

func TestAFileThatMayNotBeRead(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may read everything")
	}
	root := folder(t, map[string]string{"a.yaml": a, "b/": ""})
	for _, name := range []string{"a.yaml", "b"} {
		if err := os.Chmod(filepath.Join(root, name), 0); err != nil {
			t.Fatal(err)
		}
	}
	_, _, problems := Walk([]string{root})
	file := Read(Source{Path: filepath.Join(root, "a.yaml")}, Limits{})
	got := problemLines(root, append(problems, file.Problems...))
	if want := "b: not permitted to read this\na.yaml: not permitted to read this\n"; got != want {
		t.Errorf("problems\n%swant\n%s", got, want)
	}
}

func TestAFileThatVanishes(t *testing.T) {
	got := summary(Read(Source{Path: filepath.Join(t.TempDir(), "gone.yaml")}, Limits{}))
	if !strings.HasPrefix(got, "0:0 error manifest_unreadable: no such file or folder") {
		t.Error(got)
	}
}

func TestATemplateOfAChartIsTold(t *testing.T) {
	const broken = "{{- if .x }}\na: b: c\n{{- end }}\n"
	root := folder(t, map[string]string{
		"chart/Chart.yaml": "name: x\n", "chart/templates/deep/x.yaml": broken, "chart/files/x.yaml": broken, "chart/templates/no-action.yaml": "a: b: c\n",
		"chart/templates/pod.yaml": "# {{- x }}\n" + a + "metadata: {annotations: {1: a, \"1\": b}}\n", "other/templates/x.yaml": broken,
		"odd/Chart.yaml/": "", "odd/templates/x.yaml": broken, "chart/templates/whole.yaml": "# {{ x }}\n" + a,
	})
	const wrong = "2:5 error manifest_syntax: mapping values are not allowed in this context"
	for path, want := range map[string]string{
		"chart/templates/deep/x.yaml": "1 skipped: " + aTemplate, "chart/files/x.yaml": wrong, "other/templates/x.yaml": wrong, "odd/templates/x.yaml": wrong,
		"chart/templates/no-action.yaml": "1:5 error manifest_syntax: mapping values are not allowed in this context", "chart/templates/whole.yaml": "2 A /",
		"chart/templates/pod.yaml": "4:32 error manifest_duplicate_key: the key `1` is given twice, with and without quotes",
	} {
		if got := summary(Read(Source{Path: filepath.Join(root, path)}, Limits{})); got != want {
			t.Errorf("%s: got\n%s\nwant\n%s", path, got, want)
		}
	}
}

func TestAWalkEnds(t *testing.T) {
	root := folder(t, map[string]string{"k8s/a.yaml": "", "k8s/all": "->../big", "big/b.yaml": "", "big/c/d.yaml": "", "big/e.yaml": "", "z/f.yaml": ""})
	for left, want := range map[int]string{
		7: "[k8s/a.yaml k8s/all/b.yaml k8s/all/c/d.yaml k8s/all/e.yaml z/f.yaml] ",
		4: "[k8s/a.yaml k8s/all/b.yaml] k8s: too many files and folders to look at, here or behind links\n",
		6: "[k8s/a.yaml k8s/all/b.yaml k8s/all/c/d.yaml k8s/all/e.yaml] z: too many files and folders to look at, here or behind links\n",
	} {
		w := walker{seen: map[string]struct{}{}, left: left}
		w.roots([]string{filepath.Join(root, "k8s"), filepath.Join(root, "z")})
		if got := fmt.Sprint(relative(root, w.found.Sources)) + " " + problemLines(root, w.found.Problems); got != want {
			t.Errorf("%d entries: got %s, want %s", left, got, want)
		}
	}
}

func TestLinksToWhatIsNoManifestAreProblems(t *testing.T) {
	root := folder(t, map[string]string{"zero.yaml": "->/dev/zero", "null": "->/dev/null"})
	if _, err := os.Stat("/dev/zero"); err != nil {
		t.Skipf("no devices here: %v", err)
	}
	sources, _, problems := Walk([]string{filepath.Join(root, "zero.yaml"), filepath.Join(root, "null")})
	want := "zero.yaml: this is a device, not a regular file\nnull: this is a device, not a regular file\n"
	if got := problemLines(root, problems); got != want || len(sources) > 0 {
		t.Errorf("sources %v, problems %s", sources, got)
	}
}
