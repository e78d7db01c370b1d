package rego

import (
	"cmp"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/trial"
)

// The judge of these tests is OPA: a text that is accepted here must compile in one of its modes, or be of the
// specification's own form, which is to say in v0 once it has the line `import future.keywords.in`.

// readByOPA parses a text as OPA does in the mode of a dialect.
func readByOPA(dialect, text string) (*ast.Module, error) {
	return ast.ParseModuleWithOpts("p.rego", inItsMode(dialect, text), ast.ParserOptions{RegoVersion: modeOf(dialect), ProcessAnnotation: true})
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

// original is a policy that mutations are made of.
type original struct {
	file    string
	text    string
	beside  []Source // helpers that it is compiled with
	library bool
	shared  bool // its package is another file's, too
}

// originals are the shipped policies and, where they are, those of Gatekeeper's public library and of the cases.
func originals(t *testing.T) []original {
	t.Helper()
	out := among(t, "../../../policies/*/*.rego", func(string) []Source { return filesOf(t, "../../../policies/lib/*.rego") })
	if root := os.Getenv("GATEKEEPER_LIBRARY"); root != "" {
		out = append(out, among(t, root+"/src/*/*/*.rego", func(folder string) []Source { return filesOf(t, folder+"/lib_*.rego") })...)
	}
	shared := cmp.Or(os.Getenv("ATTEST_SHARED"), "../../../../shared")
	out = append(out, among(t, shared+"/cases/*/*.rego", func(string) []Source { return nil })...)
	for _, text := range ownForm {
		out = append(out, original{file: "own.rego", text: text})
	}
	return out
}

// among are the policies of a pattern, with the helpers of their folders; tests have what they test, too.
func among(t *testing.T, pattern string, helpers func(folder string) []Source) []original {
	var out []original
	for _, source := range filesOf(t, pattern) {
		one := original{file: source.File, text: source.Text, library: strings.Contains(source.File, "/lib")}
		for _, helper := range helpers(filepath.Dir(source.File)) {
			if helper.File != source.File && !strings.HasSuffix(helper.File, "_test.rego") {
				one.beside = append(one.beside, helper)
			}
		}
		if tested, isTest := strings.CutSuffix(source.File, "_test.rego"); isTest && !one.library {
			one.beside = append(one.beside, filesOf(t, tested+".rego")...)
		}
		out = append(out, one)
	}
	return out
}

// filesOf are the files of a pattern.
func filesOf(t *testing.T, pattern string) []Source {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	var out []Source
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, Source{File: file, Text: string(raw)})
	}
	return out
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
	seed, count := trial.Seed(t), 600
	if !testing.Short() {
		count = 10000
	}
	random := rand.New(rand.NewPCG(seed, 0))
	policies, read := originals(t), map[string]int{}
	for range count {
		original := policies[random.IntN(len(policies))].text
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
			t.Errorf("read as %s, and not so by OPA: %v\n%s", parsed.Dialect, err, text)
		}
		if parsed.Dialect != V1 && isWrittenInV1(original) {
			t.Errorf("a typo made %s of v1\n%s", parsed.Dialect, text)
		}
	}
	t.Logf("of %d mutations %v were read", count, read)
}
