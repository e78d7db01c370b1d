package load

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"attest.continuu.ms/engine/internal/model"
)

// LeaveOut says what of folders is not looked at. What is named itself always is.
type LeaveOut struct {
	Filters  []Filter `json:"filters"`
	Ignored  []string `json:"ignored"`  // files and folders that git neither tracks nor wants to
	Policies []string `json:"policies"` // folders of policies, with their examples and tests
	Examples bool     `json:"examples"` // whether `examples/POLICY/pass` and `fail` beside Rego files are left out, too
	Rendered []Left   `json:"rendered"` // files that are judged by what they render to
}

// Left is a file that is left out, without links, and why.
type Left struct {
	Path   string `json:"path"`
	Reason string `json:"reason"`
}

// Filter is what one place says of files, as patterns of .gitignore that became regular expressions.
type Filter struct {
	Base    string `json:"base"` // absolute: what the patterns are relative to
	Include []Rule `json:"include"`
	Exclude []Rule `json:"exclude"`
}

// Rule is a pattern and what it means; Regex is matched with the path relative to the base, folders with a slash behind.
type Rule struct {
	Pattern string `json:"pattern"`
	Regex   string `json:"regex"`
	Matches bool   `json:"matches"` // false for a pattern that begins with `!`
	From    string `json:"from"`    // the key or the flag that says it

	compiled *regexp.Regexp
}

// Leaving is a LeaveOut that is ready for use. Nil leaves out nothing.
type Leaving struct {
	filters  []Filter
	folders  map[string]string // reasons, by real path
	examples bool
}

// Ready compiles the rules.
func (l LeaveOut) Ready() (*Leaving, error) {
	out := &Leaving{folders: map[string]string{}, examples: l.Examples}
	for _, path := range l.Policies {
		out.folders[resolved(path)] = "a folder of policies"
	}
	for _, one := range l.Rendered {
		out.folders[one.Path] = one.Reason
	}
	for _, path := range l.Ignored {
		out.folders[path] = "git ignores it, and does not track it"
	}
	for _, filter := range l.Filters {
		ready := Filter{Base: resolved(filter.Base)}
		var err error
		if ready.Include, err = compiled(filter.Include); err == nil {
			ready.Exclude, err = compiled(filter.Exclude)
		}
		if err != nil {
			return nil, err
		}
		out.filters = append(out.filters, ready)
	}
	return out, nil
}

// Below is what is left out of a folder that was named: patterns that would leave out the folder itself don't count.
func (l *Leaving) Below(folder string) *Leaving {
	if l == nil || len(l.filters) == 0 {
		return l
	}
	below := *l
	below.filters = slices.Clone(l.filters)
	for i, filter := range below.filters {
		if relative, err := filepath.Rel(filter.Base, resolved(folder)); err == nil && relative != "." {
			below.filters[i].Exclude = slices.DeleteFunc(slices.Clone(filter.Exclude), func(r Rule) bool {
				return r.Matches && r.compiled.MatchString(filepath.ToSlash(relative)+"/")
			})
		}
	}
	return &below
}

func compiled(rules []Rule) ([]Rule, error) {
	var out []Rule
	for _, rule := range rules {
		expression, err := regexp.Compile(rule.Regex)
		if err != nil {
			return nil, fmt.Errorf("the pattern `%s` can't be used: %w", rule.Pattern, err)
		}
		rule.compiled = expression
		out = append(out, rule)
	}
	return out, nil
}

// Reason says why an entry of a folder is left out; "" where it is not. Path is its real path but for a link that it
// is itself. Of patterns the last that matches counts, and what is in a folder that is left out is, too: the walk does
// not enter it.
func (l *Leaving) Reason(path string, isFolder bool) string {
	if l == nil {
		return ""
	}
	if reason := l.folders[path]; reason != "" {
		return reason
	}
	if l.examples && isFolder && isExamples(path) {
		return "examples of a policy"
	}
	for _, filter := range l.filters {
		if reason := filter.reason(path, isFolder); reason != "" {
			return reason
		}
	}
	return ""
}

func (f Filter) reason(path string, isFolder bool) string {
	relative, err := filepath.Rel(f.Base, path)
	if err != nil {
		return ""
	}
	relative = filepath.ToSlash(relative)
	if isFolder {
		relative += "/"
	}
	if last := lastMatch(f.Exclude, relative); last != nil && last.Matches {
		return fmt.Sprintf("%s leaves it out: `%s`", last.From, last.Pattern)
	}
	if len(f.Include) == 0 || isFolder {
		return ""
	}
	if last := lastMatch(f.Include, relative); last == nil || !last.Matches {
		return f.Include[0].From + " does not name it"
	}
	return ""
}

func lastMatch(rules []Rule, path string) *Rule {
	for i := len(rules) - 1; i >= 0; i-- {
		if rules[i].compiled.MatchString(path) {
			return &rules[i]
		}
	}
	return nil
}

// isExamples says whether a folder is `examples/POLICY/pass` or `…/fail` beside Rego files.
func isExamples(path string) bool {
	name, folder := filepath.Base(path), filepath.Dir(filepath.Dir(path))
	return (name == "pass" || name == "fail") && filepath.Base(folder) == "examples" && holdsRego(filepath.Dir(folder))
}

func holdsRego(folder string) bool {
	entries, _ := os.ReadDir(folder) // what can't be read is told by the walk itself
	for _, entry := range entries {
		if strings.HasSuffix(entry.Name(), ".rego") && !entry.IsDir() {
			return true
		}
	}
	return false
}

func resolved(path string) string {
	if real, err := realPath(path); err == nil {
		return real
	}
	return path
}

// leave notes an entry that is left out, if it could have held a manifest.
func (w *walker) leave(shown, path string, isFolder bool) bool {
	reason := w.below.Reason(path, isFolder)
	if reason != "" && (isFolder || isManifestName(shown)) {
		w.found.Skipped = append(w.found.Skipped, model.Skipped{File: shown, Reason: reason})
	}
	return reason != ""
}
