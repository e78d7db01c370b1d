// Package rooted is a read-only file system that ends at a root: a path that leads out of it, by dots or by links, is
// refused, and so is reading more than a rendering may read.
package rooted

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// FS is such a file system. It implements that of kustomize, all of whose writing is refused.
type FS struct {
	root  string
	files int
	bytes int64
	// Instead holds files that exist in this rendering alone, by their absolute path.
	Instead map[string][]byte
	// Change gives other content for a file that was read, where it is not nil.
	Change func(path string, content []byte) ([]byte, error)

	lines map[string][]string
}

// New opens a root, an absolute path without links.
func New(root string, files int, bytes int64) *FS {
	return &FS{root: root, files: files, bytes: bytes, Instead: map[string][]byte{}, lines: map[string][]string{}}
}

// Root is where the file system ends.
func (f *FS) Root() string { return f.root }

// errReadOnly is the answer to all writing.
var errReadOnly = errors.New("a rendering writes nothing")

// Within says whether a path without links is the root or below it.
func (f *FS) Within(path string) bool {
	return path == f.root || strings.HasPrefix(path, strings.TrimSuffix(f.root, "/")+string(filepath.Separator))
}

// Resolve is the path without links of something inside of the root.
func (f *FS) Resolve(path string) (string, error) {
	whole, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	if _, made := f.Instead[whole]; made {
		return whole, nil
	}
	if !f.Within(whole) {
		return "", outside(whole)
	}
	real, err := filepath.EvalSymlinks(whole)
	if err != nil {
		return "", err
	}
	if !f.Within(real) {
		return "", outside(whole)
	}
	return real, nil
}

func outside(path string) error {
	return fmt.Errorf("`%s` leads out of the folder that may be read", path)
}

// ReadFile reads a regular file inside of the root.
func (f *FS) ReadFile(path string) ([]byte, error) {
	real, err := f.Resolve(path)
	if err != nil {
		return nil, err
	}
	if content, made := f.Instead[real]; made {
		return content, nil
	}
	content, err := f.read(real)
	if err == nil && f.Change != nil {
		content, err = f.Change(real, content)
	}
	return content, err
}

// Original reads a file as it is on disk, though Change would give other content.
func (f *FS) Original(path string) ([]byte, error) {
	real, err := f.Resolve(path)
	if err != nil {
		return nil, err
	}
	if content, made := f.Instead[real]; made {
		return content, nil
	}
	return f.read(real)
}

// Lines are those of a file as it is on disk, kept since many are asked for; none where it can't be read.
func (f *FS) Lines(path string) []string {
	lines, known := f.lines[path]
	if !known && path != "" {
		content, _ := f.Original(path)
		lines = strings.Split(string(content), "\n")
		f.lines[path] = lines
	}
	return lines
}

func (f *FS) read(real string) ([]byte, error) {
	info, err := os.Stat(real)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() { // a pipe would never end
		return nil, fmt.Errorf("`%s` is no regular file", real)
	}
	if err := f.Spend(1, info.Size()); err != nil {
		return nil, err
	}
	file, err := os.Open(real)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // it was only read
	content, err := io.ReadAll(io.LimitReader(file, info.Size()))
	return content, err
}

// Spend counts files and bytes that are read, from disk or out of an archive.
func (f *FS) Spend(files int, bytes int64) error {
	f.files -= files
	f.bytes -= bytes
	if f.files < 0 || f.bytes < 0 {
		return errors.New("it reads more files, or larger ones, than a rendering may")
	}
	return nil
}

// CleanedAbs is the folder of a path, and the name of the file where it is one; links are resolved.
func (f *FS) CleanedAbs(path string) (filesys.ConfirmedDir, string, error) {
	real, err := f.Resolve(path)
	if err != nil {
		return "", "", err
	}
	if f.IsDir(real) {
		return filesys.ConfirmedDir(real), "", nil
	}
	return filesys.ConfirmedDir(filepath.Dir(real)), filepath.Base(real), nil
}

// IsDir says whether a path is a folder inside of the root.
func (f *FS) IsDir(path string) bool {
	info, err := f.stat(path)
	return err == nil && info.IsDir()
}

// Exists says whether there is something at a path inside of the root.
func (f *FS) Exists(path string) bool {
	if _, made := f.Instead[path]; made {
		return true
	}
	_, err := f.stat(path)
	return err == nil
}

func (f *FS) stat(path string) (fs.FileInfo, error) {
	real, err := f.Resolve(path)
	if err != nil {
		return nil, err
	}
	return os.Stat(real)
}

// ReadDir lists the names in a folder.
func (f *FS) ReadDir(path string) ([]string, error) {
	real, err := f.Resolve(path)
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(real)
	names := make([]string, 0, len(entries))
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names, err
}

// Glob lists the paths inside of the root that match a pattern, but for hidden ones, as kustomize does.
func (f *FS) Glob(pattern string) ([]string, error) {
	found, err := filepath.Glob(pattern)
	if !filesys.IsHiddenFilePath(pattern) {
		found = filesys.RemoveHiddenFiles(found)
	}
	var inside []string
	for _, path := range found {
		if _, refused := f.Resolve(path); refused == nil {
			inside = append(inside, path)
		}
	}
	return inside, err
}

// Walk walks a folder without following links.
func (f *FS) Walk(path string, visit filepath.WalkFunc) error {
	real, err := f.Resolve(path)
	if err != nil {
		return err
	}
	return filepath.Walk(real, visit)
}

// Open gives the content of a file.
func (f *FS) Open(path string) (filesys.File, error) {
	content, err := f.ReadFile(path)
	if err != nil {
		return nil, err
	}
	info, err := f.stat(path)
	return &opened{bytes.NewReader(content), info}, err
}

// Create is refused.
func (f *FS) Create(string) (filesys.File, error) { return nil, errReadOnly }

// Mkdir is refused.
func (f *FS) Mkdir(string) error { return errReadOnly }

// MkdirAll is refused.
func (f *FS) MkdirAll(string) error { return errReadOnly }

// RemoveAll is refused.
func (f *FS) RemoveAll(string) error { return errReadOnly }

// WriteFile is refused.
func (f *FS) WriteFile(string, []byte) error { return errReadOnly }

type opened struct {
	*bytes.Reader
	info fs.FileInfo
}

func (o *opened) Close() error               { return nil }
func (o *opened) Write([]byte) (int, error)  { return 0, errReadOnly }
func (o *opened) Stat() (os.FileInfo, error) { return o.info, nil }
