package bundle

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"attest.continuu.ms/engine/internal/load"
)

// IsFolder says whether a folder is a bundle: it has a manifest or a signature at its top.
func IsFolder(root string) bool {
	for _, name := range []string{manifestFile, signaturesFile} {
		if info, err := os.Lstat(filepath.Join(root, name)); err == nil && !info.IsDir() {
			return true
		}
	}
	return false
}

// readFolder reads every file below a folder, hidden ones too: what OPA signs is every file.
func readFolder(root string, limits Limits, reads *load.Reads) ([]File, error) {
	reader := &folderReader{root: filepath.Clean(root), limits: limits, names: names{}, reads: reads}
	err := reader.walk()
	var refused *Error
	if err != nil && !errors.As(err, &refused) {
		return nil, unreadable(root, err)
	}
	if err == nil && len(reader.files) == 0 {
		err = refuse(Content, root, "the folder is empty: there is no bundle in it", "name a folder or file that holds one")
	}
	return reader.files, err
}

// readPlain reads a folder that is to become a bundle: hidden folders are none of its business, and
// other things than files are left out as everywhere in policy folders.
func readPlain(root string) ([]File, error) {
	reader := &folderReader{root: filepath.Clean(root), limits: DefaultLimits, names: names{}, plain: true}
	err := reader.walk()
	return reader.files, err
}

type folderReader struct {
	plain   bool
	root    string
	limits  Limits
	names   names
	reads   *load.Reads
	files   []File
	entries int
	total   int64
}

// walk visits what the folder holds; the folder itself may be named by a link.
func (r *folderReader) walk() error {
	real, err := filepath.EvalSymlinks(r.root)
	if err != nil {
		return unreadable(r.root, err)
	}
	return filepath.WalkDir(real, func(path string, entry fs.DirEntry, err error) error {
		return r.visit(filepath.Join(r.root, strings.TrimPrefix(path, real)), entry, err)
	})
}

func (r *folderReader) visit(path string, entry fs.DirEntry, err error) error {
	if err != nil {
		return unreadable(path, err)
	}
	if r.entries++; r.entries > r.limits.Entries {
		return r.fail(r.root, "the folder holds more than %d entries", r.limits.Entries)
	}
	if entry.IsDir() && r.plain && path != r.root && strings.HasPrefix(entry.Name(), ".") {
		return fs.SkipDir
	}
	if entry.IsDir() || r.plain && !relevant(entry.Name()) && !mayLeadToFolder(path, entry) {
		return nil
	}
	if !entry.Type().IsRegular() {
		refused := archiveError("a bundle holds files as they are, and this is %s", whatInstead(entry.Type()))
		refused.File, refused.Hint = path, "put a copy in its place, remove it, or name the folder that it leads to as well"
		return refused
	}
	relative, _ := filepath.Rel(r.root, path) // path lies below root
	name, err := cleanName(filepath.ToSlash(relative), false)
	if err == nil {
		err = r.names.add(name, false)
	}
	if err != nil {
		return err
	}
	return r.read(name, path)
}

func (r *folderReader) read(name, path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return unreadable(path, err)
	}
	r.total += info.Size()
	if info.Size() > r.limits.File || r.total > r.limits.Total {
		return r.fail(path, "the folder is larger than a bundle may be")
	}
	data, err := readRegular(path, r.limits.File, r.reads)
	if err != nil {
		return err
	}
	r.files = append(r.files, File{name, data})
	return nil
}

// mayLeadToFolder tells what would be left out in silence otherwise: policies are loaded from folders behind links,
// and one without an ending that leads nowhere may have led to such. Hidden folders are no more a part of it behind links
// than as they are.
func mayLeadToFolder(path string, entry fs.DirEntry) bool {
	if entry.Type()&fs.ModeSymlink == 0 || strings.HasPrefix(entry.Name(), ".") {
		return false
	}
	info, err := os.Stat(path)
	return err == nil && info.IsDir() || err != nil && filepath.Ext(path) == ""
}

func whatInstead(mode fs.FileMode) string {
	if mode&fs.ModeSymlink != 0 {
		return "a link"
	}
	return "no regular file"
}

// readRegular reads a file of at most limit bytes; a pipe or device is no file.
func readRegular(path string, limit int64, reads *load.Reads) ([]byte, error) {
	data, problem := reads.ReadFile(path, limit)
	if problem != nil {
		return nil, refuse(Unreadable, path, problem.Message, "check the path and its permissions")
	}
	return data, nil
}

func (r *folderReader) fail(path, format string, args ...any) error {
	err := archiveError(format, args...)
	err.File = path
	return err
}

// relevant are the files that a build looks at; a folder may hold much else.
func relevant(name string) bool {
	return name == manifestFile || slices.Contains([]string{".rego", ".yaml", ".yml", ".json"}, filepath.Ext(name))
}
