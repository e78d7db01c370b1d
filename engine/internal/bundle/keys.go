package bundle

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"

	"attest.continuu.ms/engine/internal/model"
)

// minRSA is the shortest RSA key that is trusted, in bits.
const minRSA = 2048

// maxKey is the size of the largest file with a private key that is read.
const maxKey = 1 << 20

// publicKey is a key that may have signed a bundle, with the algorithms that belong to its type. The
// algorithm is never the signature's to choose: that is how `none` and HMAC with a public key get in.
type publicKey struct {
	pem        string
	algorithms []string
}

// parsePublicKeys reads public keys and certificates; any of them may have signed.
func parsePublicKeys(text string) ([]publicKey, error) {
	var keys []publicKey
	for rest := []byte(text); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		key, err := parsePublic(block)
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, errors.New("there is no public key in PEM form")
	}
	return keys, nil
}

func parsePublic(block *pem.Block) (publicKey, error) {
	var key any
	var err error
	switch block.Type {
	case "PUBLIC KEY":
		key, err = x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		key, err = x509.ParsePKCS1PublicKey(block.Bytes)
	case "CERTIFICATE":
		var certificate *x509.Certificate
		if certificate, err = x509.ParseCertificate(block.Bytes); err == nil {
			key = certificate.PublicKey
		}
	default:
		return publicKey{}, fmt.Errorf("`%s` is no public key", model.Short(block.Type))
	}
	if err != nil {
		return publicKey{}, err
	}
	algorithms, err := algorithmsOf(key)
	if err != nil {
		return publicKey{}, err
	}
	der, err := x509.MarshalPKIXPublicKey(key)
	return publicKey{string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})), algorithms}, err
}

// algorithmsOf are the algorithms that a public key may be used with, the usual one first.
func algorithmsOf(key any) ([]string, error) {
	switch k := key.(type) {
	case *rsa.PublicKey:
		if k.N.BitLen() < minRSA {
			return nil, fmt.Errorf("the RSA key has %d bits: at least %d are needed", k.N.BitLen(), minRSA)
		}
		return []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}, nil
	case *ecdsa.PublicKey:
		curves := map[string]string{"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}
		if algorithm, ok := curves[k.Curve.Params().Name]; ok {
			return []string{algorithm}, nil
		}
	case ed25519.PublicKey:
		return []string{"EdDSA"}, nil
	}
	return nil, errors.New("keys of this type can't sign bundles: use RSA, ECDSA or Ed25519")
}

// parsePrivateKey reads a private key and gives it as OPA wants it, with the algorithm to sign with.
func parsePrivateKey(text, algorithm string) (string, string, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return "", "", errors.New("there is no private key in PEM form")
	}
	key, err := privateKey(block)
	if err != nil {
		return "", "", err
	}
	allowed, err := algorithmsOf(publicOf(key))
	if err != nil {
		return "", "", err
	}
	if algorithm == "" {
		algorithm = allowed[0]
	}
	if !slices.Contains(allowed, algorithm) {
		return "", "", fmt.Errorf("this key can't sign with `%s`: use %v", model.Short(algorithm), allowed)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), algorithm, err
}

func privateKey(block *pem.Block) (any, error) {
	switch block.Type {
	case "PRIVATE KEY":
		return x509.ParsePKCS8PrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		return x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		return x509.ParseECPrivateKey(block.Bytes)
	}
	return nil, fmt.Errorf("`%s` is no private key that can be read here", model.Short(block.Type))
}

func publicOf(key any) any {
	switch k := key.(type) {
	case *rsa.PrivateKey:
		return &k.PublicKey
	case *ecdsa.PrivateKey:
		return &k.PublicKey
	case ed25519.PrivateKey:
		return k.Public()
	}
	return nil
}
