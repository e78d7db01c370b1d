// Package load turns paths and texts into the resources that policies judge: it walks folders, splits
// files into documents, decodes each as kubectl does, and finds the place of a field in its file.
//
// Everything it reads is hostile: sizes, depth and alias expansion are limited, nothing but regular files
// is opened, and what can't be read is a problem with a place, never a crash.
package load

// Limits bound what one file may cost. A zero field means the default.
type Limits struct {
	FileBytes     int64 // size of one file or text
	DocumentBytes int64 // size of one document of a file
	Documents     int   // documents of one file, items of lists included
	AliasNodes    int   // nodes of one document after its YAML aliases are expanded
	Depth         int   // nesting of one document
}

// DefaultLimits are far above what Kubernetes accepts: etcd refuses an object above 1.5 MB.
var DefaultLimits = Limits{
	FileBytes:     64 << 20,
	DocumentBytes: 16 << 20,
	Documents:     100_000,
	AliasNodes:    100_000,
	Depth:         500,
}

// orDefault replaces the fields that are not set.
func (l Limits) orDefault() Limits {
	l.FileBytes = positive(l.FileBytes, DefaultLimits.FileBytes)
	l.DocumentBytes = positive(l.DocumentBytes, DefaultLimits.DocumentBytes)
	l.Documents = positive(l.Documents, DefaultLimits.Documents)
	l.AliasNodes = positive(l.AliasNodes, DefaultLimits.AliasNodes)
	l.Depth = positive(l.Depth, DefaultLimits.Depth)
	return l
}

func positive[T int | int64](value, fallback T) T {
	if value > 0 {
		return value
	}
	return fallback
}
