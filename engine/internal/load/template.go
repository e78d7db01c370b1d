package load

import "strings"

// template is the file that a document was rendered from, as the comment says that helm puts above each; empty where
// there is none. The comment is anybody's to write: it is shown, and nothing is read for it.
func (p *positions) template() string {
	const mark, longest = "# Source: ", 1000
	for rest := p.text; rest != ""; {
		line, after, _ := strings.Cut(rest, "\n")
		rest = after
		switch line = strings.TrimSpace(line); {
		case strings.HasPrefix(line, mark) && len(line) < longest:
			return strings.TrimPrefix(line, mark)
		case line != "" && line != separator && !strings.HasPrefix(line, "#"):
			return ""
		}
	}
	return ""
}
