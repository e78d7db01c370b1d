package bundle

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"attest.continuu.ms/engine/internal/load"
	"attest.continuu.ms/engine/internal/model"
)

// Limits of what is read. They bound time and memory whatever an archive claims to hold: nothing is
// ever written to disk, so names can't escape, but a bomb could still fill the memory.
type Limits struct {
	File    int64 // bytes of one file
	Total   int64 // bytes of all files
	Entries int   // files and folders
	Ratio   int64 // unpacked bytes for each packed one, once more than Slack bytes were unpacked
	Slack   int64
}

// DefaultLimits hold for every bundle.
var DefaultLimits = Limits{File: 64 << 20, Total: 256 << 20, Entries: 20_000, Ratio: 200, Slack: 4 << 20}

// File is one file of a bundle. Path is relative to the bundle's root, with slashes.
type File struct {
	Path string
	Data []byte
}

// IsArchive says whether a path names a bundle in one file.
func IsArchive(path string) bool {
	return strings.HasSuffix(path, ".tar.gz") || strings.HasSuffix(path, ".tgz")
}

// counting knows how much was read from what it wraps.
type counting struct {
	io.Reader
	read int64
}

func (c *counting) Read(into []byte) (int, error) {
	n, err := c.Reader.Read(into)
	c.read += int64(n)
	return n, err
}

// unpacker reads a hostile archive within limits.
type unpacker struct {
	packed *counting
	tar    *tar.Reader
	limits Limits
	names  names
	files  []File
	total  int64
}

// readArchive reads a bundle file.
func readArchive(path string, limits Limits, reads *load.Reads) ([]File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, unreadable(path, err)
	}
	if !info.Mode().IsRegular() {
		return nil, refuse(Unreadable, path, "a bundle must be a regular file", "name a .tar.gz file")
	}
	packed, err := readRegular(path, limits.Total, reads)
	if err != nil {
		return nil, err
	}
	files, err := unpack(bytes.NewReader(packed), limits)
	var refused *Error
	if errors.As(err, &refused) {
		refused.File = path
	}
	return files, err
}

// unpack reads a whole archive: a gzip stream that holds a tar file.
func unpack(r io.Reader, limits Limits) ([]File, error) {
	packed := &counting{Reader: r}
	unzipped, err := gzip.NewReader(packed)
	if err != nil {
		return nil, archiveError("the file is no gzip archive: %s", err)
	}
	u := &unpacker{packed: packed, limits: limits, names: names{}}
	u.tar = tar.NewReader(&bounded{unzipped, u})
	entries := 0
	for {
		header, err := u.tar.Next()
		if err == io.EOF {
			return u.files, u.rest(unzipped)
		}
		if err != nil {
			return nil, broken(err)
		}
		if entries++; entries > limits.Entries {
			return nil, archiveError("the archive holds more than %d entries", limits.Entries)
		}
		if err := u.entry(header); err != nil {
			return nil, err
		}
	}
}

func (u *unpacker) entry(header *tar.Header) error {
	switch header.Typeflag {
	case tar.TypeXGlobalHeader: // `git archive` writes one; it holds no file
		return nil
	case tar.TypeReg, tar.TypeDir:
	default:
		return archiveError("`%s` is %s: only regular files are allowed", model.Short(header.Name), kind(header.Typeflag))
	}
	for key := range header.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse") {
			return archiveError("`%s` is a sparse file: only regular files are allowed", model.Short(header.Name))
		}
	}
	path, err := cleanName(header.Name, header.Typeflag == tar.TypeDir)
	if err != nil || path == "" {
		return err
	}
	if err := u.names.add(path, header.Typeflag == tar.TypeDir); err != nil || header.Typeflag == tar.TypeDir {
		return err
	}
	if header.Size > u.limits.File {
		return archiveError("`%s` is larger than %d MiB", model.Short(path), u.limits.File>>20)
	}
	var data bytes.Buffer
	if _, err := io.Copy(&data, u.tar); err != nil {
		return broken(err)
	}
	u.files = append(u.files, File{path, data.Bytes()})
	return nil
}

// rest reads to the end, where gzip's checksum is, and refuses anything that hides behind the archive.
func (u *unpacker) rest(unzipped io.Reader) error {
	rest := &bounded{unzipped, u}
	block := make([]byte, 32<<10)
	for {
		n, err := rest.Read(block)
		if len(bytes.Trim(block[:n], "\x00")) > 0 {
			return archiveError("there is data after the end of the archive")
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return broken(err)
		}
	}
}

// bounded stops unpacking as soon as a limit is passed, long before a bomb has gone off.
type bounded struct {
	io.Reader
	u *unpacker
}

func (b *bounded) Read(into []byte) (int, error) {
	n, err := b.Reader.Read(into)
	u := b.u
	u.total += int64(n)
	if u.total > u.limits.Total {
		return n, archiveError("the archive unpacks to more than %d MiB", u.limits.Total>>20)
	}
	if u.total > u.limits.Slack && u.total > u.limits.Ratio*u.packed.read {
		return n, archiveError("the archive unpacks to more than %d times its size", u.limits.Ratio)
	}
	return n, err
}

func broken(err error) error {
	var refused *Error
	if errors.As(err, &refused) {
		return refused
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return archiveError("the archive is cut short")
	}
	return archiveError("the archive is damaged: %s", err)
}

func kind(flag byte) string {
	switch flag {
	case tar.TypeLink:
		return "a hard link"
	case tar.TypeSymlink:
		return "a symbolic link"
	case tar.TypeChar, tar.TypeBlock:
		return "a device"
	case tar.TypeFifo:
		return "a named pipe"
	case tar.TypeGNUSparse:
		return "a sparse file"
	}
	return fmt.Sprintf("of type %q", flag)
}
