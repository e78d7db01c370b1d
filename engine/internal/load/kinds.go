package load

import (
	"slices"
	"strings"
)

// MayHold says whether a source can hold a resource of one of the kinds, without decoding it: true wherever there is
// doubt. A kind, which is one word, stands in a text as it is, wherever it comes from (an alias, a merge, its list), unless it is written
// with escapes, as base64 by a tag, or in another encoding. The text is kept in the source, to be read once.
func MayHold(source *Source, kinds []string, limits Limits) bool {
	raw, problem := readSource(*source, limits.orDefault().FileBytes)
	if problem != nil {
		return true // reading it says what is wrong
	}
	source.Text = raw
	text := string(raw)
	return strings.ContainsAny(text, `\!`) || foreignEncoding(text) != "" ||
		slices.ContainsFunc(kinds, func(kind string) bool { return strings.Contains(text, kind) })
}
