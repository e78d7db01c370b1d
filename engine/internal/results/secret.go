package results

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Place is where results are kept: a folder, and the file of the secret that seals them. That stands elsewhere, so that a
// folder that somebody brings here, as pipelines do with caches, says nothing.
type Place struct {
	Folder string `json:"folder"` // empty where none are kept
	Key    string `json:"key"`
}

// Secret is a user's own.
type Secret [32]byte

// ReadSecret reads a secret, which is made if need be. An error says why the file can't be trusted or used.
func ReadSecret(path string) (Secret, error) {
	if !filepath.IsAbs(path) {
		return Secret{}, fmt.Errorf("`%s` is no absolute path", path)
	}
	folder, name := filepath.Split(path)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return Secret{}, err
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return Secret{}, err
	}
	defer root.Close()
	info, err := root.Stat(".")
	if err == nil {
		err = trusted(folder, info, writable)
	}
	if err != nil {
		return Secret{}, err
	}
	if _, err := root.Lstat(name); errors.Is(err, fs.ErrNotExist) {
		if err := makeSecret(root, name); err != nil {
			return Secret{}, err
		}
	}
	return readSecret(&Folder{root, path, int64(len(Secret{}))}, name)
}

func readSecret(folder *Folder, name string) (secret Secret, err error) {
	file, _ := folder.own(name)
	if file == nil {
		return secret, fmt.Errorf("`%s` is open to others, or no file of 32 bytes", folder.path)
	}
	defer file.Close()
	_, err = io.ReadFull(file, secret[:])
	return secret, err
}

// makeSecret leaves a whole file or none. Of two that make one at a time the later counts: what the other keeps is lost.
func makeSecret(root *os.Root, name string) error {
	partly := "." + name + "-" + rand.Text()
	file, err := root.OpenFile(partly, os.O_WRONLY|os.O_CREATE|os.O_EXCL|noFollow, 0o600)
	if err != nil {
		return err
	}
	var secret Secret
	_, _ = rand.Read(secret[:]) // never fails
	_, err = file.Write(secret[:])
	if err = errors.Join(err, file.Close()); err == nil {
		err = root.Rename(partly, name)
	}
	if err != nil {
		_ = root.Remove(partly)
	}
	return err
}

// seal is what nobody can say of parts without the secret; the parts have lengths that are known, but for the last.
func (s Secret) seal(parts ...[]byte) (sum Digest) {
	h := hmac.New(sha256.New, s[:])
	for _, part := range parts {
		h.Write(part)
	}
	return Digest(h.Sum(nil))
}
