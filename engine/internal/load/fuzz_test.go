package load

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// nastyDocuments are YAML documents at the edges of the language.
var nastyDocuments = map[string]string{
	"empty":                          "",
	"only a comment":                 "# nothing\n",
	"only a separator":               "---\n",
	"two separators":                 "---\n---\n",
	"separator with comment":         "--- # here\na: 1\n",
	"document end":                   "a: 1\n...\nb: 2\n",
	"document end first":             "...\na: 1\n",
	"directive":                      "%YAML 1.1\n---\na: 1\n",
	"words of YAML 1.1":              "a: [y, Y, yes, Yes, YES, yEs, on, On, off, OFF, n, N, no, true, True, TRUE, tRue]\n",
	"quoted words":                   "a: 'yes'\nb: \"on\"\nc: 'null'\nd: '~'\n",
	"nulls":                          "a:\nb: ~\nc: null\nd: Null\ne: NULL\nf: ''\n",
	"words as keys":                  "on: 1\nyes: 2\n",
	"colliding words":                "on: 1\ntrue: 2\n",
	"null key":                       "~: 1\n",
	"integers":                       "a: [0, -0, +5, 007, 08, 0x1F, 0o17, 0b101, 1_000, -0x10, 0b-1, -0b11, 0X1f, 0B1]\n",
	"floats":                         "a: [1.0, 1., .5, -.5, +.5, 1e3, 1E-7, 1e21, 1e20, 0.1, -0.0, 1e400, 1.5e-400, .5e1, 1__0.5]\n",
	"large integers":                 "a: [9223372036854775807, 9223372036854775808, 18446744073709551615, 18446744073709551616, -9223372036854775809]\n",
	"not finite":                     "a: .inf\n",
	"not a number":                   "a: .NaN\n",
	"negative infinity":              "a: -.INF\n",
	"signed infinity":                "a: +.inf\n",
	"odd signs":                      "a: [+, -, --, +-1, '-', -., +., ., .., '...', -.5e, 1e, 1e+]\n",
	"quantities":                     "a: [100m, 64Mi, 1.5Gi, 10.0.0.1, 1.2.3, 0.5, 12e, 1:30, 190:20:30, 1_0_, _1]\n",
	"dates":                          "a: [2001-01-01, 2001-12-14t21:59:43.10-05:00, 2001-12-14 21:59:43.10 -5, 2001-1-1]\n",
	"float keys":                     "1.5: a\n1e3: b\n.5: c\n0.1: d\n",
	"integer keys":                   "8080: a\n0777: b\n-1: c\n",
	"large integer key":              "18446744073709551615: a\n",
	"number and string as key":       "1: a\n'1': b\n",
	"twice":                          "a: 1\nb: 2\na: 3\n",
	"twice deep":                     "a:\n  b: 1\n  b: {c: 1, c: 2}\n",
	"merge":                          "base: &base {a: 1, b: 2}\nx:\n  <<: *base\n  b: 3\n",
	"merge as text":                  "a: <<\n'<<': 1\n",
	"merge of a list":                "x: &x {a: 1}\ny: &y {b: 2}\nz:\n  <<: [*x, *y]\n",
	"anchor and alias":               "a: &x [1, 2]\nb: *x\n",
	"unknown alias":                  "a: *x\n",
	"anchor within itself":           "a: &x [*x]\n",
	"tags":                           "a: !!str 1\nb: !!int '2'\nc: !!binary aGVsbG8=\nd: !!float 1\ne: ! 5\n",
	"binary that is no text":         "a: !!binary /////w==\n",
	"unknown tag":                    "a: !Ref x\n",
	"block scalars":                  "a: |\n  x\n   y\n\n  z\n\n\nb: >\n  x\n  y\n\n  z\n   w\n  v\n\n",
	"chomping":                       "a: |-\n  x\n\nb: |+\n  x\n\nc: >-\n  x\n\nd: >+\n  x\n\n",
	"empty block scalars":            "a: |\nb: |+\n\n\nc: |-\n\nd: >\n",
	"block scalar at the end":        "a: |\n  x",
	"block scalar, blank end":        "a: |+\n  x\n  ",
	"explicit indent":                "a: |2\n   x\n  y\nb: |1-\n x\nc: |+1\n x\n\n",
	"block scalar with comment":      "a: | # note\n  x # kept\n# gone\nb: 1\n",
	"block scalar with tabs":         "a: |\n  \tx\n  y\t\n",
	"block scalar, tab indent":       "a: |\n\tx\n",
	"block scalar, deep blank":       "a: |\n      \n  x\n",
	"block scalar in sequence":       "a:\n- |\n  x\n- >\n x\n y\n",
	"block scalar like a key":        "a: |\n  b: c\n  - d\nb: 1\n",
	"block scalar glued comment":     "a: |#x\n  y\n",
	"folded, only indented":          "a: >\n  x\n\n   y\n\n  z\n",
	"folded quotes":                  "a: \"x\n  y\n\n  z\"\nb: 'x\n\n\n  y '\n",
	"escaped break":                  "a: \"x\\\n   y\\\n\n  z\"\n",
	"escapes":                        `a: "\0\a\b\t\n\v\f\r\e\ \"\'\\\N\_\L\P\x41\u00e9\U0001F600"` + "\n",
	"slash escape":                   `a: "a\/b"` + "\n",
	"surrogate escape":               `a: "\ud83d\ude00"` + "\n",
	"large escape":                   `a: "\UFFFFFFFF"` + "\n",
	"short escape":                   `a: "\u00` + "\n",
	"open quote":                     "a: \"x\nb: y\n",
	"open single quote":              "a: 'it''s\n",
	"single quotes":                  "a: 'it''s'\nb: ''''\nc: ''\n'd''e': 1\n",
	"quoted keys":                    "\"a b\": 1\n'c' : 2\n\"d\\te\": 3\n",
	"quoted key over lines":          "\"a\n b\": 1\n",
	"text after quote":               "a: \"x\" y\n",
	"comment glued to quote":         "a: \"x\"#y\n",
	"colon glued to quote":           "\"a\":b\n",
	"folded plain":                   "a: x\n  y\n\n  z\nb: 1\n",
	"folded plain with dash":         "a: x\n  - y\n",
	"folded plain with quote":        "a: x\n  \"y\" #z\n",
	"folded plain, comment between":  "a: x\n  # c\n  y\n",
	"folded plain then key":          "a: x\n  y: z\n",
	"plain on the next line":         "a:\n  x\n  y\nb:\n  'q'\n",
	"plain root":                     "just text\nover lines\n",
	"list root":                      "- a\n- b: 1\n  c: 2\n-\n- - x\n  - y\n",
	"sequence at the key":            "a:\n- x\n- y\nb:\n  - z\n",
	"sequence less indented":         "a:\n    - x\n  - y\n",
	"sequence with key below":        "- a\nb: 1\n",
	"nested sequences":               "a:\n- - - x\n    - y\n  - z\n- w\n",
	"mapping in sequence":            "a:\n-   b: 1\n    c: 2\n- d: 3\n",
	"empty entries":                  "a:\n-\n-\n  b: 1\n- \n",
	"dash at the end":                "a: -\n",
	"dash text":                      "a: -x\nb: --\nc:\n- -y\n- -\n",
	"inline sequence":                "a: - b\n",
	"nested inline mapping":          "a: b: c\n",
	"colon in text":                  "a: http://x:80/y\nb: c:d\ne:f: g\n",
	"colon at the end":               "a: b:\n",
	"hash in text":                   "a: b#c\nd: e #f\ng: #h\n",
	"odd indent":                     "a:\n  b: 1\n c: 2\n",
	"more indent":                    "a: 1\n  b: 2\n",
	"tab before value":               "a:\tb\nc: d\t\n",
	"tab in text":                    "a: b\tc\n",
	"tab indent":                     "a:\n\tb: 1\n",
	"tab on an empty line":           "a: 1\n\t\nb: 2\n",
	"tab before comment":             "a: 1\t# c\n",
	"carriage returns":               "a: 1\r\nb:\r\n- x\r\n- 'y\r\n\r\n  z'\r\nc: |\r\n  d\r\n  e\r\n",
	"lone carriage return":           "a: 1\rb: 2\n",
	"two carriage returns":           "a: 1\r\r\nb: 2\n",
	"carriage return at the end":     "a: 1\r",
	"byte order mark":                "\ufeffa: 1\nb: 2\n",
	"byte order mark and separator":  "\ufeff---\na: 1\n",
	"byte order mark inside":         "a: 1\n\ufeffb: 2\n",
	"next line character":            "a: x\u0085b: y\n",
	"line separator":                 "a: x\u2028b: y\n",
	"no-break space":                 "a:\u00a0x\nb: y\u00a0\n",
	"control character":              "a: x\x01\n",
	"delete character":               "a: x\x7f\n",
	"not UTF-8":                      "a: \xff\n",
	"overlong UTF-8":                 "a: \xc0\x80\n",
	"not a character":                "a: \uffff\n",
	"emoji":                          "a: 😀\n😀: b\n",
	"NUL":                            "a: x\x00y\n",
	"flow":                           "a: {b: 1, c: [x, 'y', \"z\"], d: {}, e: []}\n",
	"flow over lines":                "a: {\n  b: 1,\n  # c\n  c: [\n    x\n    , y\n  ]\n}\n",
	"flow with tabs":                 "a: {\t\"b\":\t1,\n\t\"c\": [\t]\n}\n",
	"flow trailing commas":           "a: [x, y,]\nb: {c: 1,}\n",
	"flow double commas":             "a: [x,, y]\n",
	"flow leading comma":             "a: [, x]\n",
	"flow null values":               "a: {b, c: , d:}\n",
	"flow glued colon":               "a: {\"b\":1, 'c':2, d:3}\n",
	"flow pair":                      "a: [b: c]\n",
	"flow plain over lines":          "a: [x\n  y, z]\n",
	"flow question":                  "a: [a?b]\nb: {? c : d}\n",
	"flow dash":                      "a: [-, -x, - y]\n",
	"flow dash alone":                "a: [-]\n",
	"flow key over lines":            "a: {b\n: c}\n",
	"flow as key":                    "{a: b}: c\n",
	"flow list as key":               "[a]: c\n",
	"flow comment glued":             "a: [x,#y\n z]\n",
	"flow comment":                   "a: [x, #y\n z]\n",
	"flow hash":                      "a: [x#y]\n",
	"flow open":                      "a: [x\nb: y\n",
	"flow wrong bracket":             "a: [x}\n",
	"flow and text":                  "a: [x] y\n",
	"flow root":                      "{a: 1, \"b\": [1, 2]}\n",
	"flow dedented":                  "a:\n  b: {\nc: 1}\n",
	"template action":                "a: {{ .Values.x }}\n",
	"template line":                  "{{- if .x }}\na: 1\n{{- end }}\n",
	"reserved characters":            "a: @x\n",
	"backtick":                       "a: `x`\n",
	"percent":                        "a: %x\n",
	"percent first":                  "%x: 1\n",
	"question key":                   "? a\n: b\n",
	"question text":                  "a: ?x\n?b: c\n",
	"colon first":                    "a: :x\n:b: c\n",
	"star and ampersand":             "a: x*y&z\n",
	"bang":                           "a: x!\n",
	"comma and brackets in text":     "a: x, [y], {z}\n",
	"bar in text":                    "a: x | y\nb: x > y\n",
	"key with spaces":                "a  b : c\n",
	"empty key":                      ": a\n",
	"long key":                       strings.Repeat("k", 1100) + ": 1\n",
	"long quoted key":                "\"" + strings.Repeat("k", 1100) + "\": 1\n",
	"long flow key":                  "{" + strings.Repeat("k", 1100) + ": 1}\n",
	"indented root":                  "  a: 1\n  b: 2\n",
	"indented root, dedent":          "  a: 1\nb: 2\n",
	"comment indented oddly":         "a:\n      # x\n  b: 1\n # y\n  c: 2\n",
	"no line feed at the end":        "a: 1\nb: c",
	"spaces at the end":              "a: 1   \nb: 'x'   \nc: |   \n  y   \n",
	"separator text":                 "---a: 1\n",
	"separator value":                "--- a\n",
	"dashes":                         "a: ---\nb: ----\n",
	"dots in text":                   "a: ...\n",
	"value starting with percent":    "a: 50%\n",
	"nested empty":                   "a:\n  b:\n    c:\nd:\n",
	"key then sequence then key":     "a:\n  b:\n  - x\n  c: y\n",
	"sequence of empty mappings":     "- {}\n- []\n- ''\n",
	"literal root":                   "|\n x\n",
	"literal root, no indent":        "--- |\nx\n",
	"very deep":                      strings.Repeat("[", 600) + strings.Repeat("]", 600),
	"timestamp key":                  "2001-01-01: x\n",
	"bool in list of flow keys":      "{true: 1, no: 2}\n",
	"folded key continuation column": "a:\n  b\n c\n",
	"sequence item continuation":     "- x\n y\n- z\n",
	"sequence item dedent":           "  - x\n - y\n",
	"compact nested continuation":    "- a: x\n   y\n  b: z\n",
	"compact nested dedent":          "-   a: x\n  b: z\n",
}

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

var nastyJSON = []string{
	`{}`, `{"a":1}{"b":2}`, `{"a":[1,2.0,-0,1e3,1E+2,0.10]}`, `{"a":01}`, `{"a":-}`, `{"a":1.}`, `{"a":.5}`, `{"a":+1}`,
	`{"a":12345678901234567890123}`, `{"a":1e400}`, `{"a":1e999999999}`, `{"a":-0.0}`, `{"a":"\u00e9\ud83d\ude00\/\b"}`,
	`{"a":"\ud800"}`, `{"a":"\ud800\u0041"}`, `{"a":"\udc00"}`, `{"a":"\x41"}`, `{"a":"` + "\xff" + `"}`, "{\"a\":\"\t\"}",
	`{"a":1,"a":2}`, `{"a":{"b":1},"a":{"c":2}}`, `{"a":1,}`, `{"a" 1}`, `{a:1}`, `{"a":tru}`, `{"a":truex}`, `{"a":nul`, `{"a":`,
	`{"a":"x`, `{"a":"x\`, `{"a":"\u00`, `[1,2`, `[1 2]`, `[,]`, `[]`, ` {"a" : [ ] , "b" : { } } `, "{\"a\":\"\u2028\"}",
	`{"":{"":""}}`, `null`, `true`, `"x"`, `-1`, ``, `{"a":1}}`, `{"a":1} x`, "\ufeff{}", `{"a":"\\\""}`, "{\"a\":\"\x7f\"}",
	strings.Repeat("[", 600) + strings.Repeat("]", 600),
}

func TestNastyJSONDecodesAsInGo(t *testing.T) {
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
