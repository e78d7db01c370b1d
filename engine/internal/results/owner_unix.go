//go:build unix

package results

import (
	"io/fs"
	"os"
	"syscall"
)

// noFollow keeps a link from being opened.
const noFollow = syscall.O_NOFOLLOW | syscall.O_NONBLOCK

// owned says whether a file is this user's.
func owned(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid()
}

// alone says whether a file has no other name by which it could be written.
func alone(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && stat.Nlink == 1
}
