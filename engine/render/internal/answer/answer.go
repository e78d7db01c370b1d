// Package answer holds what crosses the boundary of the process: one request on standard input, one answer on standard
// output, both JSON (engine/README.md, "attest-render").
package answer

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Request asks for one rendering.
type Request struct {
	Folder string `json:"folder"` // of the chart or the kustomization: absolute, without links
	Root   string `json:"root"`   // nothing outside of it is read: absolute, without links
	Tool   string `json:"tool"`   // helm or kustomize
	Chart  Chart  `json:"chart"`
	Limits Limits `json:"limits"`
}

// Chart says how a chart is rendered, as the flags of `helm template` do.
type Chart struct {
	Release     string   `json:"release"`
	Namespace   string   `json:"namespace"`
	Values      []Values `json:"values"` // files, the later wins
	Set         []string `json:"set"`    // `key=value`, after the files
	KubeVersion string   `json:"kubeVersion"`
	APIVersions []string `json:"apiVersions"`
}

// Values are those of a file, which whoever asks has read.
type Values struct {
	File string `json:"file"` // for messages
	Text string `json:"text"`
}

// Limits bound what a rendering may cost. Time is the business of whoever started the process.
type Limits struct {
	Memory int64 `json:"memory"` // bytes of the heap
	Output int64 `json:"output"` // bytes of all that is rendered
	Files  int   `json:"files"`  // that are read
	Bytes  int64 `json:"bytes"`  // of these files together, unpacked
}

// Answer is what a folder renders to, or why it does not.
type Answer struct {
	Documents []Document `json:"documents"`
	Files     []string   `json:"files"`     // that places index: absolute
	Templates []string   `json:"templates"` // files that hold nothing, read as manifests, but what they render to: absolute
	Bases     []string   `json:"bases"`     // files all of whose resources are among the rendered ones, changed or not: absolute
	Patches   []string   `json:"patches"`   // files of patches that were applied: absolute
	Read      []string   `json:"read"`      // folders of charts and kustomizations that took part: absolute
	Error     *Error     `json:"error,omitempty"`
}

// Document is a text of one or more YAML documents that come from one place.
type Document struct {
	Text string `json:"text"`
	// Places are four numbers for each line of the text: the index of a file, the line of it that made this one (0 where only
	// the file is known), and the columns at which what stands there begins and ends. The first of them is negative where
	// that is the very text of the line.
	Places []int `json:"places"`
	// Elements are such places of list elements that share their first line with a value that came from elsewhere, by their
	// path as a JSON pointer.
	Elements map[string][]int `json:"elements,omitempty"`
}

// Error is what kept a folder from being rendered.
type Error struct {
	Message string `json:"message"`
	File    string `json:"file"`
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Hint    string `json:"hint"`
}

func (e *Error) Error() string { return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Message) }

// Place is a line of a file; Line is 0 where only the file is known.
type Place struct {
	File string
	Line int
}

// Add appends a text with the place of each of its lines, and of list elements by their path; lines gives those of a file.
func (a *Answer) Add(text string, places []Place, elements map[string]Place, lines func(file string) []string) {
	own := strings.Split(text, "\n")
	made := Document{Text: text, Places: make([]int, 0, 4*len(own))}
	for i, place := range places {
		made.Places = append(made.Places, a.numbers(place, own[i], lines)...)
	}
	for path, place := range elements {
		if made.Elements == nil {
			made.Elements = map[string][]int{}
		}
		made.Elements[path] = a.numbers(place, "", lines)
	}
	a.Documents = append(a.Documents, made)
}

func (a *Answer) numbers(place Place, rendered string, lines func(file string) []string) []int {
	begin, end := 1, 1
	if source := lines(place.File); place.Line > 0 && place.Line <= len(source) {
		begin, end = span(source[place.Line-1], rendered)
	}
	return []int{a.index(place.File), place.Line, begin, end}
}

// span are the columns of what stands on a line, the first one negative where the other line says the same.
func span(line, other string) (begin, end int) {
	content := strings.TrimSpace(line)
	begin = utf8.RuneCountInString(line[:len(line)-len(strings.TrimLeft(line, " \t"))]) + 1
	end = begin + utf8.RuneCountInString(content)
	if content == strings.TrimSpace(other) {
		begin = -begin
	}
	return begin, end
}

func (a *Answer) index(file string) int {
	for i := len(a.Files) - 1; i >= 0; i-- {
		if a.Files[i] == file {
			return i
		}
	}
	a.Files = append(a.Files, file)
	return len(a.Files) - 1
}

// Size is the bytes of all that was rendered.
func (a *Answer) Size() (total int64) {
	for _, document := range a.Documents {
		total += int64(len(document.Text))
	}
	return total
}

var lineWord = regexp.MustCompile(`line (\d+)`)

// LineIn is the line that an error of a library speaks of, the first where it speaks of none.
func LineIn(err error) int {
	if found := lineWord.FindStringSubmatch(err.Error()); found != nil {
		line, _ := strconv.Atoi(found[1])
		return line
	}
	return 1
}
