package bundle

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

func contents() []File {
	return []File{
		{"own.rego", []byte(policy)},
		{"x/data.json", []byte(`{"a": 1, "b": 2}`)},
		{".manifest", []byte(`{"revision": "1", "roots": [""]}`)},
	}
}

// signedBundle signs the contents and gives the files with the signature, and who must have signed.
func signedBundle(t *testing.T, kind, scope string) ([]File, *Verification) {
	t.Helper()
	private, public := keyPair(t, kind)
	raw, err := sign(contents(), SignParams{KeyFile: private, Scope: scope, KeyID: "k"})
	if err != nil {
		t.Fatal(err)
	}
	return append(contents(), File{signaturesFile, raw}), &Verification{Keys: public, Scope: scope}
}

func TestEveryKindOfKeySigns(t *testing.T) {
	for kind, algorithm := range map[string]string{"rsa": "RS256", "ec": "ES256", "ed": "EdDSA"} {
		t.Run(kind, func(t *testing.T) {
			files, trusted := signedBundle(t, kind, "prod")
			_, other := keyPair(t, kind)
			trusted.Keys = other + trusted.Keys // the file holds the next key already
			opened, err := Open(packed(t, files...), trusted, nil)
			if err != nil || !opened.Signed.Verified || opened.Signed.Algorithm != algorithm || opened.Signed.KeyID != "k" {
				t.Errorf("got %+v, %v", opened, err)
			}
		})
	}
}

func TestForgeriesAreRefused(t *testing.T) {
	files, trusted := signedBundle(t, "rsa", "prod")
	_, stranger := keyPair(t, "rsa")
	_, curve := keyPair(t, "ec")
	_, short := keyPair(t, "short")
	with := func(change func(*Verification)) *Verification {
		v := *trusted
		change(&v)
		return &v
	}
	replaced := func(name, data string) []File {
		out := []File{}
		for _, f := range files {
			if f.Path == name {
				f.Data = []byte(data)
			}
			out = append(out, f)
		}
		return out
	}
	cases := map[string]struct {
		files   []File
		trusted *Verification
		code    string
		message string
	}{
		"no signature":           {contents(), trusted, Signature, "not signed"},
		"another key":            {files, with(func(v *Verification) { v.Keys = stranger }), Signature, "not made with"},
		"another kind of key":    {files, with(func(v *Verification) { v.Keys = curve }), Signature, "`RS256` does not belong"},
		"another scope":          {files, with(func(v *Verification) { v.Scope = "dev" }), Signature, "for the scope `prod`"},
		"no scope":               {files, with(func(v *Verification) { v.Scope = "" }), Signature, "for the scope `prod`"},
		"a changed policy":       {replaced("own.rego", policy+" "), trusted, Signature, "`own.rego` is not what was signed"},
		"changed data":           {replaced("x/data.json", `{"a": 2, "b": 2}`), trusted, Signature, "not what was signed"},
		"data that is no JSON":   {replaced("x/data.json", "{"), trusted, Signature, "not what was signed"},
		"a changed manifest":     {replaced(".manifest", `{"revision": "2", "roots": [""]}`), trusted, Signature, "not what was signed"},
		"a new file":             {append(contents(), files[3], File{"new.rego", []byte(policy)}), trusted, Signature, "not covered"},
		"a missing file":         {files[1:], trusted, Signature, "is not in the bundle"},
		"a signature elsewhere":  {append(contents(), File{"x/.signatures.json", files[3].Data}), trusted, Content, "not at the top"},
		"a plugin":               {replaced(signaturesFile, `{"signatures": ["a.b.c"], "plugin": "x"}`), trusted, Signature, "plugin"},
		"no token":               {replaced(signaturesFile, `{"signatures": []}`), trusted, Signature, "exactly one"},
		"rubbish":                {replaced(signaturesFile, `{"signatures": ["a.b.c"]}`), trusted, Signature, "no JSON Web Token"},
		"no JSON":                {replaced(signaturesFile, `x`), trusted, Signature, "no JSON document"},
		"no key":                 {files, with(func(v *Verification) { v.Keys = "x" }), Key, "no public key"},
		"a short key":            {files, with(func(v *Verification) { v.Keys = short }), Key, "1024 bits"},
		"a pattern that is none": {files, with(func(v *Verification) { v.Exclude = []string{"["} }), Key, "no pattern"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := Open(packed(t, c.files...), c.trusted, nil)
			wants(t, err, c.code, c.message)
		})
	}
}

func part(value any) string {
	raw, _ := json.Marshal(value)
	return base64.RawURLEncoding.EncodeToString(raw)
}

// TestTheSignatureDoesNotChooseItsAlgorithm: `none`, and HMAC with the public key as its secret.
func TestTheSignatureDoesNotChooseItsAlgorithm(t *testing.T) {
	_, public := keyPair(t, "rsa")
	payload := map[string]any{"files": []map[string]string{}}
	hash := func(message string) string {
		mac := hmac.New(sha256.New, []byte(public))
		mac.Write([]byte(message))
		return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
	}
	for name, token := range map[string]func() string{
		"none":   func() string { return part(map[string]string{"alg": "none"}) + "." + part(payload) + "." },
		"no alg": func() string { return part(map[string]string{}) + "." + part(payload) + "." },
		"HS256": func() string {
			m := part(map[string]string{"alg": "HS256"}) + "." + part(payload)
			return m + "." + hash(m)
		},
		"HS as RS": func() string {
			m := part(map[string]string{"alg": "RS256"}) + "." + part(payload)
			return m + "." + hash(m)
		},
		"lower case": func() string { return part(map[string]string{"alg": "rs256"}) + "." + part(payload) + "." },
	} {
		t.Run(name, func(t *testing.T) {
			raw, _ := json.Marshal(map[string]any{"signatures": []string{token()}})
			_, err := Open(packed(t, File{signaturesFile, raw}), &Verification{Keys: public}, nil)
			wants(t, err, Signature, "")
		})
	}
}

// TestNothingIsReadBeforeTheSignature: a manifest that would be refused must not even be looked at.
func TestNothingIsReadBeforeTheSignature(t *testing.T) {
	files, trusted := signedBundle(t, "ed", "")
	files = append(files, File{"a/.manifest", []byte("{")}, File{"patch.json", []byte("{")})
	_, err := Open(packed(t, files...), trusted, nil)
	wants(t, err, Signature, "not covered")
}

func TestExcludedFilesNeedNoSignature(t *testing.T) {
	files, trusted := signedBundle(t, "ed", "")
	files = append(files, File{"notes.txt", []byte("x")})
	trusted.Exclude = []string{"*.txt"}
	first, err := Open(packed(t, files...), trusted, nil)
	if err != nil {
		t.Fatal(err)
	}
	files[len(files)-1].Data = []byte("y")
	second, err := Open(packed(t, files...), trusted, nil)
	if err != nil || first.Digest != second.Digest {
		t.Errorf("whoever changes an excluded file makes an old bundle new: %v", err)
	}
}

func TestTheDigestIsThatOfTheContent(t *testing.T) {
	files, _ := signedBundle(t, "ed", "")
	unsigned, err := Open(packed(t, contents()...), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	files[1].Data = []byte("{ \"b\":2,\n\"a\":1 }")
	signed, err := Open(packed(t, files...), nil, nil)
	if err != nil || signed.Digest != unsigned.Digest {
		t.Errorf("the digest depends on notation or signature: %v", err)
	}
}

func TestFoldersAreSignedWhereTheyAre(t *testing.T) {
	private, public := keyPair(t, "ec")
	root := t.TempDir()
	for _, f := range contents() {
		path := filepath.Join(root, f.Path)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, f.Data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Sign(SignParams{Path: root, KeyFile: private}); err != nil {
		t.Fatal(err)
	}
	trusted := &Verification{Keys: public}
	if _, err := Open(root, trusted, nil); err != nil {
		t.Error(err)
	}
	if err := os.Symlink("/etc/passwd", filepath.Join(root, "z.rego")); err != nil {
		t.Fatal(err)
	}
	_, err := Open(root, trusted, nil)
	wants(t, err, Archive, "a link")
}

func TestSigningIsRefused(t *testing.T) {
	bundle := packed(t, contents()...)
	private, public := keyPair(t, "ec")
	short, _ := keyPair(t, "short")
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "p.rego"), []byte("package p\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		params  SignParams
		code    string
		message string
	}{
		"a public key":       {SignParams{Path: bundle, KeyFile: written(t, "p.pem", []byte(public))}, Key, "no private key"},
		"no key":             {SignParams{Path: bundle, KeyFile: bundle}, Key, "no private key"},
		"no file":            {SignParams{Path: bundle, KeyFile: bundle + "x"}, Unreadable, "no such file"},
		"a short key":        {SignParams{Path: bundle, KeyFile: short}, Key, "1024 bits"},
		"a shared secret":    {SignParams{Path: bundle, KeyFile: private, Algorithm: "HS256"}, Key, "can't sign with `HS256`"},
		"none":               {SignParams{Path: bundle, KeyFile: private, Algorithm: "none"}, Key, "can't sign with `none`"},
		"of another key":     {SignParams{Path: bundle, KeyFile: private, Algorithm: "RS256"}, Key, "can't sign with `RS256`"},
		"what is no bundle":  {SignParams{Path: private, KeyFile: private}, Archive, "no gzip"},
		"a folder elsewhere": {SignParams{Path: folder, Output: "x", KeyFile: private}, Unreadable, "where it is"},
		"an empty folder":    {SignParams{Path: t.TempDir(), KeyFile: private}, Content, "the folder is empty"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := Sign(c.params)
			wants(t, err, c.code, c.message)
		})
	}
}
