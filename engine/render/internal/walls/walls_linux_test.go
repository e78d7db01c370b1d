package walls

import (
	"errors"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// TestNothingLeadsOut runs itself behind the walls: they can't be taken down again.
func TestNothingLeadsOut(t *testing.T) {
	if os.Getenv("BEHIND") == "" {
		command := exec.Command(os.Args[0], "-test.run", t.Name(), "-test.v")
		command.Env = append(os.Environ(), "BEHIND="+t.TempDir())
		if out, err := command.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	folder := os.Getenv("BEHIND")
	if err := Raise(1 << 30); err != nil {
		t.Fatal(err)
	}
	for name, try := range map[string]func() error{
		"a connection":    func() error { _, err := net.Dial("tcp", "127.0.0.1:1"); return err },
		"a socket":        func() error { _, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0); return err },
		"a program":       func() error { return exec.Command("/bin/true").Run() },
		"a folder":        func() error { return os.Mkdir(filepath.Join(folder, "made"), 0o700) },
		"a removal":       func() error { return os.Remove(folder) },
		"a new name":      func() error { return os.Rename(folder, folder+"x") },
		"a link":          func() error { return os.Symlink("/etc", filepath.Join(folder, "link")) },
		"other rights":    func() error { return os.Chmod(folder, 0) },
		"another's death": func() error { return syscall.Kill(os.Getppid(), 0) },
	} {
		if err := try(); !errors.Is(err, syscall.EPERM) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := http.Get("http://127.0.0.1:1"); !errors.Is(err, errNetwork) {
		t.Error(err)
	}
	if len(os.Environ()) > 0 {
		t.Error(os.Environ())
	}
}
