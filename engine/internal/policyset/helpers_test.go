package policyset

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"testing"

	"attest.continuu.ms/engine/internal/bundle"
)

const (
	plainRego = "package a\nimport rego.v1\ndeny contains \"no\" if data.limits.few > input.resource.spec.replicas\n"
	otherRego = "package b\nimport rego.v1\ndeny contains \"no\" if data.lib.help\n"
	libRego   = "package lib\nimport rego.v1\nhelp if input.resource.kind == \"Pod\"\n"
)

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
