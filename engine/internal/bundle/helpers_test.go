package bundle

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"
)

const policy = "package example.own\n\nviolation contains \"no\" if input.resource.kind == \"Pod\"\n"

// archive makes a tar file, gzipped, of whatever headers a test wants.
func archive(t *testing.T, entries ...*tar.Header) []byte {
	t.Helper()
	var out bytes.Buffer
	zipped := gzip.NewWriter(&out)
	writer := tar.NewWriter(zipped)
	for _, header := range entries {
		if err := writer.WriteHeader(header); err != nil {
			t.Fatal(err)
		}
		if header.Typeflag == tar.TypeReg {
			if _, err := writer.Write(make([]byte, header.Size)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zipped.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func file(name string) *tar.Header { return &tar.Header{Name: name, Typeflag: tar.TypeReg, Size: 3} }

func packed(t *testing.T, files ...File) string {
	t.Helper()
	raw, err := pack(files)
	if err != nil {
		t.Fatal(err)
	}
	return written(t, "bundle.tar.gz", raw)
}

func written(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// keyPair gives the private key as a file and the public key as text.
func keyPair(t *testing.T, kind string) (string, string) {
	t.Helper()
	var private, public any
	var err error
	switch kind {
	case "rsa":
		var key *rsa.PrivateKey
		if key, err = rsa.GenerateKey(rand.Reader, minRSA); err == nil {
			private, public = key, &key.PublicKey
		}
	case "short":
		var key *rsa.PrivateKey
		if key, err = rsa.GenerateKey(rand.Reader, 1024); err == nil {
			private, public = key, &key.PublicKey
		}
	case "ec":
		var key *ecdsa.PrivateKey
		if key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err == nil {
			private, public = key, &key.PublicKey
		}
	default:
		public, private, err = ed25519.GenerateKey(rand.Reader)
	}
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	open, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	path := written(t, kind+".pem", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	return path, string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: open}))
}

func wants(t *testing.T, err error, code, message string) {
	t.Helper()
	problem := Problem(orNone(err))
	if err == nil || problem.Code != code || !bytes.Contains([]byte(problem.Message), []byte(message)) {
		t.Errorf("got %v, want %s: …%s…", err, code, message)
	}
}

func orNone(err error) error {
	if err == nil {
		return os.ErrNotExist
	}
	return err
}
