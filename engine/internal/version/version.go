// Package version says which program this is. Version is stamped by the linker.
package version

import "runtime/debug"

// Version of the engine: equal to the version of the Python package that it is built for.
var Version = "0.0.0-dev"

// Protocol is the version of the method table in engine/README.md.
const Protocol = 1

// Of returns the version of a linked module, without its leading v, or "unknown".
func Of(module string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, dep := range info.Deps {
		if dep.Path == module {
			return dep.Version[1:]
		}
	}
	return "unknown"
}
