//go:build unix

package check

import (
	"fmt"
	"strings"
	"testing"

	"attest.continuu.ms/engine/internal/compiled"
)

// Pods of many shapes, each under several names, are judged by templates of a library: what was said of one is remembered
// for the others, and is what OPA says of each.
func TestWhatIsRememberedIsWhatOPASays(t *testing.T) {
	lasting, asked := requests(t, compiled.Compiled, 80)
	fresh, _ := requests(t, compiled.OPA, 0)
	found := 0
	for i, params := range asked {
		for _, name := range []string{"one", "two", "one"} {
			renamed := params
			renamed.Inputs = []Text{{File: "pod.json", Text: strings.Replace(params.Inputs[0].Text, `"name":"pod-`, `"name":"`+name+`-`, 1)}}
			got, _ := collect(t, lasting, renamed)
			want, _ := collect(t, fresh, renamed)
			if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) {
				t.Fatalf("pod %d: got\n%+v\nwant\n%+v", i, got, want)
			}
			found += len(got.Findings)
		}
	}
	if found < 1000 {
		t.Errorf("only %d findings", found)
	}
}
