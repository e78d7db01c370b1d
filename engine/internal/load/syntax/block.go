package syntax

// blockNode reads the node at pos, a token at the given column inside a block collection at indent.
func (p *parser) blockNode(column, indent int) bool {
	if p.dashAt() {
		return p.blockSequence(column, false)
	}
	if p.keyAhead() {
		return p.blockMapping(column)
	}
	return p.inlineNode(indent)
}

// keyAhead says whether the token at pos is a key.
func (p *parser) keyAhead() bool {
	end := 0
	switch first := p.text[p.pos]; first {
	case '"', '\'':
		if end = p.quoteEnd(p.pos); end < 0 {
			return false
		}
		end = p.skipSpaces(end)
	default:
		if !p.startsPlain() {
			return false
		}
		_, end, _ = p.scanPlain(p.pos, classPlainStop)
	}
	return end < len(p.text) && p.text[end] == ':' && p.blankAt(end+1)
}

// blockMapping reads the mapping whose first key is at pos and column.
func (p *parser) blockMapping(column int) bool {
	index, ok := p.open(Mapping)
	if !ok {
		return false
	}
	size := 0
	for ; p.column == column || size == 0; size++ {
		if !p.key() || !p.blockValue(column) {
			return false
		}
	}
	if p.column > column {
		return p.decline("a line is indented more than its mapping")
	}
	return p.close(index, size, p.lastEnd())
}

// longestKey is how far a `:` may be from the start of its key, kept below YAML's 1024 characters.
const longestKey = 1000

// key reads a key and its `:`.
func (p *parser) key() bool {
	start, colon := p.pos, 0
	switch p.text[start] {
	case '"', '\'':
		if !p.quoted() {
			return false
		}
		if p.lineStart > start {
			return p.decline("a key over several lines")
		}
		colon = p.skipSpaces(p.pos)
	default:
		if !p.startsPlain() {
			return p.decline("not a plain key")
		}
		var end int
		end, colon, _ = p.scanPlain(start, classPlainStop)
		p.scalar(Plain, start, end, p.text[start:end])
		if p.text[start:end] == "<<" {
			return p.decline("a merge key")
		}
	}
	p.pos = min(colon, len(p.text))
	if colon >= len(p.text) || p.text[colon] != ':' || !p.blankAt(colon+1) || colon-start > longestKey {
		return p.decline("a key without its `:`")
	}
	p.pos++
	return true
}

// blockValue reads the value of the key that was read last, in the mapping at column.
func (p *parser) blockValue(column int) bool {
	i := p.skipSpaces(p.pos)
	if !p.atBreak(i) && p.text[i] != '#' {
		p.pos = i
		return p.inlineNode(column)
	}
	end := p.pos
	if !p.endLine() {
		return false
	}
	switch {
	case p.column > column:
		return p.blockNode(p.column, column)
	case p.column == column && p.dashAt():
		return p.blockSequence(column, true)
	}
	p.absent(end)
	return true
}

// blockSequence reads the sequence whose first dash is at pos and column. Entries may stand at the column of the
// mapping that holds the sequence; a key there then ends it.
func (p *parser) blockSequence(column int, inMapping bool) bool {
	index, ok := p.open(Sequence)
	if !ok {
		return false
	}
	size := 0
	for ; size == 0 || p.column == column && p.dashAt(); size++ {
		if !p.entry(column) {
			return false
		}
	}
	if p.column > column || p.column == column && !inMapping {
		return p.decline("a line does not belong to the sequence above")
	}
	return p.close(index, size, p.lastEnd())
}

// entry reads one dash and what it introduces.
func (p *parser) entry(column int) bool {
	p.pos++
	i := p.skipSpaces(p.pos)
	if !p.atBreak(i) && p.text[i] != '#' {
		p.pos = i
		return p.blockNode(i-p.lineStart, column)
	}
	end := p.pos
	if !p.endLine() {
		return false
	}
	if p.column > column {
		return p.blockNode(p.column, column)
	}
	p.absent(end)
	return true
}

// inlineNode reads a scalar or flow collection, and the rest of its line.
func (p *parser) inlineNode(indent int) bool {
	switch p.text[p.pos] {
	case '"', '\'':
		return p.quoted() && p.endLine()
	case '[', '{':
		return p.flowNode() && p.endLine()
	case '|', '>':
		return p.blockScalar(indent)
	}
	return p.plain(indent)
}
