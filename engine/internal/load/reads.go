package load

import (
	"crypto/sha256"
	"encoding/hex"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"attest.continuu.ms/engine/internal/model"
)

// Digest is a file as it was when it was read.
type Digest struct {
	File   string `json:"file"`   // absolute, with links resolved
	SHA256 string `json:"sha256"` // of the bytes that were read, in hexadecimal
}

// Reads notes what was read. Whoever approved a file can hold its digest against these: they are of the very
// bytes that were used, so a file that changes meanwhile can't pass for what it was. Nil notes nothing.
type Reads struct {
	mu    sync.Mutex
	files map[Digest]struct{}
}

// ReadFile is the ReadFile of this package, and notes the file.
func (r *Reads) ReadFile(path string, limit int64) ([]byte, *model.Problem) {
	if r == nil {
		return ReadFile(path, limit)
	}
	real, err := realPath(path)
	if err != nil {
		real = path // opening it says what is wrong
	}
	content, problem := readFile(real, path, limit)
	if problem == nil {
		r.Note(real, content)
	}
	return content, problem
}

// Noted has read files before.
func Noted(files []Digest) *Reads {
	r := &Reads{files: map[Digest]struct{}{}}
	for _, digest := range files {
		r.files[digest] = struct{}{}
	}
	return r
}

// Note adds what was read elsewhere, under its name.
func (r *Reads) Note(file string, content []byte) {
	sum := sha256.Sum256(content)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.files == nil {
		r.files = map[Digest]struct{}{}
	}
	r.files[Digest{file, hex.EncodeToString(sum[:])}] = struct{}{}
}

// Digests are the files that were read, by name. One that changed between two readings is there twice.
func (r *Reads) Digests() []Digest {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]Digest, 0, len(r.files))
	for digest := range r.files {
		out = append(out, digest)
	}
	slices.SortFunc(out, func(a, b Digest) int { return strings.Compare(a.File+a.SHA256, b.File+b.SHA256) })
	return out
}

// realPath is absolute and without links. Links go first, since `link/..` is not where the text says, and last
// again, since the working directory may be named by one.
func realPath(path string) (string, error) {
	real, err := filepath.EvalSymlinks(path)
	if err == nil {
		real, err = filepath.Abs(real)
	}
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(real)
}
