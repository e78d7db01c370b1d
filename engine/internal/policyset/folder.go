package policyset

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/util"

	"attest.continuu.ms/engine/internal/load"
	"attest.continuu.ms/engine/internal/model"
	"attest.continuu.ms/engine/internal/rego"
)

// maxSource bounds a policy or data file: nobody writes one that large, and reading it would only
// serve whoever wants us out of memory.
const maxSource = 64 << 20

// folder is what the files of one source amount to.
type folder struct {
	tests     bool        // whether files of tests are read, too
	reads     *load.Reads // notes every file that is opened
	modules   []rego.Module
	manifests []load.Source // YAML and JSON files that may hold Gatekeeper objects
	data      map[string]any
	problems  []model.Problem
}

// readFolder reads a policy source: a file, or a folder with everything below it.
func (f *folder) readFolder(root string, library bool) {
	info, err := os.Stat(root)
	if err != nil {
		f.fail(root, "no_such_policy", pathError(err), "name a file or a folder that holds policies")
		return
	}
	if !info.IsDir() {
		f.readFile(root, filepath.Dir(root), root, library, true)
		return
	}
	walk := Walk{Visit: func(path string, err error) {
		if err != nil {
			f.fail(path, "unreadable_policy", pathError(err), "check the permissions, and where links lead")
			return
		}
		f.readFile(root, root, path, library, false)
	}}
	walk.Below(root)
}

// readShipped reads policies that make way for those of the project.
func (f *folder) readShipped(root string) {
	f.readFolder(root, false)
	for i := range f.modules {
		f.modules[i].Shipped = true
	}
}

// Modules reads Rego files, tests included, with the libraries that they may use and the policies that ship.
func Modules(files, libraries, shipped []string) ([]rego.Module, []model.Problem) {
	all := &folder{data: map[string]any{}}
	for _, path := range shipped {
		all.add(func(f *folder) { f.readShipped(path) })
	}
	for _, library := range libraries {
		all.add(func(f *folder) { f.readFolder(library, true) })
	}
	for _, file := range files {
		all.readFile("", filepath.Dir(file), file, false, true)
	}
	return all.modules, all.problems
}

// Testable is what tests are compiled with: the policies of a set with their tests, those of libraries
// included, and the data.
func Testable(params Params) ([]rego.Module, map[string]any, []model.Problem) {
	all := gather(params, true)
	for _, m := range params.Modules {
		all.modules = append(all.modules, m.module())
	}
	return all.modules, all.data, all.problems
}

// Data are the data documents below paths, as a set has them, and what is wrong with them.
func Data(paths []string) (map[string]any, []model.Problem) {
	all := gather(Params{Paths: paths}, false)
	return all.data, slices.DeleteFunc(all.problems, func(p model.Problem) bool {
		return p.Code != "data_syntax" && p.Code != "data_conflict" && p.Code != "closed_document"
	})
}

func (f *folder) readFile(origin, root, path string, library, named bool) {
	name := filepath.Base(path)
	switch {
	case strings.HasSuffix(name, "_test.rego") && !named && !f.tests:
	case strings.HasSuffix(name, ".rego"):
		if text, ok := f.text(path); ok {
			f.modules = append(f.modules, rego.Module{Source: rego.Source{File: path, Text: text}, Origin: origin, Library: library})
		}
	case name == "data.json" || name == "data.yaml" || name == "data.yml":
		f.readData(root, path)
	case hasAny(name, ".yaml", ".yml", ".json"):
		f.manifests = append(f.manifests, load.Source{Path: path})
	case named:
		f.fail(path, "not_a_policy", "the file is neither Rego (.rego) nor YAML or JSON", "name a .rego file, a Gatekeeper template, or a folder of them")
	}
}

func hasAny(name string, suffixes ...string) bool {
	for _, s := range suffixes {
		if strings.HasSuffix(name, s) {
			return true
		}
	}
	return false
}

func (f *folder) text(path string) (string, bool) {
	raw, problem := f.reads.ReadFile(path, maxSource)
	if problem != nil {
		f.fail(path, "unreadable_policy", problem.Message, problem.Hint)
		return "", false
	}
	return string(raw), true
}

// readData puts a data file at the place that its folder names, as OPA does.
func (f *folder) readData(root, path string) {
	text, ok := f.text(path)
	if !ok {
		return
	}
	var document any
	if err := util.Unmarshal([]byte(text), &document); err != nil { // keeps the digits of numbers, as bundles do
		f.fail(path, "data_syntax", model.OneLine(err.Error()), "write the document as JSON or YAML")
		return
	}
	relative, _ := filepath.Rel(root, filepath.Dir(path)) // both lie below root
	for _, key := range reversed(strings.Split(filepath.ToSlash(relative), "/")) {
		if key != "." {
			document = map[string]any{key: document}
		}
	}
	object, isObject := document.(map[string]any)
	if !isObject {
		f.fail(path, "data_syntax", "the top of a data document must be an object", "write `name: value` pairs")
		return
	}
	if key := rego.ClosedData(object); key != "" {
		f.fail(path, "closed_document", "`data."+key+"` belongs to the product: no data document may define it", rego.HintClosedData)
		return
	}
	if key := mergeInto(f.data, object, ""); key != "" {
		f.fail(path, "data_conflict", fmt.Sprintf("`data.%s` is already defined by another file", key), "give one of the two another name")
	}
}

func (f *folder) fail(path, code, message, hint string) {
	f.problems = append(f.problems, model.Problem{Severity: model.Error, Code: code, Message: message, File: path, Hint: hint})
}

// mergeInto merges objects deeply and returns the first key that both hold with different shapes.
func mergeInto(into, from map[string]any, at string) string {
	for key, value := range from {
		old, taken := into[key]
		if !taken {
			into[key] = value
			continue
		}
		oldObject, ok1 := old.(map[string]any)
		newObject, ok2 := value.(map[string]any)
		if !ok1 || !ok2 {
			return at + key
		}
		if clash := mergeInto(oldObject, newObject, at+key+"."); clash != "" {
			return clash
		}
	}
	return ""
}

func reversed(parts []string) []string {
	out := make([]string, 0, len(parts))
	for i := len(parts) - 1; i >= 0; i-- {
		out = append(out, parts[i])
	}
	return out
}

func pathError(err error) string {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err.Error()
	}
	return err.Error()
}
