//go:build unix

package results

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func digestOf(text string) Digest { return sha256.Sum256([]byte(text)) }

func somewhere(t *testing.T) string { return filepath.Join(t.TempDir(), "attest", "results") }

func opened(t *testing.T, path string, limit int64) *Folder {
	t.Helper()
	folder, err := Open(path, limit)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = folder.Close() })
	return folder
}

// fill keeps values of a run under their own names.
func fill(folder *Folder, run string, values ...string) {
	store := folder.Store(digestOf(run), Secret{1})
	for _, value := range values {
		store.Put(digestOf(value), []byte(value))
	}
	store.Close()
}

// found are those of some values that a run has; asking for them uses them.
func found(folder *Folder, run string, values ...string) string {
	store := folder.Store(digestOf(run), Secret{1})
	defer store.Close()
	var there []string
	for _, value := range values {
		if got, ok := store.Get(digestOf(value)); ok && string(got) == value {
			there = append(there, value)
		}
	}
	return strings.Join(there, " ")
}

func TestValuesAreThereTheNextTimeAndForTheirRunAlone(t *testing.T) {
	folder := opened(t, somewhere(t), MaxBytes)
	fill(folder, "run", "a", "b")
	fill(folder, "run", "c")
	if got := found(folder, "run", "a", "b", "c", "d"); got != "a b c" {
		t.Errorf("found %q", got)
	}
	if got := found(folder, "other", "a", "b"); got != "" {
		t.Errorf("another run found %q", got)
	}
}

func TestWhatIsSealedWithAnotherSecretIsNone(t *testing.T) {
	path := somewhere(t)
	folder := opened(t, path, MaxBytes)
	fill(folder, "run", "a")
	own := folder.Store(digestOf("run"), Secret{1}).pathIn(path)
	other := folder.Store(digestOf("run"), Secret{2})
	if err := os.Rename(own, other.pathIn(path)); err != nil { // whoever brings the folder knows what names are like
		t.Fatal(err)
	}
	store := folder.Store(digestOf("run"), Secret{2})
	defer store.Close()
	if value, there := store.Get(digestOf("a")); there {
		t.Errorf("found %q", value)
	}
}

func TestASecretIsMadeOnceAndReadAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state", "attest", "key")
	first, err := ReadSecret(path)
	if err != nil || first == (Secret{}) {
		t.Fatal(first, err)
	}
	if again, err := ReadSecret(path); again != first || err != nil {
		t.Errorf("%v %v", again, err)
	}
	for name, spoil := range map[string]func(path string) error{
		"open to others":         func(path string) error { return os.Chmod(path, 0o640) },
		"cut":                    func(path string) error { return os.Truncate(path, 7) },
		"too long":               func(path string) error { return os.WriteFile(path, bytes.Repeat([]byte("x"), 33), 0o600) },
		"its folder is writable": func(path string) error { return os.Chmod(filepath.Dir(path), 0o777) },
		"of two names":           func(path string) error { return os.Link(path, path+"-too") },
		"a link": func(path string) error {
			if err := os.Rename(path, path+"-elsewhere"); err != nil {
				return err
			}
			return os.Symlink(path+"-elsewhere", path)
		},
		"a folder": func(path string) error {
			if err := os.Remove(path); err != nil {
				return err
			}
			return os.Mkdir(path, 0o700)
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "attest", "key")
			if _, err := ReadSecret(path); err != nil {
				t.Fatal(err)
			}
			if err := spoil(path); err != nil {
				t.Fatal(err)
			}
			if _, err := ReadSecret(path); err == nil {
				t.Error("it was read")
			}
		})
	}
	if _, err := ReadSecret("key"); err == nil {
		t.Error("a relative path was read")
	}
}

func TestAFolderThatOthersCouldHaveWrittenIsRefused(t *testing.T) {
	for name, spoil := range map[string]func(path string) error{
		"open to the group": func(path string) error { return os.Chmod(path, 0o770) },
		"open to be read":   func(path string) error { return os.Chmod(path, 0o704) },
		"its parent":        func(path string) error { return os.Chmod(filepath.Dir(path), 0o777) },
		"a link": func(path string) error {
			if err := os.Rename(path, path+"-elsewhere"); err != nil {
				return err
			}
			return os.Symlink(path+"-elsewhere", path)
		},
		"a link above it": func(path string) error {
			above := filepath.Dir(path)
			if err := os.Rename(above, above+"-elsewhere"); err != nil {
				return err
			}
			return os.Symlink(above+"-elsewhere", above)
		},
		"a file": func(path string) error {
			if err := os.Remove(path); err != nil {
				return err
			}
			return os.WriteFile(path, nil, 0o600)
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := somewhere(t)
			opened(t, path, MaxBytes)
			if err := spoil(path); err != nil {
				t.Fatal(err)
			}
			if folder, err := Open(path, MaxBytes); err == nil {
				t.Errorf("%v was opened", folder)
			}
		})
	}
	if _, err := Open("results", MaxBytes); err == nil {
		t.Error("a relative path was opened")
	}
}

func TestAFolderOfSomebodyElseIsRefused(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give a folder away")
	}
	path := somewhere(t)
	opened(t, path, MaxBytes)
	if err := os.Chown(path, 12345, 12345); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path, MaxBytes); err == nil || !strings.Contains(err.Error(), "belongs to somebody else") {
		t.Errorf("%v", err)
	}
}

func TestAFileThatOthersCouldHaveWrittenIsNotRead(t *testing.T) {
	for name, spoil := range map[string]func(file string) error{
		"open to others": func(file string) error { return os.Chmod(file, 0o644) },
		"another's, too": func(file string) error { return os.Link(file, filepath.Join(filepath.Dir(filepath.Dir(file)), "mine")) },
		"a link": func(file string) error {
			elsewhere := filepath.Join(filepath.Dir(filepath.Dir(file)), "elsewhere")
			if err := os.Rename(file, elsewhere); err != nil {
				return err
			}
			return os.Symlink(elsewhere, file)
		},
		"a link within the folder": func(file string) error {
			if err := os.Rename(file, file+".moved"); err != nil {
				return err
			}
			return os.Symlink(filepath.Base(file)+".moved", file)
		},
		"a folder": func(file string) error {
			if err := os.Remove(file); err != nil {
				return err
			}
			return os.Mkdir(file, 0o700)
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := somewhere(t)
			folder := opened(t, path, MaxBytes)
			fill(folder, "run", "a")
			if err := spoil(folder.Store(digestOf("run"), Secret{1}).pathIn(path)); err != nil {
				t.Fatal(err)
			}
			if got := found(folder, "run", "a"); got != "" {
				t.Errorf("found %q", got)
			}
		})
	}
}

func (s *Store) pathIn(folder string) string {
	if s.old != nil {
		_ = s.old.Close()
	}
	return filepath.Join(folder, s.file())
}

func TestAnEntryInThePlaceOfAnotherIsNone(t *testing.T) {
	path := somewhere(t)
	folder := opened(t, path, MaxBytes)
	fill(folder, "run", "a", "b")
	file := folder.Store(digestOf("run"), Secret{1}).pathIn(path)
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	a, b := digestOf("a"), digestOf("b")
	mark := bytes.Repeat([]byte("x"), len(a))
	for _, swap := range [][2][]byte{{a[:], mark}, {b[:], a[:]}, {mark, b[:]}} {
		content = bytes.ReplaceAll(content, swap[0], swap[1])
	}
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	store := folder.Store(digestOf("run"), Secret{1})
	defer store.Close()
	if value, there := store.Get(a); there {
		t.Errorf("the value of a is %q", value)
	}
}

func TestWhatWasNotUsedForLongGoesFirst(t *testing.T) {
	path := somewhere(t)
	big := strings.Repeat("x", 1000)
	folder := opened(t, path, 3500)
	for i, run := range []string{"one", "two", "three"} {
		fill(folder, run, big+run)
		past := time.Now().Add(time.Duration(i-10) * time.Minute)
		if err := os.Chtimes(folder.Store(digestOf(run), Secret{1}).pathIn(path), past, past); err != nil {
			t.Fatal(err)
		}
	}
	if got := found(folder, "one", big+"one"); got == "" { // it is used now
		t.Fatal("nothing was kept")
	}
	fill(folder, "four", big+"four")
	for run, stays := range map[string]bool{"one": true, "two": false, "three": true, "four": true} {
		if got := found(folder, run, big+run) != ""; got != stays {
			t.Errorf("%s is there: %v", run, got)
		}
	}
	if held := folder.Held(); held.Bytes > 3500 || held.Files != 3 {
		t.Errorf("%+v", held)
	}
}

func TestARunKeepsWhatItUsedBeforeTheRest(t *testing.T) {
	folder := opened(t, somewhere(t), 2000)
	pad := strings.Repeat("x", 500)
	fill(folder, "run", pad+"a", pad+"b", pad+"c")
	store := folder.Store(digestOf("run"), Secret{1})
	if _, there := store.Get(digestOf(pad + "b")); !there {
		t.Fatal("b is not there")
	}
	store.Put(digestOf(pad+"d"), []byte(pad+"d"))
	store.Put(digestOf(pad+"e"), []byte(pad+"e"))
	store.Close()
	if got := found(folder, "run", pad+"b", pad+"d", pad+"e"); strings.Count(got, pad) != 3 {
		t.Errorf("%q", strings.ReplaceAll(got, pad, ""))
	}
	if held := folder.Held(); held.Bytes > 2000 {
		t.Errorf("%+v", held)
	}
}

func TestManyRunsAtOnceLeaveOneWholeFile(t *testing.T) {
	path := somewhere(t)
	var running sync.WaitGroup
	for i := range 8 {
		running.Go(func() {
			folder, err := Open(path, MaxBytes)
			if err != nil {
				t.Error(err)
				return
			}
			defer folder.Close()
			fill(folder, "run", "shared", fmt.Sprint("own", i))
		})
	}
	running.Wait()
	folder := opened(t, path, MaxBytes)
	if got := found(folder, "run", "shared"); got != "shared" {
		t.Errorf("found %q", got)
	}
	if held := folder.Held(); held.Files != 1 {
		t.Errorf("%+v", held)
	}
}

func TestARunThatIsKilledLeavesTheOldResults(t *testing.T) {
	path := somewhere(t)
	folder := opened(t, path, MaxBytes)
	fill(folder, "run", "a")
	killed := folder.Store(digestOf("run"), Secret{1})
	killed.Put(digestOf("b"), bytes.Repeat([]byte("b"), 1<<19)) // and is never closed
	if got := found(folder, "run", "a", "b"); got != "a" {
		t.Errorf("found %q", got)
	}
	left, _ := filepath.Glob(filepath.Join(path, ".*"+partial))
	if len(left) != 1 {
		t.Fatalf("%v", left)
	}
	past := time.Now().Add(-2 * abandoned)
	if err := os.Chtimes(left[0], past, past); err != nil {
		t.Fatal(err)
	}
	fill(folder, "run", "c")
	if left, _ := filepath.Glob(filepath.Join(path, ".*"+partial)); len(left) > 0 {
		t.Errorf("%v was left", left)
	}
}

func TestAFullDiskLosesNothingButTime(t *testing.T) {
	folder := opened(t, somewhere(t), MaxBytes)
	fill(folder, "run", "a")
	store := folder.Store(digestOf("run"), Secret{1})
	store.Put(digestOf("b"), []byte("b"))
	if err := store.next.Close(); err != nil { // every write fails from now on
		t.Fatal(err)
	}
	store.Put(digestOf("c"), bytes.Repeat([]byte("c"), 1<<19))
	store.Put(digestOf("d"), []byte("d"))
	store.Close()
	if got := found(folder, "run", "a", "b", "c", "d"); got != "a" {
		t.Errorf("found %q", got)
	}
	if held := folder.Held(); held.Files != 1 {
		t.Errorf("%+v", held)
	}
}

func TestClearingRemovesResultsAndNothingElse(t *testing.T) {
	path := somewhere(t)
	folder := opened(t, path, MaxBytes)
	fill(folder, "one", "a")
	fill(folder, "two", "a")
	other := filepath.Join(path, "notes.txt")
	if err := os.WriteFile(other, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	held, err := folder.Clear()
	if err != nil || held.Files != 2 || held.Bytes == 0 || folder.Held().Files != 0 {
		t.Errorf("%+v %v, then %+v", held, err, folder.Held())
	}
	if _, err := os.Stat(other); err != nil {
		t.Error(err)
	}
}
