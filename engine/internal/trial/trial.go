// Package trial holds what tests of several packages need; nothing but tests imports it.
package trial

import (
	"math/rand"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"testing"
	"testing/quick"
	"time"
)

// A template and a constraint of it, which has a violation for every Pod: `no`.
const (
	Template = `apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata: {name: k8sno}
spec:
  crd: {spec: {names: {kind: K8sNo}}}
  targets:
  - target: admission.k8s.gatekeeper.sh
    rego: |
      package k8sno
      violation[{"msg": "no"}] { input.review.object.kind == "Pod" }
`
	Constraint = "apiVersion: constraints.gatekeeper.sh/v1beta1\nkind: K8sNo\nmetadata: {name: none}\n"
)

// Files writes files below a folder, by path.
func Files(t testing.TB, root string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// Folder is a new folder with files, by path.
func Folder(t testing.TB, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	Files(t, root, files)
	return root
}

// File is a new file.
func File(t testing.TB, name, text string) string {
	t.Helper()
	return filepath.Join(Folder(t, map[string]string{name: text}), name)
}

// Main runs the tests of a package that makes as much garbage as the engine does, and collects it nearly as rarely.
func Main(m *testing.M) {
	debug.SetGCPercent(400)
	debug.SetMemoryLimit(1 << 30)
	m.Run()
}

// Seed is what a test draws its random cases from: the same in every run, so that a test that passed passes again.
// ATTEST_SEED sets another; `random` one of this moment's, which is logged.
func Seed(t testing.TB) uint64 {
	t.Helper()
	given := os.Getenv("ATTEST_SEED")
	if given == "" {
		return 1
	}
	seed, err := strconv.ParseUint(given, 10, 64)
	if given == "random" {
		seed, err = uint64(time.Now().UnixNano()), nil
	}
	if err != nil {
		t.Fatalf("ATTEST_SEED: a number, or `random`: %s", err)
	}
	t.Logf("ATTEST_SEED=%d", seed)
	return seed
}

// Law holds a function that answers with a bool to true, on as many random arguments (100 where none is given).
func Law(t testing.TB, law any, arguments ...int) {
	t.Helper()
	config := quick.Config{Rand: rand.New(rand.NewSource(int64(Seed(t))))} //nolint:gosec // a test wants variety, not secrets
	for _, count := range arguments {
		config.MaxCount = count
	}
	if err := quick.Check(law, &config); err != nil {
		t.Error(err)
	}
}
