package bundle

import (
	"bytes"
	"encoding/json"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gobwas/glob"
	opa "github.com/open-policy-agent/opa/v1/bundle"
	"github.com/open-policy-agent/opa/v1/util"

	"attest.continuu.ms/engine/internal/constraint/gatekeeper"
	"attest.continuu.ms/engine/internal/load"
	"attest.continuu.ms/engine/internal/model"
	"attest.continuu.ms/engine/internal/rego"
)

// BuildParams are those of the method `bundle/build` (engine/README.md).
type BuildParams struct {
	Paths    []string `json:"paths"`
	Output   string   `json:"output"`
	Revision string   `json:"revision"`
}

// builder gathers what goes into a bundle.
type builder struct {
	params   BuildParams
	files    []File
	data     map[string]any
	manifest opa.Manifest
	stated   bool // a source has a manifest of its own
	taken    map[string]string
	problems []model.Problem
}

// Build writes the policies, Gatekeeper objects and data below the paths as one bundle. Tests, examples
// and other files stay out. Problems that are errors mean that nothing was written.
func Build(params BuildParams) (*Bundle, []model.Problem) {
	b := &builder{params: params, data: map[string]any{}, taken: map[string]string{}}
	for _, root := range params.Paths {
		b.source(root)
	}
	if model.HasErrors(b.problems) {
		return nil, b.problems
	}
	if len(b.files) == 0 && len(b.data) == 0 {
		b.fail(refuse(Content, strings.Join(params.Paths, ", "), "there is no policy to build a bundle of", "name files or folders with Rego or Gatekeeper templates"))
		return nil, b.problems
	}
	built, err := b.finish()
	if err != nil {
		b.fail(err)
	}
	return built, b.problems
}

func (b *builder) finish() (*Bundle, error) {
	b.versions()
	if model.HasErrors(b.problems) {
		return nil, nil
	}
	if b.params.Revision != "" {
		b.manifest.Revision = b.params.Revision
	}
	b.manifest.Init()
	for name, value := range map[string]any{dataFile: b.data, manifestFile: b.manifest} {
		raw, err := json.Marshal(value)
		if err != nil {
			return nil, err
		}
		b.files = append(b.files, File{name, append(raw, '\n')})
	}
	raw, err := pack(b.files)
	if err != nil {
		return nil, err
	}
	// What is written must be what can be read: the same checks as for anybody else's bundle.
	if err := b.proves(raw); err != nil {
		return nil, err
	}
	if err := save(b.params.Output, raw); err != nil {
		return nil, err
	}
	return Open(b.params.Output, nil, nil)
}

func (b *builder) proves(raw []byte) error {
	files, err := unpack(bytes.NewReader(raw), DefaultLimits)
	if err != nil {
		return err
	}
	made := &Bundle{Path: b.params.Output, Files: files}
	if err := made.readManifest(); err != nil {
		return err
	}
	b.problems = append(b.problems, made.OutsideRoots(made.Modules(true))...)
	if model.HasErrors(b.problems) {
		return refuse(Content, b.params.Output, "the bundle was not written", "")
	}
	return made.Data(func(string, map[string]any) error { return nil })
}

// source takes one path of the command line.
func (b *builder) source(root string) {
	info, err := os.Stat(root)
	if err != nil {
		b.fail(unreadable(root, err))
		return
	}
	if !info.IsDir() {
		b.single(root)
		return
	}
	files, err := readPlain(root)
	if err != nil {
		b.fail(located(err, root))
		return
	}
	prefix := ""
	if len(b.params.Paths) > 1 {
		full, _ := filepath.Abs(root) // a relative path was just read, so it has one
		prefix = filepath.Base(full)
	}
	for _, file := range files {
		b.add(filepath.Join(root, filepath.FromSlash(file.Path)), file, prefix)
	}
}

// single takes a file that was named itself.
func (b *builder) single(name string) {
	data, err := readRegular(name, DefaultLimits.File, nil)
	if err != nil {
		b.fail(err)
		return
	}
	b.add(name, File{filepath.Base(name), data}, "")
}

func (b *builder) add(from string, file File, prefix string) {
	name := path.Base(file.Path)
	switch {
	case file.Path == manifestFile:
		b.takeManifest(from, file)
	case name == manifestProtoFile, name == signaturesFile, strings.HasSuffix(name, "_test.rego"):
	case opa.IsStructuredDoc(name):
		b.takeData(from, file)
	case strings.HasSuffix(name, opa.RegoExt), isManifest(name) && b.isGatekeeper(from, file):
		b.place(from, File{path.Join(prefix, file.Path), file.Data})
	}
}

func (b *builder) place(from string, file File) {
	if other, taken := b.taken[file.Path]; taken {
		b.fail(refuse(Content, from, "`"+other+"` would have the same place in the bundle, `"+file.Path+"`", "rename one of them"))
		return
	}
	b.taken[file.Path] = from
	b.files = append(b.files, file)
}

func (b *builder) takeManifest(from string, file File) {
	if b.stated || len(b.params.Paths) > 1 {
		b.fail(refuse(Content, from, "a folder with a manifest can't be joined with other paths", "build it alone, or remove the manifest"))
		return
	}
	b.stated = true
	if err := decodeManifest(file, &b.manifest); err != nil {
		b.fail(refuse(Content, from, "the manifest can't be read: "+model.Short(err.Error()), "write it as JSON"))
	}
}

func (b *builder) takeData(from string, file File) {
	var document any
	if err := util.Unmarshal(file.Data, &document); err != nil {
		b.fail(refuse(Content, from, "the data is neither JSON nor YAML", "mend the file"))
		return
	}
	object, ok := under(path.Dir(file.Path), document).(map[string]any)
	if !ok {
		b.fail(refuse(Content, from, "the top of a data document must be an object", "write `name: value` pairs"))
		return
	}
	if key := merge(b.data, object, ""); key != "" {
		b.fail(refuse(Content, from, "`data."+key+"` is already defined by another file", "give one of the two another name"))
	}
}

// isGatekeeper tells templates and constraints from examples; a file that can't be read may hold one.
func (b *builder) isGatekeeper(from string, file File) bool {
	read := load.Read(load.Source{Path: from, Text: append([]byte{}, file.Data...)}, load.DefaultLimits)
	b.problems = append(b.problems, read.Problems...)
	return slices.ContainsFunc(read.Documents, func(d *load.Document) bool {
		native, ok := d.Native().(map[string]any)
		return ok && gatekeeper.IsGatekeeper(native)
	})
}

// versions states in the manifest which files are not what the rest is: OPA reads v1 unless told.
func (b *builder) versions() {
	if b.manifest.RegoVersion != nil || len(b.manifest.FileRegoVersions) > 0 {
		return
	}
	old := map[string]int{}
	for _, file := range b.files {
		if !strings.HasSuffix(file.Path, opa.RegoExt) {
			continue
		}
		from := b.taken[file.Path]
		parsed, problems := rego.Parse(rego.Source{File: from, Text: string(file.Data)})
		b.problems = append(b.problems, problems...)
		if parsed == nil || parsed.Dialect == rego.V1 {
			continue
		}
		old[glob.QuoteMeta("/"+file.Path)] = 0
		if parsed.Dialect == rego.V0In {
			b.problems = append(b.problems, model.Problem{
				Severity: model.Warning, Code: "rego_v0", File: from, Line: parsed.Module.Package.Location.Row, Column: 1,
				Message: "the file uses `in` without importing it: `opa` itself will refuse it",
				Hint:    "add `import future.keywords.in`",
			})
		}
	}
	one := 1
	b.manifest.RegoVersion = &one
	if len(old) > 0 {
		b.manifest.FileRegoVersions = old
	}
}

func (b *builder) fail(err error) { b.problems = append(b.problems, Problem(err)) }

// merge joins objects and returns the first key that both hold with different shapes.
func merge(into, from map[string]any, at string) string {
	for _, key := range util.KeysSorted(from) {
		old, taken := into[key]
		if !taken {
			into[key] = from[key]
			continue
		}
		a, isObject := old.(map[string]any)
		b, areObjects := from[key].(map[string]any)
		if !isObject || !areObjects {
			return at + key
		}
		if clash := merge(a, b, at+key+"."); clash != "" {
			return clash
		}
	}
	return ""
}
