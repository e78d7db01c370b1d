package load

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"attest.continuu.ms/engine/internal/model"
)

// notWalked are folders that hold the tools' own files, never manifests of the project.
var notWalked = map[string]string{
	".git": "version control", ".hg": "version control", ".svn": "version control",
	"node_modules": "installed packages", ".terraform": "downloaded modules",
}

// Walk lists the manifests at the given paths: files of any name, and below folders those that end in .yaml,
// .yml or .json. The order is that of paths, below a folder that of the names. Links are followed, and
// a file that is reached twice is listed once. Folders of tools (.git, node_modules) are skipped, and said so,
// unless they are given themselves. A link may lead to the root of a file system, so the walk ends with a problem
// after maxEntries.
func Walk(paths []string) (sources []Source, skipped []model.Skipped, problems []model.Problem) {
	found := WalkLeaving(paths, nil)
	return found.Sources, found.Skipped, found.Problems
}

// Found is what a walk came upon.
type Found struct {
	Sources  []Source
	Skipped  []model.Skipped
	Problems []model.Problem
	// Others are files below folders that kubectl does not read, and that say something of those it does: `Kustomization`.
	Others []Source
}

// WalkLeaving is Walk without what is left out of folders; each folder and each manifest that is, is skipped and said so.
func WalkLeaving(paths []string, leaving *Leaving) Found {
	w := walker{seen: map[string]struct{}{}, left: maxEntries, leaving: leaving}
	w.roots(paths)
	return w.found
}

// maxEntries bounds how many entries of folders one walk looks at.
const maxEntries = 1_000_000

type walker struct {
	seen    map[string]struct{} // real paths of the files listed and the folders entered
	found   Found
	left    int // entries that may still be looked at; negative once that was too few
	leaving *Leaving
	below   *Leaving // the same, as it holds below the path that was given
}

func (w *walker) roots(paths []string) {
	for _, path := range paths {
		if w.root(path); w.left < 0 {
			w.problem(refused(path, &Failure{
				Code: CodeLimit, Message: "too many files and folders to look at, here or behind links",
				Hint: "name the folders that hold manifests, and look where links lead",
			}))
			return
		}
	}
}

// root lists a path that the user gave.
func (w *walker) root(path string) {
	real, err := filepath.EvalSymlinks(path)
	if err == nil {
		real, err = filepath.Abs(real)
	}
	if err != nil {
		w.problem(unreadable(path, err))
		return
	}
	info, err := os.Stat(real)
	if err != nil {
		w.problem(unreadable(path, err))
		return
	}
	w.below = w.leaving.Below(real)
	w.visit(path, real, info.Mode(), true, false)
}

// visit lists a file or enters a folder whose links are resolved. Files below a folder count only by their ending.
// What is hidden lies at or below a name that begins with a dot.
func (w *walker) visit(shown, real string, mode fs.FileMode, given, hidden bool) {
	switch {
	case mode.IsDir():
		w.folder(shown, real, given, hidden)
	case !given && !isManifestName(shown):
		if filepath.Base(shown) == bareKustomization {
			w.found.Others = append(w.found.Others, Source{Path: shown, Real: real, Hidden: hidden})
		}
	case !mode.IsRegular():
		w.problem(irregular(shown, mode))
	case w.first(real):
		w.found.Sources = append(w.found.Sources, Source{Path: shown, Real: real, Hidden: hidden})
	}
}

// folder lists what a folder holds, each folder once.
func (w *walker) folder(shown, real string, given, hidden bool) {
	if what := notWalked[filepath.Base(real)]; what != "" && !given {
		w.found.Skipped = append(w.found.Skipped, model.Skipped{File: shown, Reason: fmt.Sprintf("a folder of %s", what)})
		return
	}
	if !w.first(real) {
		return
	}
	entries, err := os.ReadDir(real)
	if err != nil {
		w.problem(unreadable(shown, err))
	}
	for _, entry := range entries {
		if w.left--; w.left < 0 {
			return
		}
		hides := hidden || strings.HasPrefix(entry.Name(), ".")
		w.entry(filepath.Join(shown, entry.Name()), filepath.Join(real, entry.Name()), entry.Type(), hides)
	}
}

// entry visits one entry of a folder, through a link to where it leads.
func (w *walker) entry(shown, real string, mode fs.FileMode, hidden bool) {
	if mode&fs.ModeSymlink == 0 {
		if !w.leave(shown, real, mode.IsDir()) {
			w.visit(shown, real, mode, false, hidden)
		}
		return
	}
	target, err := filepath.EvalSymlinks(real)
	var info fs.FileInfo
	if err == nil {
		info, err = os.Stat(target)
	}
	switch {
	case w.leave(shown, real, err == nil && info.IsDir()):
	case err == nil:
		w.visit(shown, target, info.Mode(), false, hidden)
	case isManifestName(shown) || !errors.Is(err, fs.ErrNotExist): // a dead link of another name is no manifest
		w.problem(brokenLink(shown, real, err))
	}
}

// first says whether a real path is met for the first time.
func (w *walker) first(real string) bool {
	if _, met := w.seen[real]; met {
		return false
	}
	w.seen[real] = struct{}{}
	return true
}

func (w *walker) problem(problem *model.Problem) {
	w.found.Problems = append(w.found.Problems, *problem)
}

// brokenLink explains a link that leads nowhere, or round in circles.
func brokenLink(shown, real string, err error) *model.Problem {
	problem := unreadable(shown, err)
	target, _ := os.Readlink(real) // empty when even that fails
	problem.Message = fmt.Sprintf("`%s` is a link to `%s`, which can't be followed", model.Printable(shown), model.Printable(target))
	problem.Hint = "repair or remove the link"
	return problem
}

func isManifestName(path string) bool {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".yaml", ".yml", ".json":
		return true
	}
	return false
}
