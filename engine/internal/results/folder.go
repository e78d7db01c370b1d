// Package results keeps what files came to from one run to the next, in a folder of the user's alone. It knows nothing of
// what it keeps: keys are digests of all that a value depends on.
//
// A run has a file of its own in the folder, named after the digest of what its values share. It is written anew beside the
// old one and renamed into its place, so that whoever reads it finds the old or the new, whatever a second run, a full
// disk or the end of the process does meanwhile.
package results

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	ending  = ".results"
	partial = ".part"
	// abandoned is when a partial file is taken for one whose process is gone.
	abandoned = time.Hour
)

// MaxBytes is how much a folder holds at most, unless a test says otherwise.
const MaxBytes int64 = 256 << 20

// Folder is an open folder of results. It stays the one that was looked at, whatever takes its place meanwhile.
type Folder struct {
	root *os.Root
	path string
	max  int64
}

// Open opens a folder, which is made if need be. An error says why it can't be trusted or used.
func Open(path string, maxBytes int64) (*Folder, error) {
	if !filepath.IsAbs(path) {
		return nil, fmt.Errorf("`%s` is no absolute path", path)
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, err
	}
	for one, closed := range map[string]fs.FileMode{filepath.Dir(path): writable, path: open} {
		if info, err := os.Lstat(one); err != nil {
			return nil, err
		} else if err := trusted(one, info, closed); err != nil {
			return nil, err
		}
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	info, err := root.Stat(".")
	if err == nil {
		err = trusted(path, info, open) // it may have changed places since
	}
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return &Folder{root, path, maxBytes}, nil
}

// Close lets go of the folder.
func (f *Folder) Close() error { return f.root.Close() }

// Permissions of others.
const (
	writable fs.FileMode = 0o022
	open     fs.FileMode = 0o077
)

// trusted says what is wrong with a file or folder that has permissions which it must not have, or is another's.
func trusted(path string, info fs.FileInfo, closed fs.FileMode) error {
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		return fmt.Errorf("`%s` is a link", path)
	case !owned(info):
		return fmt.Errorf("`%s` belongs to somebody else", path)
	case info.Mode().Perm()&closed != 0:
		return fmt.Errorf("`%s` is open to others: its permissions are %04o", path, info.Mode().Perm())
	}
	return nil
}

// Held is what a folder holds.
type Held struct {
	Files int   `json:"files"`
	Bytes int64 `json:"bytes"`
	Max   int64 `json:"max"`
}

// Held counts the files of the folder.
func (f *Folder) Held() Held {
	held := Held{Max: f.max}
	for _, one := range f.files() {
		held.Files++
		held.Bytes += one.Size()
	}
	return held
}

// Clear removes all results, and says what they were.
func (f *Folder) Clear() (held Held, err error) {
	held = Held{Max: f.max}
	for _, one := range f.files() {
		if failed := f.root.Remove(one.Name()); failed != nil && !errors.Is(failed, fs.ErrNotExist) {
			err = errors.Join(err, failed)
			continue
		}
		held.Files++
		held.Bytes += one.Size()
	}
	return held, err
}

// prune removes what was not used for the longest time until the rest is small enough, and what other processes have left.
func (f *Folder) prune() {
	files, total := f.files(), int64(0)
	slices.SortFunc(files, func(a, b fs.FileInfo) int { return b.ModTime().Compare(a.ModTime()) })
	for _, one := range files {
		total += one.Size()
		if total > f.max || strings.HasSuffix(one.Name(), partial) && time.Since(one.ModTime()) > abandoned {
			_ = f.root.Remove(one.Name()) // another run may have been faster
		}
	}
}

// files are those of this package in the folder, whole and partial.
func (f *Folder) files() (files []fs.FileInfo) {
	opened, err := f.root.Open(".")
	if err != nil {
		return nil
	}
	defer opened.Close()
	entries, _ := opened.ReadDir(-1) // what could be read
	for _, entry := range entries {
		ours := strings.HasSuffix(entry.Name(), ending) || strings.HasSuffix(entry.Name(), partial)
		if info, err := entry.Info(); ours && err == nil && !info.IsDir() {
			files = append(files, info)
		}
	}
	return files
}
