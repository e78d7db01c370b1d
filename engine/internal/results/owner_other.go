//go:build !unix

package results

import "io/fs"

const noFollow = 0

// owned is false where owners can't be told: nothing is kept there.
func owned(fs.FileInfo) bool { return false }

func alone(fs.FileInfo) bool { return false }
