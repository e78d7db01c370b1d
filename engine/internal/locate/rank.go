package locate

// class says how much a reading of the resource has to do with the verdict.
type class int

// From what explains nothing to what decided.
const (
	nothing   class = iota
	message         // read for the text only
	selector        // says which resources the rule is about: kind, name, namespace
	generator       // a collection or element that was looked at, without a test
	general         // a test of something that the resource has once
	naming          // a test of an element's name, which tells elements apart
	decisive        // a test of an element
)

// candidate is a place that may be to blame.
type candidate struct {
	place
	class class
	pos   int // of the condition that it served: later ones decide, earlier ones select
}

// classify judges a place by where it is.
func classify(p place) class {
	n := p.at
	if n.depth == 0 && p.missing == 0 {
		return nothing
	}
	tested := general
	if n.indices > 0 {
		tested = decisive
	}
	if p.missing > 0 {
		return tested
	}
	switch n.key {
	case "kind", "apiVersion":
		if n.depth == 1 {
			return selector
		}
	case "name", "namespace", "generateName":
		if n.depth == 2 && n.parent.key == "metadata" {
			return selector
		}
		return min(tested, naming)
	}
	return tested
}

// better orders candidates: what tested over what selected; what is about one element over what is about the whole;
// the later condition over the earlier; the more specific over the less. Of equals the first stays.
func (c candidate) better(than candidate) bool {
	if c.class != than.class {
		return c.class > than.class
	}
	if c.class == nothing {
		return false
	}
	if a, b := c.at.indices > 0, than.at.indices > 0; a != b {
		return a
	}
	if c.pos != than.pos {
		return c.pos > than.pos
	}
	if c.at.depth != than.at.depth {
		return c.at.depth > than.at.depth
	}
	return c.missing > than.missing
}

func best(a, b candidate) candidate {
	if b.better(a) {
		return b
	}
	return a
}

// capped lowers the class: what a helper found decisive selects only, where the helper was asked to select.
func (c candidate) capped(at class) candidate {
	c.class = min(c.class, at)
	return c
}

// merged is a candidate for both.
func merged(a, b candidate) candidate {
	if a.class == nothing || b.class == nothing || a.at == b.at {
		return best(a, b)
	}
	return b.capped(a.class).raised(common(a.at, b.at))
}

// raised is the candidate at a place above its own.
func (c candidate) raised(to *node) candidate {
	if c.at != to {
		c.at, c.missing = to, 0
	}
	if to.indices == 0 {
		return c.capped(general)
	}
	return c
}
