package results

import (
	"bufio"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// Digest is that of all that something depends on.
type Digest = [sha256.Size]byte

// magic begins every file; what another version has written begins with something else.
const magic = "attest results 1\n"

const (
	headBytes  = sha256.Size + 4          // of an entry: its key, and the length of its value
	entryBytes = headBytes + sha256.Size  // and the seal of both after the value
	maxValue   = 16 << 20                 // of one value; longer ones are not kept
	fileHead   = len(magic) + sha256.Size // what the file is, and of which run
	maxEntries = 1 << 20                  // of one file
)

// Store holds the results of a run. Get and Put may be called from many goroutines at a time.
type Store struct {
	folder *Folder
	secret Secret
	run    Digest   // sealed
	old    *os.File // nil where there is none
	held   map[Digest]place

	mu      sync.Mutex
	used    map[Digest]bool
	name    string // of the partial file
	next    *os.File
	writer  *bufio.Writer
	written int64
	failed  bool // the disk is full, or the like: nothing is kept of this run
}

// place is where the value of an entry stands in the old file.
type place struct {
	offset int64
	length int
}

// Store opens the results of a run, by the digest of what all of them share. What is damaged, or sealed with another secret, is
// not there.
func (f *Folder) Store(run Digest, secret Secret) *Store {
	s := &Store{folder: f, secret: secret, run: secret.seal(run[:]), held: map[Digest]place{}, used: map[Digest]bool{}}
	file, size := f.own(s.file())
	if file == nil {
		return s
	}
	s.old = file
	s.index(bufio.NewReaderSize(file, 1<<20), size)
	return s
}

// own opens a file of the folder that nobody else could have written; nil where there is none.
func (f *Folder) own(name string) (file *os.File, size int64) {
	named, err := f.root.Lstat(name) // a link is followed within the folder
	if err != nil || !named.Mode().IsRegular() {
		return nil, 0
	}
	file, err = f.root.OpenFile(name, os.O_RDONLY|noFollow, 0)
	if err != nil {
		return nil, 0
	}
	info, err := file.Stat()
	if err != nil || !os.SameFile(named, info) || !alone(info) || trusted(name, info, open) != nil || info.Size() > f.max {
		_ = file.Close() // it was only opened to be looked at
		return nil, 0
	}
	return file, info.Size()
}

func (s *Store) file() string { return hex.EncodeToString(s.run[:]) + ending }

// index finds the entries of the old file, up to where it makes no sense. Their values are looked at when they are asked for.
func (s *Store) index(in *bufio.Reader, size int64) {
	var head [fileHead]byte
	if _, err := io.ReadFull(in, head[:]); err != nil || string(head[:len(magic)]) != magic || Digest(head[len(magic):]) != s.run {
		return
	}
	var entry [headBytes]byte
	for offset := int64(fileHead); len(s.held) < maxEntries; {
		if _, err := io.ReadFull(in, entry[:]); err != nil {
			return
		}
		length := int(binary.LittleEndian.Uint32(entry[sha256.Size:]))
		if length > maxValue || offset+int64(entryBytes+length) > size {
			return
		}
		s.held[Digest(entry[:sha256.Size])] = place{offset + headBytes, length}
		if _, err := in.Discard(length + sha256.Size); err != nil {
			return
		}
		offset += int64(entryBytes + length)
	}
}

// Get is the value of a key, if it is there and whole.
func (s *Store) Get(key Digest) ([]byte, bool) {
	at, known := s.held[key]
	if !known {
		return nil, false
	}
	value := make([]byte, at.length+sha256.Size)
	if _, err := s.old.ReadAt(value, at.offset); err != nil {
		return nil, false
	}
	value, sum := value[:at.length], value[at.length:]
	if sealed := s.sum(key, value); !hmac.Equal(sealed[:], sum) {
		return nil, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used[key] = true
	return value, true
}

// sum binds a value to its key and to its run: what was moved from elsewhere has another one.
func (s *Store) sum(key Digest, value []byte) Digest { return s.secret.seal(s.run[:], key[:], value) }

// Put keeps a value. What can't be written is not kept; the run goes on.
func (s *Store) Put(key Digest, value []byte) {
	sum := s.sum(key, value)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.append(key, value, sum[:])
}

func (s *Store) append(key Digest, value, sum []byte) {
	size := int64(entryBytes + len(value))
	if s.failed || len(value) > maxValue || int64(fileHead)+s.written+size > s.folder.max || !s.begun() {
		return
	}
	var head [headBytes]byte
	copy(head[:], key[:])
	binary.LittleEndian.PutUint32(head[sha256.Size:], uint32(len(value)))
	for _, part := range [][]byte{head[:], value, sum} {
		if _, err := s.writer.Write(part); err != nil {
			s.failed = true
			return
		}
	}
	s.written += size
	s.used[key] = false // it is in the new file already
}

// begun makes the partial file at the first need.
func (s *Store) begun() bool {
	if s.next != nil {
		return true
	}
	s.name = fmt.Sprintf(".%s-%s%s", hex.EncodeToString(s.run[:4]), rand.Text(), partial)
	file, err := s.folder.root.OpenFile(s.name, os.O_WRONLY|os.O_CREATE|os.O_EXCL|noFollow, 0o600)
	if err != nil {
		s.failed = true
		return false
	}
	s.next, s.writer = file, bufio.NewWriterSize(file, 1<<18)
	_, err = s.writer.WriteString(magic + string(s.run[:]))
	s.failed = err != nil
	return !s.failed
}

// Close puts the new results into the place of the old ones, with those of them that there is room for: first those that
// were used. Without new ones it notes that the old ones were of use.
func (s *Store) Close() {
	if s.old != nil {
		defer s.old.Close()
	}
	if s.next == nil {
		if s.old != nil && !s.failed {
			now := time.Now()
			_ = s.folder.root.Chtimes(s.file(), now, now) // else it is the first to go
		}
		return
	}
	s.carry(true)
	s.carry(false)
	failed := errors.Join(s.writer.Flush(), s.next.Close())
	if failed == nil && !s.failed {
		failed = s.folder.root.Rename(s.name, s.file())
	}
	if failed != nil || s.failed {
		_ = s.folder.root.Remove(s.name) // nothing is lost but time
	}
	s.folder.prune()
}

// carry takes old entries over: those that were used in this run, or the others.
func (s *Store) carry(used bool) {
	for key, at := range s.held {
		if was, known := s.used[key]; was != used || known && !was {
			continue // it is of the other kind, or was written anew
		}
		value := make([]byte, at.length+sha256.Size)
		if _, err := s.old.ReadAt(value, at.offset); err != nil {
			continue
		}
		value, sum := value[:at.length], value[at.length:]
		if sealed := s.sum(key, value); hmac.Equal(sealed[:], sum) {
			s.append(key, value, sum)
		}
	}
}
