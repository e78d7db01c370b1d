package syntax

// flowNode reads the node at pos inside or at the start of a flow collection.
func (p *parser) flowNode() bool {
	switch p.text[p.pos] {
	case '[':
		return p.flowSequence()
	case '{':
		return p.flowMapping()
	case '"', '\'':
		return p.quoted()
	}
	return p.flowPlain()
}

// flowSequence reads `[…]`.
func (p *parser) flowSequence() bool {
	index, ok := p.open(Sequence)
	if !ok {
		return false
	}
	p.pos++
	for size := 0; ; size++ {
		if !p.flowSpace() {
			return false
		}
		if p.text[p.pos] == ']' {
			p.pos++
			return p.close(index, size, p.pos)
		}
		if !p.flowNode() || !p.flowComma(']') {
			return false
		}
	}
}

// flowMapping reads `{…}`.
func (p *parser) flowMapping() bool {
	index, ok := p.open(Mapping)
	if !ok {
		return false
	}
	p.pos++
	for size := 0; ; size++ {
		if !p.flowSpace() {
			return false
		}
		if p.text[p.pos] == '}' {
			p.pos++
			return p.close(index, size, p.pos)
		}
		if !p.flowKey() || !p.flowValue() || !p.flowComma('}') {
			return false
		}
	}
}

// flowComma reads the comma after an element, or stays before the bracket that closes.
func (p *parser) flowComma(closing byte) bool {
	if !p.flowSpace() {
		return false
	}
	switch p.text[p.pos] {
	case ',':
		p.pos++
		return true
	case closing:
		return true
	}
	return p.decline("neither a comma nor the end of the collection")
}

// flowKey reads a key and its `:`, all on one line.
func (p *parser) flowKey() bool {
	start, line := p.pos, p.lineStart
	if !p.flowScalarKey() || !p.flowSpace() {
		return false
	}
	if p.lineStart != line || p.text[p.pos] != ':' || p.pos-start > longestKey {
		return p.decline("a key without its `:`")
	}
	p.pos++
	return true
}

func (p *parser) flowScalarKey() bool {
	if c := p.text[p.pos]; c == '"' || c == '\'' {
		return p.quoted()
	}
	if !p.startsFlowPlain() {
		return p.decline("not a plain key")
	}
	end, stop, ok := p.scanPlain(p.pos, classFlowStop)
	value := p.text[p.pos:end]
	p.scalar(Plain, p.pos, end, value)
	p.pos = stop
	return ok && value != "<<" || p.decline("not a plain key")
}

// flowValue reads the value after a `:`, which may be left out.
func (p *parser) flowValue() bool {
	end := p.pos
	if !p.flowSpace() {
		return false
	}
	if c := p.text[p.pos]; c == ',' || c == '}' {
		p.absent(end)
		return true
	}
	return p.flowNode()
}

// flowPlain reads a plain scalar inside a flow collection, on one line.
func (p *parser) flowPlain() bool {
	if !p.startsFlowPlain() {
		return p.decline("not a plain scalar")
	}
	end, stop, ok := p.scanPlain(p.pos, classFlowStop)
	if !ok {
		return p.decline("a tab in a plain scalar")
	}
	p.scalar(Plain, p.pos, end, p.text[p.pos:end])
	p.pos = stop
	if stop == len(p.text) || p.text[stop] == '?' {
		return p.decline("not a plain scalar")
	}
	return p.noTabBelow(stop)
}

// noTabBelow declines tabs in the white space that follows a plain scalar over lines: it belongs to the scalar,
// where indentation counts.
func (p *parser) noTabBelow(offset int) bool {
	for ; offset < len(p.text); offset++ {
		switch p.text[offset] {
		case ' ', '\n', '\r':
		case '\t':
			return p.decline("a tab where only spaces may stand")
		default:
			return true
		}
	}
	return true
}

// flowSpace goes to the next token inside a flow collection, over lines and comments.
func (p *parser) flowSpace() bool {
	for i := p.pos; i < len(p.text); {
		switch p.text[i] {
		case ' ', '\t', '\r':
			i++
		case '\n':
			i++
			p.lineStart = i
		case '#':
			if c := p.text[i-1]; c != ' ' && c != '\n' {
				p.pos = i
				return p.decline("a `#` inside a flow collection")
			}
			i = p.lineFeed(i)
		default:
			p.pos = i
			return true
		}
	}
	p.pos = len(p.text)
	return p.decline("a flow collection that is never closed")
}
