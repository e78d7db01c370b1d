package walls

import (
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// spare is what a process needs beside its heap.
const spare = 1 << 30

// system has the kernel forbid it: memory far above the limit, writing to files, and the system calls below.
func system(memory int64) error {
	for resource, limit := range map[int]uint64{unix.RLIMIT_DATA: uint64(memory) + spare, unix.RLIMIT_FSIZE: 0, unix.RLIMIT_CORE: 0} {
		if err := unix.Setrlimit(resource, &unix.Rlimit{Cur: limit, Max: limit}); err != nil {
			return fmt.Errorf("limits can't be set: %w", err)
		}
	}
	return forbid()
}

// forbidden are the system calls that reach another program, another machine, or change what is on disk.
var forbidden = []uint32{
	unix.SYS_SOCKET, unix.SYS_SOCKETPAIR, unix.SYS_CONNECT, unix.SYS_EXECVE, unix.SYS_EXECVEAT, unix.SYS_PTRACE,
	unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV, unix.SYS_IO_URING_SETUP, unix.SYS_BPF, unix.SYS_MOUNT,
	unix.SYS_UNLINKAT, unix.SYS_MKDIRAT, unix.SYS_RENAMEAT2, unix.SYS_SYMLINKAT, unix.SYS_LINKAT, unix.SYS_TRUNCATE, unix.SYS_FTRUNCATE,
	unix.SYS_FCHMODAT, unix.SYS_FCHOWNAT, unix.SYS_MKNODAT, unix.SYS_KILL,
}

var architectures = map[string]uint32{"amd64": unix.AUDIT_ARCH_X86_64, "arm64": unix.AUDIT_ARCH_AARCH64}

const x32 = 0x40000000 // the other set of system calls of amd64

// forbid installs a filter for all threads that answers forbidden calls with EPERM. Where the kernel knows no filters, the
// libraries' own refusals are what there is.
func forbid() error {
	architecture, known := architectures[runtime.GOARCH]
	if !known {
		return nil
	}
	filter := []unix.SockFilter{
		load(4), // the architecture
		jump(unix.BPF_JEQ, architecture, 1, 0),
		answer(unix.SECCOMP_RET_KILL_PROCESS),
		load(0), // the number of the call
		jump(unix.BPF_JGE, x32, 0, 1),
		answer(unix.SECCOMP_RET_KILL_PROCESS),
	}
	for _, call := range append(forbidden, older...) {
		filter = append(filter, jump(unix.BPF_JEQ, call, 0, 1), answer(unix.SECCOMP_RET_ERRNO|uint32(unix.EPERM)))
	}
	filter = append(filter, answer(unix.SECCOMP_RET_ALLOW))
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("privileges can't be given up: %w", err)
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&program)))
	if errno != 0 && errno != unix.ENOSYS && errno != unix.EINVAL {
		return fmt.Errorf("system calls can't be forbidden: %w", errno)
	}
	return nil
}

func load(offset uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset}
}

func jump(how uint16, with uint32, yes, no uint8) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_JMP | how | unix.BPF_K, Jt: yes, Jf: no, K: with}
}

func answer(what uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: what}
}
