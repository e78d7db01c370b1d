//go:build unix

package load

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestWhatIsNoRegularFileNeverBlocks opens pipes and devices that would block, or never end.
func TestWhatIsNoRegularFileNeverBlocks(t *testing.T) {
	root := folder(t, map[string]string{"sub/": ""})
	pipe := filepath.Join(root, "pipe.yaml")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Skipf("no pipes here: %v", err)
	}
	for path, want := range map[string]string{pipe: "a pipe", "/dev/zero": "a device", filepath.Join(root, "sub"): "a folder"} {
		done := make(chan File, 1)
		go func() { done <- Read(Source{Path: path}, Limits{}) }()
		select {
		case file := <-done:
			if len(file.Problems) != 1 || !strings.Contains(file.Problems[0].Message, want+", not a regular file") {
				t.Errorf("%s: %+v", path, file.Problems)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("reading %s blocks", path)
		}
	}
	sources, _, problems := Walk([]string{root, "/dev/zero"})
	if len(sources) != 0 || len(problems) != 2 {
		t.Errorf("sources %v, problems %v", sources, problems)
	}
}
