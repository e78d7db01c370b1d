package attest.lib

# Fields as Kubernetes decodes them: null is an absent field, an empty object or an empty text, whatever stands there.
# Nothing here fails over a value of a wrong type, so that no manifest can switch a rule off.

# The value at `path` (a key, or a list of keys) below a document, or the fallback where it is absent or null.
field(document, path, fallback) := value if {
	is_object(document)
	value := object.get(document, path, null)
	value != null
} else := fallback

# An element of a list of objects; undefined where it is something else.
element(null) := {}

element(value) := value if is_object(value)

# A text in a list or a map of texts; undefined where it is something else.
text(null) := ""

text(value) := value if is_string(value)

# A list in words: `a, b`.
listed(values) := concat(", ", [sprintf("%v", [value]) | some value in values])
