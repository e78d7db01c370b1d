package generate

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/cover"
	"github.com/open-policy-agent/opa/v1/format"

	"attest.continuu.ms/engine/internal/develop/explore"
	"attest.continuu.ms/engine/internal/model"
	"attest.continuu.ms/engine/internal/rego"
)

var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// write makes the test file, and runs it to see that every test passes and which lines it runs.
func (g *generator) write() Result {
	slices.SortStableFunc(g.cases, func(a, b *testCase) int { return a.number - b.number })
	result := Result{Dialect: g.subject.Dialect, Unreached: g.unreached}
	text := g.text()
	formatted, err := format.SourceWithOpts("test.rego", []byte(text), format.Opts{RegoVersion: ast.RegoV1})
	if err != nil {
		result.Problems = append(result.Problems, model.Problem{
			Severity: model.Error, Code: "internal", File: g.subject.File, Message: "the tests can't be formatted: " + err.Error(),
		})
		return result
	}
	result.Text, result.Package = string(formatted), testPackage(g.subject.Package)
	for _, c := range g.written() {
		result.Tests = append(result.Tests, c.Test)
	}
	g.verify(&result)
	return result
}

// verify runs the tests as they stand in the file.
func (g *generator) verify(result *Result) {
	tested, problems := g.subject.WithModule(g.ctx, rego.Source{File: "generated_test.rego", Text: result.Text})
	if tested == nil {
		result.Problems = append(result.Problems, problems...)
		return
	}
	covered := cover.New()
	ref := ast.MustParseRef("data." + result.Package)
	for _, c := range g.written() {
		value, err := tested.AskPlainly(g.ctx, ref.Append(ast.StringTerm(c.Name)), covered)
		if err != nil || value == nil || !value.Equal(ast.BooleanTerm(true)) {
			result.Problems = append(result.Problems, model.Problem{
				Severity: model.Error, Code: "test_failed", File: g.subject.File, Line: c.Line,
				Message: fmt.Sprintf("the generated test `%s` does not pass", c.Name), Hint: "please report this policy",
			})
		}
	}
	result.Coverage = g.coverage(covered)
}

func (g *generator) coverage(covered *cover.Cover) Coverage {
	parsed, _ := rego.Parse(rego.Source{File: g.subject.File, Text: g.subject.Text})
	report := covered.Report(map[string]*ast.Module{g.subject.File: parsed.Module})
	file := report.Files[g.subject.File]
	if file == nil {
		return Coverage{}
	}
	out := Coverage{Covered: file.CoveredLines, Lines: file.CoveredLines + file.NotCoveredLines}
	for _, r := range file.NotCovered {
		for row := r.Start.Row; row <= r.End.Row; row++ {
			out.NotCovered = append(out.NotCovered, row)
		}
	}
	slices.Sort(out.NotCovered)
	out.NotCovered = slices.Compact(out.NotCovered)
	return out
}

func testPackage(pkg ast.Ref) string {
	last := pkg[len(pkg)-1].Value.(ast.String)
	renamed := slices.Clone(pkg)
	renamed[len(pkg)-1] = ast.StringTerm(string(last) + "_test")
	return strings.TrimPrefix(renamed.String(), "data.")
}

func (g *generator) text() string {
	var out strings.Builder
	fmt.Fprintf(&out, "# Tests of %s: for each rule an input that violates it, and the closest one that does not.\npackage %s\n\n", plain(filepath.Base(g.subject.File)), testPackage(g.subject.Package))
	if g.subject.Dialect != rego.V1 {
		out.WriteString("import rego.v1\n\n")
	}
	name := g.alias()
	fmt.Fprintf(&out, "import %s", g.subject.Package)
	if last, _ := g.subject.Package[len(g.subject.Package)-1].Value.(ast.String); string(last) != name {
		fmt.Fprintf(&out, " as %s", name)
	}
	out.WriteString("\n")
	for _, c := range g.written() {
		out.WriteString("\n" + g.test(c, name))
	}
	for _, u := range g.unreached {
		fmt.Fprintf(&out, "\n# Not tested: %s in line %d: %s.\n", u.Rule, u.Line, plain(u.Reason))
	}
	return out.String()
}

// alias is how the tests call the policy's package.
func (g *generator) alias() string {
	last, _ := g.subject.Package[len(g.subject.Package)-1].Value.(ast.String)
	name := string(last)
	if !identifier.MatchString(name) || ast.IsKeyword(name) || name == "input" || name == "data" || g.names[name] || slices.Contains(g.subject.Entries, name) {
		return "policy"
	}
	return name
}

// written are the cases that have a test of their own: of a table, the first row.
func (g *generator) written() []*testCase {
	var out []*testCase
	seen := map[*table]bool{}
	for _, c := range g.cases {
		if c.table == nil || !seen[c.table] {
			out = append(out, c)
		}
		if c.table != nil {
			seen[c.table] = true
		}
	}
	return out
}

func (g *generator) test(c *testCase, alias string) string {
	if c.table != nil {
		return g.rows(c, alias)
	}
	var out strings.Builder
	fmt.Fprintf(&out, "%s%s%s if {\n", g.answering(c.world), c.comment(), c.Name)
	rule := alias + "." + c.Rule
	value := c.results()
	switch {
	case value == nil:
		fmt.Fprintf(&out, "\tnot %s%s\n", rule, g.with(c.world, len(rule)+5))
	case isEmptySet(value):
		fmt.Fprintf(&out, "\tcount(%s) == 0%s\n", rule, g.with(c.world, len(rule)+14))
	default:
		fmt.Fprintf(&out, "\tfound := %s%s\n", rule, g.with(c.world, len(rule)+10))
		fmt.Fprintf(&out, "\tfound == %s\n", literal(value.Value, 1, 14))
	}
	out.WriteString("}\n")
	return out.String()
}

// comment says what a test shows, where its name and the result that it expects do not.
func (c *testCase) comment() string {
	if c.Kind == "violates" || c.Kind == "detects" && c.table == nil && !isEmpty(c.results()) {
		return ""
	}
	return "# " + sentence(plain(c.Note)) + "\n"
}

func isEmpty(value *ast.Term) bool { return value == nil || isEmptySet(value) }

func sentence(text string) string {
	first, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + text[size:] + "."
}

func isEmptySet(value *ast.Term) bool {
	set, ok := value.Value.(ast.Set)
	return ok && set.Len() == 0
}

// answering defines the function that stands for `http.send` in a world, once for all tests.
func (g *generator) answering(w explore.World) string {
	calls, ok := w[ast.HTTPSend.Name].(explore.Calls)
	key := explore.Text(calls)
	if _, known := g.answers[key]; !ok || known {
		return ""
	}
	name := g.unique("answer")
	g.answers[key] = name
	var out strings.Builder
	for _, call := range calls {
		answer, request := explore.Term(call.Answer).Value, explore.Term(call.Request).Value
		fmt.Fprintf(&out, "%s(request) := %s if {\n\trequest == %s\n}\n\n", name, literal(answer, 0, len(name)+20), literal(request, 1, 16))
	}
	return out.String()
}

// with are the clauses that put a world in place, the input first.
func (g *generator) with(w explore.World, used int) string {
	out := fmt.Sprintf(" with input as %s", literal(explore.Term(w["input"]).Value, 1, used+19))
	for _, mock := range g.subject.Mocks {
		value, ok := w[mock.Name]
		if calls, isCalls := value.(explore.Calls); isCalls {
			out += fmt.Sprintf("\n\t\twith %s as %s", mock.Name, g.answers[explore.Text(calls)])
		} else if ok {
			out += fmt.Sprintf("\n\t\twith %s as %s", mock.Name, literal(explore.Term(value).Value, 2, len(mock.Name)+17))
		}
	}
	return out
}

// plain is a text for a comment: one line, and nothing in it that could end it or that a terminal obeys.
func plain(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, text)
}
