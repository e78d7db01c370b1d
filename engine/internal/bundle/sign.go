package bundle

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"

	opa "github.com/open-policy-agent/opa/v1/bundle"
)

// SignParams are those of the method `bundle/sign` (engine/README.md).
type SignParams struct {
	Path      string `json:"path"`
	Output    string `json:"output"` // empty: the bundle is signed where it is
	KeyFile   string `json:"keyFile"`
	Algorithm string `json:"algorithm"`
	KeyID     string `json:"keyId"`
	Scope     string `json:"scope"`
}

// Sign signs a bundle: an archive is written anew with the signature in it, a folder gets the file
// `.signatures.json`. A signature that is there already is replaced.
func Sign(params SignParams) (*Bundle, error) {
	unsigned, err := Open(params.Path, nil, nil)
	if err != nil {
		return nil, err
	}
	unsigned.Files = slices.DeleteFunc(unsigned.Files, func(f File) bool { return f.Path == signaturesFile })
	raw, err := sign(unsigned.Files, params)
	if err != nil {
		return nil, err
	}
	output := params.Output
	if output == "" {
		output = params.Path
	}
	if info, err := os.Stat(params.Path); err == nil && info.IsDir() {
		if output == params.Path {
			return signed(output, save(filepath.Join(output, signaturesFile), raw))
		}
		return nil, refuse(Unreadable, output, "a folder is signed where it is", "leave --output out")
	}
	packed, err := pack(append(unsigned.Files, File{signaturesFile, raw}))
	if err != nil {
		return nil, err
	}
	return signed(output, save(output, packed))
}

func signed(path string, err error) (*Bundle, error) {
	if err != nil {
		return nil, err
	}
	bundle, err := Open(path, nil, nil)
	if err == nil {
		bundle.Warnings = nil // nobody asked for a check
	}
	return bundle, err
}

// sign makes the contents of `.signatures.json`.
func sign(files []File, params SignParams) ([]byte, error) {
	text, err := readRegular(params.KeyFile, maxKey, nil)
	if err != nil {
		return nil, err
	}
	key, algorithm, err := parsePrivateKey(string(text), params.Algorithm)
	if err != nil {
		return nil, refuse(Key, params.KeyFile, err.Error(), "give an RSA, ECDSA or Ed25519 private key in PEM form")
	}
	var infos []opa.FileInfo
	for _, file := range files {
		sum, err := hashFile(file)
		if err != nil {
			return nil, err
		}
		infos = append(infos, opa.NewFile(file.Path, sum, string(opa.SHA256)))
	}
	claims, err := writeClaims(params)
	if err != nil {
		return nil, err
	}
	defer os.Remove(claims)
	config := opa.NewSigningConfig(key, algorithm, claims)
	token, err := opa.GenerateSignedToken(infos, config, params.KeyID)
	if err != nil {
		return nil, refuse(Key, params.KeyFile, "signing failed: "+err.Error(), "")
	}
	return json.MarshalIndent(opa.SignaturesConfig{Signatures: []string{token}}, "", " ")
}

// writeClaims puts the claims beside the files into a file of their own, from which OPA's signer reads them.
func writeClaims(params SignParams) (string, error) {
	claims := map[string]string{}
	if params.KeyID != "" {
		claims["keyid"] = params.KeyID
	}
	if params.Scope != "" {
		claims["scope"] = params.Scope
	}
	file, err := os.CreateTemp("", "claims-*.json")
	if err != nil {
		return "", err
	}
	defer file.Close()
	return file.Name(), json.NewEncoder(file).Encode(claims)
}
