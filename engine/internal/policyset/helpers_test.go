package policyset

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"

	"attest.continuu.ms/engine/internal/bundle"
)

const (
	plainRego      = "package a\nimport rego.v1\ndeny contains \"no\" if data.limits.few > input.resource.spec.replicas\n"
	otherRego      = "package b\nimport rego.v1\ndeny contains \"no\" if data.lib.help\n"
	libRego        = "package lib\nimport rego.v1\nhelp if input.resource.kind == \"Pod\"\n"
	someConstraint = "apiVersion: constraints.gatekeeper.sh/v1beta1\nkind: K8sNo\nmetadata: {name: none}\n"
	someTemplate   = `apiVersion: templates.gatekeeper.sh/v1
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
)

// write puts files below a folder.
func write(t *testing.T, root string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// verification is held against a key that nobody signs with.
func verification(t *testing.T) *bundle.Verification {
	t.Helper()
	public, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return &bundle.Verification{Keys: string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})), File: "key.pem"}
}
