// Package trial holds what tests of several packages need; nothing but tests imports it.
package trial

import (
	"os"
	"path/filepath"
	"runtime/debug"
	"testing"
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
