package rego

import (
	"bytes"
	"cmp"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/model"

	"attest.continuu.ms/engine/internal/trial"
)

// The judge is `opa check`: what a policy set takes must compile there in the mode that it is read in here.

// taken is a mutation that a policy set takes.
type taken struct {
	original
	dialect string
}

// takes reads and compiles a text with its helpers as a policy set does; false where it would be refused.
func takes(t *testing.T, o original) (taken, bool) {
	t.Helper()
	parsed, _ := Parse(Source{File: o.file, Text: o.text})
	if parsed == nil {
		return taken{}, false
	}
	modules := []Module{{Source: parsed.Source, Library: o.library}}
	for _, helper := range o.beside {
		modules = append(modules, Module{Source: helper, Library: true})
	}
	_, problems := Compile(t.Context(), modules, Options{Print: true}) // else calls of print are dropped unread, as OPA does
	return taken{o, parsed.Dialect}, !model.HasErrors(problems)
}

// inItsMode is a text as OPA reads it in the mode of its dialect.
func inItsMode(dialect, text string) string {
	if dialect == V0In {
		return packageLine.ReplaceAllString(text, "$0\nimport future.keywords.in")
	}
	return text
}

func modeOf(dialect string) ast.RegoVersion {
	if dialect == V1 {
		return ast.RegoV1
	}
	return ast.RegoV0
}

// opaCheck compiles as `opa check` does, with OPA's own library; helpers are read once.
type opaCheck struct{ helpers map[string]*ast.Module }

func (c opaCheck) refuses(one taken) error {
	module, err := readByOPA(one.dialect, one.text)
	if err != nil {
		return err
	}
	modules := map[string]*ast.Module{one.file: module}
	for _, helper := range one.beside {
		if c.helpers[helper.File] == nil {
			parsed, _ := Parse(helper)
			c.helpers[helper.File] = parsed.Module
		}
		modules[helper.File] = c.helpers[helper.File]
	}
	version := modeOf(one.dialect)
	compiler := ast.NewCompiler().WithDefaultRegoVersion(version).WithEnablePrintStatements(true).WithUseTypeCheckAnnotations(true).
		WithCapabilities(ast.CapabilitiesForThisVersion(ast.CapabilitiesRegoVersion(version)))
	if compiler.Compile(modules); compiler.Failed() {
		return compiler.Errors
	}
	return nil
}

// named gives a policy a package of its own, unless other files share its package: then one process can be asked of many.
func named(o original, number int) original {
	line := packageLine.FindString(o.text)
	o.shared = o.library || slices.ContainsFunc(o.beside, func(helper Source) bool { return packageLine.FindString(helper.Text) == line })
	if !o.shared {
		own := fmt.Sprintf("package m%d.%s", number, strings.TrimPrefix(line, "package "))
		o.text = strings.Replace(o.text, line, own, 1)
	}
	return o
}

func TestWhatIsTakenCompilesInOPA(t *testing.T) {
	seed, count := trial.Seed(t), 300
	if !testing.Short() {
		count = 5000
	}
	random := rand.New(rand.NewPCG(seed, 0))
	policies, opa := originals(t), opaCheck{map[string]*ast.Module{}}
	var all []taken
	for i := range count {
		mutated := named(policies[random.IntN(len(policies))], i)
		mutated.text = mutate(random, mutated.text)
		one, accepted := takes(t, mutated)
		if !accepted {
			continue
		}
		if err := opa.refuses(one); err != nil {
			t.Errorf("taken as %s, and not so by OPA: %v\n%s", one.dialect, err, one.text)
		}
		all = append(all, one)
	}
	t.Logf("of %d mutations of %d policies %d were taken", count, len(policies), len(all))
	if len(all) < count/10 {
		t.Error("too few to prove anything")
	}
	askBinary(t, all)
}

// askBinary asks the real `opa check`, a process a mode, but for policies whose package is other files', too.
func askBinary(t *testing.T, all []taken) {
	home, _ := os.UserHomeDir()
	opa := filepath.Join(cmp.Or(os.Getenv("PEERS_BIN"), filepath.Join(home, ".cache", "attest-peers", "bin")), "opa")
	if _, err := os.Stat(opa); err != nil {
		t.Skipf("SKIPPED LOUDLY: no opa at %s; `../shared/peers/build opa` makes it", opa)
	}
	for flag, version := range map[string]ast.RegoVersion{"--v1-compatible": ast.RegoV1, "--v0-compatible": ast.RegoV0} {
		files := written(t, all, version)
		out, err := exec.Command(opa, "check", flag, files).CombinedOutput()
		if err != nil {
			t.Errorf("opa check %s: %v\n%s", flag, err, bytes.TrimSpace(out))
		}
	}
}

// written puts the policies of a mode in a folder, each helper once, and returns it.
func written(t *testing.T, all []taken, version ast.RegoVersion) string {
	folder, known := t.TempDir(), map[string]bool{}
	put := func(text string) {
		if !known[text] {
			name := filepath.Join(folder, fmt.Sprintf("%d.rego", len(known)))
			if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			known[text] = true
		}
	}
	for _, one := range all {
		if one.shared || modeOf(one.dialect) != version {
			continue
		}
		put(inItsMode(one.dialect, one.text))
		for _, helper := range one.beside {
			put(helper.Text)
		}
	}
	t.Logf("%d files for the binary", len(known))
	return folder
}
