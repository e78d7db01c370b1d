//go:build linux && !amd64

package walls

var older []uint32
