package rego

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
)

// The judge of these tests is OPA: a text that is accepted here must compile in one of its modes, or be of the
// specification's own form, which is to say in v0 once it has the line `import future.keywords.in`.

// readByOPA parses a text as OPA does in the mode of a dialect.
func readByOPA(dialect, text string) (*ast.Module, error) {
	version := ast.RegoV0
	switch dialect {
	case V1:
		version = ast.RegoV1
	case V0In:
		text = packageLine.ReplaceAllString(text, "$0\nimport future.keywords.in")
	}
	return ast.ParseModuleWithOpts("p.rego", text, ast.ParserOptions{RegoVersion: version, ProcessAnnotation: true})
}

var packageLine = regexp.MustCompile(`(?m)^package .*$`)

var (
	token    = regexp.MustCompile(`[A-Za-z_][A-Za-z0-9_]*|:=|==|!=|[{}\[\]().,:;=|]|"[^"\n]*"|[0-9]+|\n`)
	keywords = []string{"if", "contains", "in", "every", "some", "not", "else", "default", "import", "package", "with", "as"}
)

// mutate deletes, doubles or moves a token, or makes a typo in a keyword.
func mutate(random *rand.Rand, text string) string {
	tokens := token.FindAllStringIndex(text, -1)
	if random.IntN(2) == 0 {
		var words [][]int
		for _, at := range tokens {
			for _, keyword := range keywords {
				if text[at[0]:at[1]] == keyword {
					words = append(words, at)
				}
			}
		}
		if len(words) > 0 {
			at := words[random.IntN(len(words))]
			return text[:at[0]] + misspelt(random, text[at[0]:at[1]]) + text[at[1]:]
		}
	}
	at, other := tokens[random.IntN(len(tokens))], tokens[random.IntN(len(tokens))]
	switch word := text[at[0]:at[1]]; random.IntN(4) {
	case 0:
		return text[:at[0]] + text[at[1]:]
	case 1:
		return text[:at[0]] + word + " " + text[at[0]:]
	case 2:
		return text[:at[0]] + keywords[random.IntN(len(keywords))] + " " + text[at[0]:]
	default:
		return text[:at[0]] + text[other[0]:other[1]] + text[at[1]:]
	}
}

func misspelt(random *rand.Rand, word string) string {
	at := random.IntN(len(word))
	switch random.IntN(5) {
	case 0:
		return word[:at] + word[at+1:]
	case 1:
		return word[:at] + word[at:at+1] + word[at:]
	case 2:
		next := (at + 1) % len(word)
		swapped := []byte(word)
		swapped[at], swapped[next] = swapped[next], swapped[at]
		return string(swapped)
	case 3:
		return word[:at] + string(rune('a'+random.IntN(26))) + word[at+1:]
	default:
		return ""
	}
}

// policyTexts are the shipped policies and, where they are, those of Gatekeeper's public library and of the cases.
func policyTexts(t *testing.T) []string {
	t.Helper()
	patterns := []string{"../../../policies/*/*.rego"}
	if root := os.Getenv("GATEKEEPER_LIBRARY"); root != "" {
		patterns = append(patterns, root+"/src/*/*/*.rego")
	}
	shared := os.Getenv("ATTEST_SHARED")
	if shared == "" {
		shared = "../../../../shared"
	}
	patterns = append(patterns, shared+"/cases/*/*.rego")
	var texts []string
	for _, pattern := range patterns {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			texts = append(texts, string(raw))
		}
	}
	return append(texts, ownForm...)
}

// ownForm are policies in the form of the specification's: v0, and `in` without its import.
var ownForm = []string{
	"package a.b\n\nviolation[{\"msg\": msg}] {\n  input.resource.kind in [\"Pod\"]\n  not trusted\n  msg := \"x\"\n}\n\ntrusted = true {\n  input.a\n} else = false {\n  input.b\n}\n",
	"package a.b\n\ndefault allow := false\nlimit := 3\nnames[n] { some n in input.names; n != \"\" }\nallow { count(names) < limit }\n",
}

// isWrittenInV1 says whether a policy leaves no doubt about its dialect.
func isWrittenInV1(text string) bool {
	return len(ifs.FindAllString(text, 3)) == 3
}

var ifs = regexp.MustCompile(`(?m)^[^#\n"]* if [^\n]`)

func TestWhatIsReadIsReadByOPA(t *testing.T) {
	seed, count := uint64(1), 600
	if !testing.Short() {
		seed, count = uint64(time.Now().UnixNano()), 10000
	}
	random := rand.New(rand.NewPCG(seed, 0))
	texts, read := policyTexts(t), map[string]int{}
	for range count {
		original := texts[random.IntN(len(texts))]
		text := mutate(random, original)
		if random.IntN(2) == 0 {
			text = mutate(random, text)
		}
		parsed, _ := Parse(Source{File: "p.rego", Text: text})
		if parsed == nil {
			continue
		}
		read[parsed.Dialect]++
		if module, err := readByOPA(parsed.Dialect, text); err != nil || len(module.Rules) != len(parsed.Module.Rules) {
			t.Errorf("seed %d: read as %s, and not so by OPA: %v\n%s", seed, parsed.Dialect, err, text)
		}
		if parsed.Dialect != V1 && isWrittenInV1(original) {
			t.Errorf("seed %d: a typo made %s of v1\n%s", seed, parsed.Dialect, text)
		}
	}
	t.Logf("seed %d: of %d mutations %v were read", seed, count, read)
}
