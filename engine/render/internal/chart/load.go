package chart

import (
	"bytes"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"helm.sh/helm/v4/pkg/chart/loader/archive"
	helm "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/ignore"

	"attest.continuu.ms/render/internal/answer"
	"attest.continuu.ms/render/internal/rooted"
)

// maxNesting is how deep charts lie in one another.
const maxNesting = 20

// loaded is a chart with the file that each piece of it comes from.
type loaded struct {
	chart *helm.Chart
	files *rooted.FS
	from  map[*byte]source
}

// source is where the content of a file of a chart lies: in itself, or in an archive.
type source struct {
	path     string // of the file, or of the archive
	archived bool
}

// load reads a chart from its folder as Helm does, but for what lies outside of the root.
func load(files *rooted.FS, folder string) (*loaded, error) {
	l := &loaded{files: files, from: map[*byte]source{}}
	rules, err := l.rules(folder)
	if err != nil {
		return nil, &answer.Error{Message: "`.helmignore` can't be used: " + err.Error(), File: filepath.Join(folder, ignore.HelmIgnore), Line: 1}
	}
	found, err := l.folder(folder, "", rules, map[string]bool{})
	if err != nil {
		return nil, err
	}
	if l.chart, err = loader.LoadFiles(found); err != nil {
		return nil, &answer.Error{Message: err.Error(), File: filepath.Join(folder, "Chart.yaml"), Line: 1}
	}
	return l, nil
}

func (l *loaded) rules(folder string) (*ignore.Rules, error) {
	rules := ignore.Empty()
	if file := filepath.Join(folder, ignore.HelmIgnore); l.files.Exists(file) {
		content, err := l.files.ReadFile(file)
		if err == nil {
			rules, err = ignore.Parse(bytes.NewReader(content))
		}
		if err != nil {
			return nil, err
		}
	}
	rules.AddDefaults()
	return rules, nil
}

// folder reads all that Helm would: name is the path of the folder in the chart. Links are followed; entered are the
// folders on the way, so that they don't lead round in circles.
func (l *loaded) folder(folder, name string, rules *ignore.Rules, entered map[string]bool) ([]*archive.BufferedFile, error) {
	real, err := l.files.Resolve(folder)
	if err != nil {
		return nil, refused(folder, err)
	}
	if entered[real] {
		return nil, refused(folder, fmt.Errorf("the link leads back to a folder that it is in"))
	}
	entered[real] = true
	defer delete(entered, real)
	names, err := l.files.ReadDir(real)
	if err != nil {
		return nil, refused(folder, err)
	}
	var found []*archive.BufferedFile
	for _, one := range names {
		more, err := l.entry(filepath.Join(folder, one), path.Join(name, one), rules, entered)
		if err != nil {
			return nil, err
		}
		found = append(found, more...)
	}
	return found, nil
}

func (l *loaded) entry(file, name string, rules *ignore.Rules, entered map[string]bool) ([]*archive.BufferedFile, error) {
	own, err := os.Lstat(file)
	if err != nil || own.Mode()&os.ModeSymlink == 0 && rules.Ignore(name, own) {
		return nil, err
	}
	real, err := l.files.Resolve(file)
	if err != nil {
		return nil, refused(file, err)
	}
	info, err := os.Stat(real)
	if err != nil {
		return nil, refused(file, err)
	}
	if rules.Ignore(name, info) {
		return nil, nil
	}
	if info.IsDir() {
		return l.folder(file, name, rules, entered)
	}
	content, err := l.files.ReadFile(real)
	if err != nil {
		return nil, refused(file, err)
	}
	if isDependency(name) {
		return l.archive(real, name, content, 1)
	}
	return []*archive.BufferedFile{l.keep(name, content, source{path: real})}, nil
}

// isDependency says whether a file is the archive of a chart that this one depends on.
func isDependency(name string) bool {
	return path.Dir(name) == "charts" && path.Ext(name) == ".tgz" && strings.IndexAny(path.Base(name), "_.") != 0
}

// archive unpacks a dependency into a folder of its name, as if it had never been packed: what is in it counts as read.
func (l *loaded) archive(file, name string, content []byte, depth int) ([]*archive.BufferedFile, error) {
	if depth > maxNesting {
		return nil, refused(file, fmt.Errorf("charts are packed into one another more than %d times", maxNesting))
	}
	unpacked, err := archive.LoadArchiveFiles(bytes.NewReader(content))
	if err != nil {
		return nil, refused(file, err)
	}
	var found []*archive.BufferedFile
	for _, one := range unpacked {
		if err := l.files.Spend(1, int64(len(one.Data))); err != nil {
			return nil, refused(file, err)
		}
		inner := path.Join(strings.TrimSuffix(name, ".tgz"), one.Name)
		if isDependency(one.Name) {
			more, err := l.archive(file, inner, one.Data, depth+1)
			if err != nil {
				return nil, err
			}
			found = append(found, more...)
			continue
		}
		found = append(found, l.keep(inner, one.Data, source{path: file, archived: true}))
	}
	return found, nil
}

// keep remembers where a content comes from: Helm hands it on as it is, whatever becomes of the name.
func (l *loaded) keep(name string, content []byte, from source) *archive.BufferedFile {
	data := bytes.TrimPrefix(content, []byte("\xef\xbb\xbf"))
	if len(data) > 0 {
		l.from[&data[0]] = from
	}
	return &archive.BufferedFile{Name: name, Data: data}
}

func refused(file string, err error) error {
	return &answer.Error{Message: "the chart can't be read: " + err.Error(), File: file, Line: 1}
}
