package syntax

// startsPlain says whether a plain scalar starts at pos in a block collection.
func (p *parser) startsPlain() bool {
	first := p.text[p.pos]
	return classes[first]&classNoStart == 0 || (first == '-' || first == '?' || first == ':') && p.solidAt(p.pos+1)
}

// startsFlowPlain says whether a plain scalar starts at pos in a flow collection.
func (p *parser) startsFlowPlain() bool {
	first := p.text[p.pos]
	return classes[first]&classNoStart == 0 || first == '-' && p.solidAt(p.pos+1)
}

// solidAt says whether something other than white space is at offset i.
func (p *parser) solidAt(i int) bool { return !p.blankAt(i) && p.text[i] != '\t' }

// scanPlain finds the end of a plain scalar on its line: end without the spaces behind it, and stop, the
// offset of the byte that ended it. It fails on a tab.
func (p *parser) scanPlain(start int, class uint8) (end, stop int, ok bool) {
	i := start
	for ; i < len(p.text); i++ {
		c := p.text[i]
		if classes[c]&class == 0 || c == ':' && p.solidAt(i+1) {
			continue
		}
		if c == '#' && i > start && p.text[i-1] != ' ' {
			continue
		}
		break
	}
	end = i
	if end > start && i < len(p.text) && p.text[i] == '\n' && p.text[end-1] == '\r' {
		end--
	}
	for end > start && p.text[end-1] == ' ' {
		end--
	}
	return end, i, i == len(p.text) || p.text[i] != '\t'
}

// plain reads a plain scalar inside a block collection at indent, over as many lines as are indented more.
func (p *parser) plain(indent int) bool {
	if !p.startsPlain() {
		return p.decline("not a plain scalar")
	}
	start := p.pos
	end, ok := p.plainLine()
	if !ok {
		return false
	}
	if p.column <= indent || p.commented {
		p.scalar(Plain, start, end, p.text[start:end])
		return true
	}
	return p.plainLines(indent, start, end)
}

// plainLine reads the part of a plain scalar that is on one line, and goes to the next token.
func (p *parser) plainLine() (end int, ok bool) {
	end, stop, ok := p.scanPlain(p.pos, classPlainStop)
	p.pos = stop
	if !ok {
		return 0, p.decline("a tab in a plain scalar")
	}
	if stop < len(p.text) && p.text[stop] == ':' {
		return 0, p.decline("a `:` inside a value")
	}
	comment := stop < len(p.text) && p.text[stop] == '#'
	if !p.nextContent(stop) {
		return 0, false
	}
	p.commented = p.commented || comment
	return end, true
}

// plainLines folds the lines of a plain scalar whose first line is read.
func (p *parser) plainLines(indent, start, end int) bool {
	p.buffer = append(p.buffer[:0], p.text[start:end]...)
	for p.column > indent && !p.commented {
		p.fold(p.breaks(end, p.pos))
		line, ok := p.pos, false
		if end, ok = p.plainLine(); !ok {
			return false
		}
		p.buffer = append(p.buffer, p.text[line:end]...)
	}
	p.scalar(Plain, start, end, string(p.buffer))
	return true
}

// breaks counts the line feeds between two offsets.
func (p *parser) breaks(from, to int) (count int) {
	for ; from < to; from++ {
		if p.text[from] == '\n' {
			count++
		}
	}
	return count
}

// fold writes line breaks as YAML joins lines: one is a space, and of more the first is dropped.
func (p *parser) fold(breaks int) {
	if breaks == 1 {
		p.buffer = append(p.buffer, ' ')
	}
	p.feed(breaks - 1)
}

func (p *parser) feed(count int) {
	for ; count > 0; count-- {
		p.buffer = append(p.buffer, '\n')
	}
}
