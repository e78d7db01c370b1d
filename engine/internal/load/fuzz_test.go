package load

import (
	"math/rand/v2"
	"strings"
	"testing"
)

func TestNastyDocumentsDecodeAsKubectlDecodesThem(t *testing.T) {
	for name, text := range nastyDocuments {
		t.Run(name, func(t *testing.T) {
			for _, variant := range []string{text, strings.ReplaceAll(text, "\n", "\r\n"), strings.TrimRight(text, "\n")} {
				if err := sameAsReference(variant); err != nil {
					t.Errorf("%q: %v", variant, err)
				}
			}
		})
	}
}

func TestNastyJSONDecodesAsInKubernetes(t *testing.T) {
	for _, text := range nastyJSON {
		if err := sameAsJSON(text); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// pieces are what random documents are made of.
var pieces = []string{
	"a", "b", "key", ": ", ":", "\n", "\n", "\n  ", "\n    ", "\n- ", "\n  - ", "- ", "-", " ", "  ", "\t", "'", "\"", "''",
	"[", "]", "{", "}", ",", ", ", "#", " #", "# c\n", "|", ">", "|-\n", ">+\n", "|2\n", "1", "0x1", "1.5", "-", "+", "~",
	"yes", "null", "true", "\r\n", "\r", "\\", "\\n", "\\\n", "---", "\n---\n", "...", "?", "? ", "&x ", "*x", "!", "!!str ", "<<: ",
	"%", "@", "é", "\u2028", "a: b\n", "  c: d\n", "x: |\n  y\n", "- z\n", "{a: b}", "[a, b]", "\"q\": ", "\ufeff", "\x00",
	"\xff", "e3", "_", ".", "0", "on: ", "a: >\n\n  x\n", "    deep: 1\n", "a:\n",
}

// randomDocument joins random pieces, or changes a nasty document by some.
func randomDocument(random *rand.Rand, seeds []string) string {
	var text strings.Builder
	if random.IntN(2) == 0 {
		seed := seeds[random.IntN(len(seeds))]
		if len(seed) > 300 {
			seed = seed[:300]
		}
		cut := random.IntN(len(seed) + 1)
		rest := min(len(seed), cut+random.IntN(3))
		return seed[:cut] + pieces[random.IntN(len(pieces))] + seed[rest:]
	}
	for range 1 + random.IntN(14) {
		text.WriteString(pieces[random.IntN(len(pieces))])
	}
	return text.String()
}

func TestRandomDocumentsDecodeAsKubectlDecodesThem(t *testing.T) {
	seeds := make([]string, 0, len(nastyDocuments))
	for _, text := range nastyDocuments {
		seeds = append(seeds, text)
	}
	random := rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
	rounds := 30_000
	if testing.Short() {
		rounds = 3_000
	}
	for range rounds {
		text := randomDocument(random, seeds)
		if err := sameAsReference(text); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
	}
}

func FuzzYAML(f *testing.F) {
	for _, text := range nastyDocuments {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if err := sameAsReference(text); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
	})
}

func FuzzJSON(f *testing.F) {
	for _, text := range nastyJSON {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if err := sameAsJSON(text); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
	})
}
