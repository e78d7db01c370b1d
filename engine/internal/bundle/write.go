package bundle

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"attest.continuu.ms/engine/internal/model"
)

// pack makes an archive whose bytes depend on the files alone: sorted, without times, owners or names
// of this machine. Names have OPA's leading slash.
func pack(files []File) ([]byte, error) {
	sorted := slices.Clone(files)
	slices.SortFunc(sorted, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	var out bytes.Buffer
	zipped := gzip.NewWriter(&out)
	archive := tar.NewWriter(zipped)
	for _, file := range sorted {
		header := &tar.Header{
			Name: "/" + file.Path, Mode: 0o644, Size: int64(len(file.Data)), Typeflag: tar.TypeReg, ModTime: time.Unix(0, 0),
		}
		if err := archive.WriteHeader(header); err != nil {
			return nil, contentError("`%s` can't be put into an archive: %s", model.Short(file.Path), err)
		}
		if _, err := archive.Write(file.Data); err != nil {
			return nil, err
		}
	}
	if err := archive.Close(); err != nil {
		return nil, err
	}
	err := zipped.Close()
	return out.Bytes(), err
}

// save replaces a file whole, so that nobody ever reads half of it.
func save(path string, data []byte) error {
	file, err := os.CreateTemp(filepath.Dir(path), ".bundle-*")
	if err != nil {
		return unwritable(path, err)
	}
	defer os.Remove(file.Name()) // gone already where all went well
	_, err = file.Write(data)
	if closing := file.Close(); err == nil {
		err = closing
	}
	if err == nil {
		err = os.Chmod(file.Name(), 0o644)
	}
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return unwritable(path, err)
	}
	return nil
}

func unwritable(path string, err error) *Error {
	refused := unreadable(path, err)
	refused.Hint = "name a file in a folder that you may write to"
	return refused
}
