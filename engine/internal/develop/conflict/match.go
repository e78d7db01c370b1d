package conflict

import (
	"slices"
	"strings"

	"attest.continuu.ms/engine/internal/develop/explore"
	"attest.continuu.ms/engine/internal/model"
)

// match is a constraint's match block, as far as two of them are compared by it.
type match struct {
	kinds      [][2]string // API group, kind; "*" for any
	namespaces []string
	excluded   []string
	scope      string // Cluster, Namespaced, or * for both
	name       string // with stars; "" for any
	labels     selector
	namespace  selector // of the namespace's labels
	text       string   // the whole block
}

func readMatch(value any) *match {
	block, _ := value.(map[string]any)
	m := &match{text: explore.Text(block), scope: text(block["scope"]), name: text(block["name"])}
	if len(block) == 0 {
		m.text = "everything"
	}
	if m.scope == "" {
		m.scope = "*"
	}
	kinds, _ := block["kinds"].([]any)
	for _, entry := range kinds {
		object, _ := entry.(map[string]any)
		for _, group := range texts(object["apiGroups"], "*") {
			for _, kind := range texts(object["kinds"], "*") {
				m.kinds = append(m.kinds, [2]string{group, kind})
			}
		}
	}
	m.namespaces, m.excluded = texts(block["namespaces"]), texts(block["excludedNamespaces"])
	m.labels, m.namespace = readSelector(block["labelSelector"]), readSelector(block["namespaceSelector"])
	return m
}

func texts(value any, fallback ...string) []string {
	list, _ := value.([]any)
	var out []string
	for _, item := range list {
		out = append(out, text(item))
	}
	if len(out) == 0 {
		return fallback
	}
	return out
}

func (m *match) hasKind(kind string) bool {
	return len(m.kinds) == 0 || slices.ContainsFunc(m.kinds, func(k [2]string) bool { return meets(k[1], kind) })
}

// covers says whether a resource is one that the block means, as far as the resource itself tells: one
// that names no namespace can be put into any.
func (m *match) covers(resource any) bool {
	object, _ := resource.(map[string]any)
	group, _, found := strings.Cut(text(object["apiVersion"]), "/")
	if !found {
		group = ""
	}
	kind, namespace, name := text(object["kind"]), text(at(object, "metadata", "namespace")), text(at(object, "metadata", "name"))
	labels, _ := at(object, "metadata", "labels").(map[string]any)
	isKind := len(m.kinds) == 0 || slices.ContainsFunc(m.kinds, func(k [2]string) bool {
		return meets(k[0], group) && meets(k[1], kind)
	})
	return isKind && (namespace == "" || m.means(namespace)) && (m.name == "" || glob(m.name, name)) && m.labels.accepts(labels)
}

// means says whether a namespace is one of the block.
func (m *match) means(namespace string) bool {
	return (len(m.namespaces) == 0 || anyGlob(m.namespaces, namespace)) && !anyGlob(m.excluded, namespace)
}

func anyGlob(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return glob(p, name) })
}

// glob matches as Gatekeeper does: a star at either end stands for anything.
func glob(pattern, name string) bool {
	prefix, suffix := strings.HasPrefix(pattern, "*"), strings.HasSuffix(pattern, "*")
	core := strings.Trim(pattern, "*")
	switch {
	case prefix && suffix:
		return strings.Contains(name, core)
	case prefix:
		return strings.HasSuffix(name, core)
	case suffix:
		return strings.HasPrefix(name, core)
	}
	return pattern == name
}

// overlaps says whether some resource is meant by both blocks.
func (m *match) overlaps(other *match) bool {
	kinds := len(m.kinds) == 0 || len(other.kinds) == 0 || slices.ContainsFunc(m.kinds, func(a [2]string) bool {
		return slices.ContainsFunc(other.kinds, func(b [2]string) bool { return meets(a[0], b[0]) && meets(a[1], b[1]) })
	})
	return kinds && m.shares(other) && meets(m.scope, other.scope) && bothGlob(m.name, other.name) &&
		m.labels.and(other.labels).possible() && m.namespace.and(other.namespace).possible()
}

func meets(a, b string) bool { return a == "*" || b == "*" || a == b }

// bothGlob says whether some name matches two patterns, of which "" means any.
func bothGlob(a, b string) bool {
	if a == "" || b == "" {
		return true
	}
	plainA, plainB := strings.Trim(a, "*"), strings.Trim(b, "*")
	for _, name := range []string{plainA, plainB, plainA + plainB, plainB + plainA} {
		if glob(a, name) && glob(b, name) {
			return true
		}
	}
	return false
}

// shares says whether some namespace is meant by both.
func (m *match) shares(other *match) bool {
	return slices.ContainsFunc(m.candidates(other), func(name string) bool { return m.means(name) && other.means(name) })
}

// candidates are namespaces that tell two blocks apart: those that they name, and one that they don't.
func (m *match) candidates(other *match) []string {
	out := []string{"any-other-namespace"}
	for _, a := range slices.Concat(m.namespaces, other.namespaces, m.excluded, other.excluded) {
		plain := strings.Trim(a, "*")
		out = append(out, plain, "any-"+plain, plain+"-any", "any-"+plain+"-any")
		for _, b := range slices.Concat(m.namespaces, other.namespaces) {
			out = append(out, plain+strings.Trim(b, "*"))
		}
	}
	return out
}

// void says that a block can match nothing: it asks for labels that exclude each other, or excludes every
// namespace that it names. The latter is no matter to what has no namespace: then it is not certain.
func (m *match) void() (void, certain bool) {
	if !m.labels.possible() || !m.namespace.possible() {
		return true, true
	}
	namespaced := len(m.kinds) > 0 && !slices.ContainsFunc(m.kinds, func(k [2]string) bool {
		return k[1] == "*" || model.IsClusterScoped(k[1])
	})
	return !m.shares(m), namespaced || m.scope == "Namespaced"
}

// onlyKinds says that a block asks for nothing but kinds.
func (m *match) onlyKinds() bool {
	return len(m.namespaces)+len(m.excluded)+len(m.labels)+len(m.namespace) == 0 && m.scope == "*" && m.name == ""
}

// inside says whether every resource of this block is one of the other.
func (m *match) inside(other *match) bool {
	kinds := len(other.kinds) == 0 || len(m.kinds) > 0 && !slices.ContainsFunc(m.kinds, func(a [2]string) bool {
		return !slices.ContainsFunc(other.kinds, func(b [2]string) bool {
			return (b[0] == "*" || a[0] == b[0]) && (b[1] == "*" || a[1] == b[1])
		})
	})
	namespaces := !slices.ContainsFunc(m.candidates(other), func(name string) bool { return m.means(name) && !other.means(name) })
	return kinds && namespaces && (other.scope == "*" || m.scope == other.scope) && (other.name == "" || m.name == other.name) &&
		other.labels.part(m.labels) && other.namespace.part(m.namespace)
}
