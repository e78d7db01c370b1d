package policyset

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"attest.continuu.ms/engine/internal/load"
)

// maxEntries bounds how many entries of folders one walk looks at: a link may lead to the root of a file system.
const maxEntries = 1_000_000

// Walk visits the files below a folder, in the order of their names; links are followed, and a folder that is
// reached twice is visited once. What can't be read is told by visit's second argument, with its path.
type Walk struct {
	Hidden bool // whether folders whose names begin with a dot are entered, too
	Visit  func(path string, err error)
	// Leaving is what is left out of folders.
	Leaving *load.Leaving

	met  map[string]bool // real paths of the folders entered
	left int

	below *load.Leaving // as Leaving holds below the folder
}

// Below walks a folder, hidden or not.
func (w *Walk) Below(root string) {
	w.met, w.left, w.below = map[string]bool{}, maxEntries, w.Leaving.Below(root)
	w.folder(root)
	if w.left < 0 {
		w.Visit(root, errTooMany)
	}
}

var errTooMany = errors.New("too many files and folders to look at, here or behind links")

func (w *Walk) folder(path string) {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		w.Visit(path, err)
		return
	}
	if real, err = filepath.Abs(real); err == nil && w.met[real] {
		return
	}
	w.met[real] = true
	entries, err := os.ReadDir(path)
	if err != nil {
		w.Visit(path, err)
	}
	for _, entry := range entries {
		if w.left--; w.left < 0 {
			return
		}
		w.entry(filepath.Join(path, entry.Name()), entry)
	}
}

// entry enters a folder, or visits what is none; a link counts as what it leads to.
func (w *Walk) entry(path string, entry os.DirEntry) {
	isFolder := entry.IsDir()
	var dead error
	if entry.Type()&os.ModeSymlink != 0 {
		var info os.FileInfo
		if info, dead = os.Stat(path); dead == nil {
			isFolder = info.IsDir()
		}
	}
	switch {
	case w.below.Reason(w.at(path), isFolder) != "":
	case dead != nil && filepath.Ext(path) == "": // it may have led to a folder; a file is told by whoever opens it
		w.Visit(path, dead)
	case !isFolder:
		w.Visit(path, nil)
	case w.Hidden || !strings.HasPrefix(entry.Name(), "."):
		w.folder(path)
	}
}

// at is the real path of an entry, but for a link that it is itself.
func (w *Walk) at(path string) string {
	if w.Leaving == nil {
		return path
	}
	folder, err := filepath.EvalSymlinks(filepath.Dir(path))
	if err == nil {
		folder, err = filepath.Abs(folder)
	}
	if err != nil {
		return path
	}
	return filepath.Join(folder, filepath.Base(path))
}
