package bundle

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"

	opa "github.com/open-policy-agent/opa/v1/bundle"
	"github.com/open-policy-agent/opa/v1/util"

	"attest.continuu.ms/engine/internal/model"
)

// Verification says who must have signed a bundle.
type Verification struct {
	Keys    string   `json:"keys"` // PEM: public keys or certificates, one of which signed
	File    string   `json:"file"` // where they come from, for messages
	Scope   string   `json:"scope"`
	Exclude []string `json:"exclude"` // globs of files that no signature covers
}

// Signed is what a signature says of itself. Nothing in it may be believed unless Verified.
type Signed struct {
	Verified  bool   `json:"verified"`
	Algorithm string `json:"algorithm,omitempty"`
	KeyID     string `json:"keyId,omitempty"`
	Scope     string `json:"scope,omitempty"`
	Issuer    string `json:"issuer,omitempty"`
	IssuedAt  int64  `json:"issuedAt,omitempty"`
	Files     int    `json:"files"`
}

const maxToken = 16 << 20

// strong are the hashes of files that a signature may rest on.
var strong = []string{string(opa.SHA256), string(opa.SHA384), string(opa.SHA512), string(opa.SHA512256)}

// envelope is a signature that nobody has checked yet.
type envelope struct {
	token   string
	header  struct{ Alg, Kid string }
	payload opa.DecodedSignature
}

// readEnvelope takes `.signatures.json` apart; nil where the bundle has none.
func readEnvelope(files []File) (*envelope, error) {
	at := slices.IndexFunc(files, func(f File) bool { return f.Path == signaturesFile })
	if at < 0 {
		return nil, nil
	}
	var config opa.SignaturesConfig
	if len(files[at].Data) > maxToken {
		return nil, signatureError("`%s` is too large", signaturesFile)
	}
	if err := json.Unmarshal(files[at].Data, &config); err != nil {
		return nil, signatureError("`%s` is no JSON document with signatures", signaturesFile)
	}
	if config.Plugin != "" && config.Plugin != "_default" {
		return nil, signatureError("the signature needs the plugin `%s`", model.Short(config.Plugin))
	}
	if len(config.Signatures) != 1 {
		return nil, signatureError("`%s` holds %d signatures: exactly one is expected", signaturesFile, len(config.Signatures))
	}
	e := &envelope{token: config.Signatures[0]}
	parts := strings.Split(e.token, ".")
	if len(parts) != 3 || !decodePart(parts[0], &e.header) || !decodePart(parts[1], &e.payload) {
		return nil, signatureError("the signature is no JSON Web Token")
	}
	return e, nil
}

func decodePart(part string, into any) bool {
	raw, err := base64.RawURLEncoding.DecodeString(part)
	return err == nil && json.Unmarshal(raw, into) == nil
}

func (e *envelope) signed(verified bool) *Signed {
	id := e.header.Kid
	if id == "" {
		id = e.payload.KeyID
	}
	return &Signed{
		Verified: verified, Algorithm: e.header.Alg, KeyID: id, Scope: e.payload.Scope,
		Issuer: e.payload.Issuer, IssuedAt: e.payload.IssuedAt, Files: len(e.payload.Files),
	}
}

// verify holds a bundle against its signature: first the token's own signature, then its scope, then
// every file. Until it returns without error nothing else of the bundle may be looked at.
func verify(files []File, v *Verification, folder string) (*Signed, error) {
	keys, err := parsePublicKeys(v.Keys)
	if err != nil {
		return nil, refuse(Key, v.File, err.Error(), "give a public key or certificate in PEM form")
	}
	for _, pattern := range v.Exclude {
		if _, err := filepath.Match(pattern, ""); err != nil {
			return nil, refuse(Key, "", "`"+model.Short(pattern)+"` is no pattern of excluded files", "write it as a glob")
		}
	}
	e, err := readEnvelope(files)
	if err != nil {
		return nil, err
	}
	if e == nil {
		return nil, signatureError("the bundle is not signed")
	}
	hashes, err := e.check(keys, v.Scope)
	if err != nil {
		return nil, err
	}
	if folder != "" {
		hashes = relative(hashes, folder)
	}
	return e.signed(true), checkFiles(files, hashes, v.Exclude)
}

// check finds the key that signed the token and returns the hashes that the token vouches for.
func (e *envelope) check(keys []publicKey, scope string) (map[string]opa.FileInfo, error) {
	allowed := slices.ContainsFunc(keys, func(k publicKey) bool { return slices.Contains(k.algorithms, e.header.Alg) })
	if !allowed {
		return nil, signatureError("the signature's algorithm `%s` does not belong to the key", model.Short(e.header.Alg))
	}
	for _, key := range keys {
		if !slices.Contains(key.algorithms, e.header.Alg) {
			continue
		}
		config := opa.NewVerificationConfig(
			map[string]*opa.KeyConfig{"key": {Key: key.pem, Algorithm: e.header.Alg}}, "key", e.payload.Scope, nil)
		hashes, err := opa.VerifyBundleSignature(opa.SignaturesConfig{Signatures: []string{e.token}}, config)
		if err != nil {
			continue
		}
		if e.payload.Scope != scope {
			return nil, signatureError("the bundle is signed for the scope `%s`, not for `%s`", model.Short(e.payload.Scope), model.Short(scope))
		}
		if len(hashes) != len(e.payload.Files) {
			return nil, signatureError("the signature names a file twice")
		}
		return hashes, nil
	}
	return nil, signatureError("the signature was not made with the configured key")
}

// relative takes a folder's own path off the names of files, which `opa sign` puts in front as it was
// typed: some ending of the folder's full path.
func relative(hashes map[string]opa.FileInfo, folder string) map[string]opa.FileInfo {
	for at, r := range folder {
		if r == '/' {
			if out := without(hashes, folder[at+1:]); out != nil {
				return out
			}
		}
	}
	return hashes
}

// without is nil where some name does not begin with the prefix.
func without(hashes map[string]opa.FileInfo, prefix string) map[string]opa.FileInfo {
	out := map[string]opa.FileInfo{}
	for name, info := range hashes {
		bare, ok := strings.CutPrefix(name, prefix+"/")
		if !ok {
			return nil
		}
		out[bare] = info
	}
	return out
}

func checkFiles(files []File, hashes map[string]opa.FileInfo, exclude []string) error {
	for _, file := range files {
		if file.Path == signaturesFile {
			continue
		}
		info, listed := hashes[file.Path]
		if excluded(file.Path, exclude) {
			delete(hashes, file.Path)
			continue
		}
		if !listed {
			return signatureError("`%s` is not covered by the signature", model.Short(file.Path))
		}
		if !slices.Contains(strong, info.Algorithm) {
			return signatureError("`%s` is covered by `%s`, which is no strong hash", model.Short(file.Path), model.Short(info.Algorithm))
		}
		if err := opa.VerifyBundleFile(file.Path, *bytes.NewBuffer(file.Data), hashes); err != nil {
			return signatureError("`%s` is not what was signed", model.Short(file.Path))
		}
	}
	for name := range hashes {
		return signatureError("`%s` was signed, but is not in the bundle", model.Short(name))
	}
	return nil
}

func excluded(name string, patterns []string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		match, _ := filepath.Match(pattern, name) // bad patterns were refused before
		return match
	})
}

// hashFile is OPA's hash of a file: of data and manifests, that of the value and not of its notation.
func hashFile(file File) (string, error) {
	hasher, err := opa.NewSignatureHasher(opa.SHA256)
	if err != nil {
		return "", err
	}
	var value any = file.Data
	if opa.IsStructuredDoc(file.Path) {
		value = nil
		if err := util.Unmarshal(file.Data, &value); err != nil {
			return "", contentError("`%s` is neither JSON nor YAML", model.Short(file.Path))
		}
	}
	sum, err := hasher.HashFile(value)
	return hex.EncodeToString(sum), err
}

// digest identifies what a bundle says, however it is packed: it stays when an archive is packed anew
// or signed by another key. Excluded files are left out, since anybody may change them.
func digest(files []File, exclude []string) (string, error) {
	var lines []string
	for _, file := range files {
		if file.Path == signaturesFile || excluded(file.Path, exclude) {
			continue
		}
		sum, err := hashFile(file)
		if err != nil {
			return "", err
		}
		lines = append(lines, file.Path+"\x00"+sum+"\n")
	}
	slices.Sort(lines)
	sum := sha256.Sum256([]byte(strings.Join(lines, "")))
	return hex.EncodeToString(sum[:]), nil
}
