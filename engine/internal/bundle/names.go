package bundle

import (
	"path"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"attest.continuu.ms/engine/internal/model"
)

const (
	maxName  = 1024
	maxDepth = 32
)

// cleanName is the path of an entry below the bundle's root; empty for the root itself. OPA writes
// every name with a leading slash that stands for the root, so one slash is taken off.
func cleanName(name string, folder bool) (string, error) {
	bare := strings.TrimPrefix(strings.TrimPrefix(name, "./"), "/")
	if folder {
		bare = strings.TrimSuffix(bare, "/")
	}
	switch {
	case bare == "" || bare == ".":
		if folder {
			return "", nil
		}
		return "", archiveError("an entry has no name")
	case len(bare) > maxName || strings.Count(bare, "/") >= maxDepth:
		return "", archiveError("the name `%s` is too long or too deep", model.Short(bare))
	case !utf8.ValidString(bare) || strings.ContainsFunc(bare, forbidden):
		return "", archiveError("the name `%s` holds a character that names must not hold", model.Short(bare))
	case strings.HasPrefix(bare, "/") || hasDrive(bare):
		return "", archiveError("`%s` is an absolute path", model.Short(name))
	case hasParent(bare):
		return "", archiveError("`%s` leads out of the bundle", model.Short(name))
	case path.Clean(bare) != bare:
		return "", archiveError("`%s` is no plain path", model.Short(name))
	}
	return bare, nil
}

// forbidden are characters that hide what a name is, or that some system reads as a separator.
func forbidden(r rune) bool {
	return r == '\\' || r == utf8.RuneError || unicode.IsControl(r) || unicode.Is(unicode.Cf, r)
}

func hasDrive(name string) bool {
	return len(name) > 1 && name[1] == ':' && unicode.IsLetter(rune(name[0]))
}

func hasParent(name string) bool {
	for _, part := range strings.Split(name, "/") {
		if part == ".." {
			return true
		}
	}
	return false
}

// names are the paths of a bundle as a system sees them that folds case and composes characters:
// there two of them could be one file, and whoever verifies one could load the other.
type names map[string]entryKind

type entryKind struct {
	path   string
	folder bool
}

func (n names) add(name string, folder bool) error {
	for parent := path.Dir(name); parent != "."; parent = path.Dir(parent) {
		if err := n.claim(parent, true); err != nil {
			return err
		}
	}
	if old, taken := n[folded(name)]; taken && !folder && !old.folder && old.path == name {
		return archiveError("`%s` is in the archive twice", model.Short(name))
	}
	return n.claim(name, folder)
}

func (n names) claim(name string, folder bool) error {
	key := folded(name)
	old, taken := n[key]
	if taken && old.path != name {
		return archiveError("`%s` and `%s` differ in case or in composed characters only", model.Short(old.path), model.Short(name))
	}
	if taken && old.folder != folder {
		return archiveError("`%s` is a file and a folder at once", model.Short(name))
	}
	n[key] = entryKind{name, folder}
	return nil
}

func folded(name string) string { return norm.NFC.String(cases.Fold().String(norm.NFC.String(name))) }
