package policyset

import (
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"attest.continuu.ms/engine/internal/bundle"
	"attest.continuu.ms/engine/internal/load"
	"attest.continuu.ms/engine/internal/trial"
)

// everySort is a folder with a source of every sort that a set can come from.
func everySort(t *testing.T) (string, Params) {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	trial.Files(t, root, map[string]string{
		"policies/a.rego": plainRego, "policies/a_test.rego": "package a_test", "policies/limits/data.yaml": "few: 2\n",
		"policies/notes.txt": "nothing", "policies/.hidden/c.rego": "package c", "policies/deep/er/template.yaml": trial.Template,
		"policies/deep/constraint.yml": trial.Constraint, "policies/examples/pod.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n",
		"policies/empty.json": "", "library/lib.rego": libRego, "single.rego": otherRego,
		"folder/.manifest": `{"revision": "1", "roots": ["f", "limits/many"]}`, "folder/f.rego": "package f\nimport rego.v1\ndeny contains 1 if false\n",
		"folder/data.json": `{"limits": {"many": 9}}`, "folder/.hidden/x.txt": "not used, but signed", "folder/any.txt": "the same",
		"packed/g.rego": "package g\nimport rego.v1\ndeny contains 1 if false\n", "elsewhere/h.rego": "package h\nimport rego.v1\ndeny contains 1 if false\n",
	})
	archive := filepath.Join(root, "packed.tar.gz")
	if _, problems := bundle.Build(bundle.BuildParams{Paths: []string{filepath.Join(root, "packed")}, Output: archive}); problems != nil {
		t.Fatal(problems)
	}
	for link, target := range map[string]string{"linked": "elsewhere", "policies/linked.rego": "../elsewhere/h.rego"} {
		if err := os.Symlink(target, filepath.Join(root, link)); err != nil {
			t.Fatal(err)
		}
	}
	params := Params{OPA: true, Gatekeeper: true}
	for _, path := range []string{"policies", "single.rego", "folder", "packed.tar.gz"} {
		params.Paths = append(params.Paths, filepath.Join(root, path))
	}
	params.Libraries = []string{filepath.Join(root, "library"), filepath.Join(root, "linked", "..", "library")}
	return root, params
}

// opened watches the folders below root and returns a function that says which files were opened since.
func opened(t *testing.T, root string) func() []string {
	t.Helper()
	watch, err := syscall.InotifyInit1(syscall.IN_NONBLOCK | syscall.IN_CLOEXEC)
	if err != nil {
		t.Skip("the kernel tells nobody which files are opened: ", err)
	}
	t.Cleanup(func() { _ = syscall.Close(watch) })
	folders := map[int32]string{}
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return err
		}
		number, err := syscall.InotifyAddWatch(watch, path, syscall.IN_OPEN)
		folders[int32(number)] = path
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return func() []string { return slices.Sorted(maps.Keys(events(watch, folders))) }
}

func events(watch int, folders map[int32]string) map[string]bool {
	found := map[string]bool{}
	buffer := make([]byte, 1<<20)
	for {
		count, err := syscall.Read(watch, buffer)
		if err != nil || count <= 0 {
			return found
		}
		for at := 0; at < count; {
			event := (*syscall.InotifyEvent)(unsafe.Pointer(&buffer[at]))
			name := strings.TrimRight(string(buffer[at+syscall.SizeofInotifyEvent:at+syscall.SizeofInotifyEvent+int(event.Len)]), "\x00")
			if event.Mask&syscall.IN_ISDIR == 0 && name != "" {
				found[filepath.Join(folders[event.Wd], name)] = true
			}
			at += syscall.SizeofInotifyEvent + int(event.Len)
		}
	}
}

func TestEveryFileThatLoadingOpensIsRead(t *testing.T) {
	root, params := everySort(t)
	since := opened(t, root)
	set, _, problems := Load(t.Context(), params)
	files := since()
	var read []string
	for _, digest := range set.Read {
		read = append(read, digest.File)
	}
	if slices.Sort(read); !slices.Equal(read, files) {
		t.Errorf("read   %q\nopened %q\n%v", read, files, problems)
	}
	if len(files) < 12 {
		t.Errorf("only %q were opened: %v", files, problems)
	}
}

func TestDigestsAreOfWhatTheFilesHold(t *testing.T) {
	root, params := everySort(t)
	t.Chdir(root)
	for i, path := range params.Paths {
		params.Paths[i], _ = filepath.Rel(root, path)
	}
	set, _, _ := Load(t.Context(), params)
	names := map[string]bool{}
	for _, digest := range set.Read {
		content, err := os.ReadFile(digest.File)
		if sum := sha256.Sum256(content); err != nil || hex.EncodeToString(sum[:]) != digest.SHA256 {
			t.Errorf("%s: %s, %v", digest.File, digest.SHA256, err)
		}
		if real, err := filepath.EvalSymlinks(digest.File); err != nil || real != digest.File || !filepath.IsAbs(real) {
			t.Errorf("`%s` is not the name without links: `%s`, %v", digest.File, real, err)
		}
		names[strings.TrimPrefix(digest.File, root+"/")] = true
	}
	for _, name := range []string{
		"policies/a.rego", "policies/limits/data.yaml", "policies/deep/er/template.yaml", "policies/examples/pod.yaml", "elsewhere/h.rego",
		"library/lib.rego", "single.rego", "folder/.manifest", "folder/.hidden/x.txt", "packed.tar.gz",
	} {
		if !names[name] {
			t.Errorf("`%s` is not among %v", name, names)
		}
	}
}

func TestWhatIsSwitchedOffIsNotOpened(t *testing.T) {
	root, params := everySort(t)
	params.Gatekeeper = false
	since := opened(t, root)
	set, _, _ := Load(t.Context(), params)
	if files := since(); len(files) != len(set.Read) || slices.ContainsFunc(files, func(f string) bool { return strings.HasSuffix(f, "template.yaml") }) {
		t.Errorf("opened %q, read %v", files, set.Read)
	}
}

func TestAFileThatChangesBetweenTwoReadingsIsThereTwice(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a.rego")
	reads := &load.Reads{}
	for _, text := range []string{"one", "two", "two"} {
		trial.Files(t, filepath.Dir(file), map[string]string{"a.rego": text})
		if content, problem := reads.ReadFile(file, 100); problem != nil || string(content) != text {
			t.Fatalf("%q, %v", content, problem)
		}
	}
	if digests := reads.Digests(); len(digests) != 2 || digests[0].File != digests[1].File {
		t.Errorf("%v", digests)
	}
}

func TestWhatWasNotReadWholeIsNotNoted(t *testing.T) {
	reads, folder := &load.Reads{}, t.TempDir()
	trial.Files(t, folder, map[string]string{"large.rego": strings.Repeat("x", 100)})
	for _, name := range []string{"large.rego", "missing.rego", "."} {
		if _, problem := reads.ReadFile(filepath.Join(folder, name), 10); problem == nil {
			t.Errorf("`%s` was read", name)
		}
	}
	if digests := reads.Digests(); len(digests) != 0 {
		t.Errorf("%v", digests)
	}
}
