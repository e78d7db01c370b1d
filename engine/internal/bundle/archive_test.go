package bundle

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestHostileArchivesAreRefused(t *testing.T) {
	link := func(kind byte) *tar.Header { return &tar.Header{Name: "a", Typeflag: kind, Linkname: "/etc/passwd"} }
	folder := func(name string) *tar.Header { return &tar.Header{Name: name, Typeflag: tar.TypeDir} }
	cases := map[string]struct {
		entries []*tar.Header
		message string
	}{
		"a parent":                  {[]*tar.Header{file("../a")}, "leads out"},
		"a parent within":           {[]*tar.Header{file("a/../../b")}, "leads out"},
		"a parent after the root":   {[]*tar.Header{file("/../a")}, "leads out"},
		"a parent of a folder":      {[]*tar.Header{folder("a/..")}, "leads out"},
		"two slashes":               {[]*tar.Header{file("//etc/passwd")}, "absolute"},
		"a drive":                   {[]*tar.Header{file("C:/a")}, "absolute"},
		"backslashes":               {[]*tar.Header{file(`a\..\b`)}, "must not hold"},
		"a control character":       {[]*tar.Header{file("a\nb")}, "must not hold"},
		"text from right to left":   {[]*tar.Header{file("a\u202eoger.b")}, "must not hold"},
		"bytes that are no text":    {[]*tar.Header{file("a\xff")}, "must not hold"},
		"a dot within":              {[]*tar.Header{file("a/./b")}, "no plain path"},
		"an empty part":             {[]*tar.Header{file("a//b")}, "no plain path"},
		"a name without end":        {[]*tar.Header{file(strings.Repeat("a", 2000))}, "too long"},
		"a deep name":               {[]*tar.Header{file(strings.Repeat("a/", 40) + "b")}, "too deep"},
		"a symbolic link":           {[]*tar.Header{link(tar.TypeSymlink)}, "symbolic link"},
		"a hard link":               {[]*tar.Header{link(tar.TypeLink)}, "hard link"},
		"a character device":        {[]*tar.Header{link(tar.TypeChar)}, "device"},
		"a block device":            {[]*tar.Header{link(tar.TypeBlock)}, "device"},
		"a pipe":                    {[]*tar.Header{link(tar.TypeFifo)}, "pipe"},
		"one name twice":            {[]*tar.Header{file("a"), file("a")}, "twice"},
		"one name, two notations":   {[]*tar.Header{file("a"), file("/a")}, "twice"},
		"and a third":               {[]*tar.Header{file("./a"), file("a")}, "twice"},
		"names that differ in case": {[]*tar.Header{file("data.json"), file("Data.json")}, "case"},
		"folders that do":           {[]*tar.Header{file("a/x"), file("A/y")}, "case"},
		"composed characters":       {[]*tar.Header{file("\u00e9"), file("e\u0301")}, "composed"},
		"letters that fold":         {[]*tar.Header{file("stra\u00dfe"), file("strasse")}, "case"},
		"a file that is a folder":   {[]*tar.Header{file("a"), file("a/b")}, "a file and a folder"},
		"a folder that is a file":   {[]*tar.Header{file("a/b"), file("a")}, "a file and a folder"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := unpack(bytes.NewReader(archive(t, c.entries...)), DefaultLimits)
			wants(t, err, Archive, c.message)
		})
	}
}

func TestBombsAreRefusedQuickly(t *testing.T) {
	small := Limits{File: 1 << 20, Total: 3 << 20, Entries: 10, Ratio: 200, Slack: 1 << 20}
	many := make([]*tar.Header, 11)
	for i := range many {
		many[i] = &tar.Header{Name: fmt.Sprintf("f%d", i), Typeflag: tar.TypeReg}
	}
	folders := make([]*tar.Header, 11)
	for i := range folders {
		folders[i] = &tar.Header{Name: fmt.Sprintf("f%d/", i), Typeflag: tar.TypeDir}
	}
	sized := func(n int, size int64) []*tar.Header {
		entries := make([]*tar.Header, n)
		for i := range entries {
			entries[i] = &tar.Header{Name: fmt.Sprintf("f%d", i), Typeflag: tar.TypeReg, Size: size}
		}
		return entries
	}
	wide := small
	wide.Ratio = 1 << 40
	cases := map[string]struct {
		entries []*tar.Header
		limits  Limits
		message string
	}{
		"many files":      {many, small, "more than 10 entries"},
		"many folders":    {folders, small, "more than 10 entries"},
		"one large file":  {sized(1, 2<<20), wide, "larger than 1 MiB"},
		"large in all":    {sized(8, 1<<19), wide, "more than 3 MiB"},
		"dense":           {sized(4, 1<<19), small, "200 times its size"},
		"the real limits": {sized(3, 60<<20), DefaultLimits, "200 times its size"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			raw := archive(t, c.entries...)
			start := time.Now()
			_, err := unpack(bytes.NewReader(raw), c.limits)
			wants(t, err, Archive, c.message)
			if spent := time.Since(start); spent > 5*time.Second {
				t.Errorf("refused after %s", spent)
			}
		})
	}
}

func TestWhatIsDamagedIsRefused(t *testing.T) {
	whole := archive(t, file("a"))
	zip := func(data []byte) []byte {
		var out bytes.Buffer
		w := gzip.NewWriter(&out)
		_, _ = w.Write(data)
		_ = w.Close()
		return out.Bytes()
	}
	flipped := bytes.Clone(whole)
	flipped[len(flipped)-6] ^= 1 // within gzip's checksum
	cases := map[string]struct {
		raw     []byte
		message string
	}{
		"nothing":               {nil, "no gzip"},
		"no gzip":               {[]byte("package a"), "no gzip"},
		"cut short":             {whole[:len(whole)-12], "cut short"},
		"a wrong checksum":      {flipped, "damaged"},
		"no tar":                {zip(bytes.Repeat([]byte("x"), 2048)), "damaged"},
		"a second archive":      {append(bytes.Clone(whole), whole...), "after the end"},
		"rubbish after gzip":    {append(bytes.Clone(whole), "rubbish that is long enough"...), "damaged"},
		"data behind the tar":   {append(bytes.Clone(whole), zip([]byte("x"))...), "after the end"},
		"a bomb behind the tar": {append(bytes.Clone(whole), zip(make([]byte, 80<<20))...), "200 times its size"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := unpack(bytes.NewReader(c.raw), DefaultLimits)
			wants(t, err, Archive, c.message)
		})
	}
}

func TestHonestArchivesAreRead(t *testing.T) {
	raw := archive(t, &tar.Header{Typeflag: tar.TypeXGlobalHeader, PAXRecords: map[string]string{"comment": "x"}},
		&tar.Header{Name: "./", Typeflag: tar.TypeDir}, &tar.Header{Name: "./a/", Typeflag: tar.TypeDir}, file("./a/b.rego"), file("/c"))
	files, err := unpack(bytes.NewReader(raw), DefaultLimits)
	if err != nil || len(files) != 2 || files[0].Path != "a/b.rego" || files[1].Path != "c" {
		t.Errorf("got %v, %v", files, err)
	}
}

func FuzzUnpack(f *testing.F) {
	f.Add([]byte("x"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var out bytes.Buffer
		w := gzip.NewWriter(&out)
		_, _ = w.Write(raw)
		_ = w.Close()
		files, err := unpack(&out, Limits{File: 1 << 16, Total: 1 << 20, Entries: 100, Ratio: 1 << 30, Slack: 1 << 20})
		if err != nil {
			return
		}
		for _, file := range files {
			if clean, err := cleanName(file.Path, false); err != nil || clean != file.Path {
				t.Errorf("%q was let through", file.Path)
			}
		}
	})
}
