package syntax

// blockScalar reads the literal (`|`) or folded (`>`) scalar at pos, inside a block collection at indent.
func (p *parser) blockScalar(indent int) bool {
	s := literal{parser: p, start: p.pos, folded: p.text[p.pos] == '>', parent: indent}
	if !s.header() || !s.findIndent() || !s.lines() {
		return false
	}
	if s.open && s.chomp != '-' {
		p.feed(1)
	}
	if s.chomp == '+' {
		p.feed(s.empty)
	}
	p.scalar(Text, s.start, s.end, string(p.buffer))
	return p.nextContent(p.pos)
}

// literal is the state of reading one literal or folded scalar. Its text gathers in the parser's buffer.
type literal struct {
	*parser
	start, end    int
	folded        bool
	chomp         byte // '+' keeps all line feeds at the end, '-' none, 0 one
	parent        int  // indent of the collection around
	indent        int  // of the text; 0 while unknown
	open          bool // a line was read, its line feed not yet written
	empty         int  // empty lines since
	indentedAbove bool // the line before starts with white space
}

// header reads the indicators behind `|` or `>` and the rest of their line.
func (s *literal) header() bool {
	s.buffer = s.buffer[:0]
	for s.pos++; s.pos < len(s.text); s.pos++ {
		c := s.text[s.pos]
		if s.chomp == 0 && (c == '+' || c == '-') {
			s.chomp = c
		} else if s.indent == 0 && c >= '1' && c <= '9' {
			s.indent = max(s.parent, 0) + int(c-'0')
		} else {
			break
		}
	}
	s.end = s.pos
	i := s.skipSpaces(s.pos)
	if i < len(s.text) && s.text[i] == '#' && i > s.pos {
		i = s.lineFeed(i)
	}
	if s.pos = i; !s.atBreak(i) {
		return s.decline("unexpected text after `|` or `>`")
	}
	s.nextLine(i)
	return true
}

// nextLine goes to the start of the line after the one that ends at or after offset.
func (s *literal) nextLine(offset int) {
	s.pos = min(s.lineFeed(offset)+1, len(s.text))
	s.lineStart = s.pos
}

// findIndent takes the indent of the text from its first line that is not empty.
func (s *literal) findIndent() bool {
	if s.indent > 0 {
		return true
	}
	deepest := 0
	for i := s.pos; ; {
		line := i
		i = s.skipSpaces(i)
		s.indent = max(i-line, s.parent+1, 1)
		if i < len(s.text) && s.atBreak(i) {
			deepest = max(deepest, i-line)
			i = s.lineFeed(i) + 1
			continue
		}
		if i < len(s.text) && s.text[i] == '\t' {
			return s.decline("a tab where only spaces may stand")
		}
		return deepest <= s.indent || s.decline("an empty line is indented more than the text")
	}
}

// lines reads the lines that are indented enough.
func (s *literal) lines() bool {
	for s.pos < len(s.text) {
		i := s.pos
		for i < len(s.text) && i-s.pos < s.indent && s.text[i] == ' ' {
			i++
		}
		switch {
		case s.atBreak(i):
			s.empty++
			s.nextLine(i)
		case i-s.pos == s.indent:
			s.line(i)
		case s.text[i] == '\t':
			return s.decline("a tab where only spaces may stand")
		default:
			return true
		}
	}
	return true
}

// line reads the line whose text starts at offset, joined to what is above.
func (s *literal) line(offset int) {
	indented := s.text[offset] == ' ' || s.text[offset] == '\t'
	if s.open {
		if s.folded && !indented && !s.indentedAbove {
			s.fold(s.empty + 1)
		} else {
			s.feed(s.empty + 1)
		}
	} else {
		s.feed(s.empty)
	}
	s.open, s.empty, s.indentedAbove = true, 0, indented
	feed := s.lineFeed(offset)
	s.end = feed
	if feed > offset && feed < len(s.text) && s.text[feed-1] == '\r' {
		s.end--
	}
	s.buffer = append(s.buffer, s.text[offset:s.end]...)
	s.nextLine(feed)
}
