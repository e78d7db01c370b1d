package suite

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/open-policy-agent/gatekeeper/v3/pkg/gator"
	"github.com/open-policy-agent/gatekeeper/v3/pkg/gator/verify"

	"attest.continuu.ms/engine/internal/constraint"
)

// The public library passes case for case as it does in gator, with CEL on and with Rego alone.
func TestLibraryPassesAsInGator(t *testing.T) {
	root := os.Getenv("GATEKEEPER_LIBRARY")
	if root == "" {
		t.Skip("SKIPPED: set GATEKEEPER_LIBRARY to a checkout of gatekeeper-library to run its Suites")
	}
	for name, cel := range map[string]bool{"CEL": true, "Rego": false} {
		t.Run(name, func(t *testing.T) {
			var opts []gator.Opt
			if cel {
				opts = append(opts, gator.WithK8sCEL())
			}
			want, cases := byGator(t, root, opts), 0
			err := Run(t.Context(), Params{Paths: []string{root}, Options: constraint.Options{CEL: cel}}, func(s Suite) error {
				cases += compare(t, s, want[s.File])
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%d Suites, %d cases", len(want), cases)
		})
	}
}

func byGator(t *testing.T, root string, opts []gator.Opt) map[string]verify.SuiteResult {
	t.Helper()
	files := os.DirFS("/").(fs.StatFS)
	absolute, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	suites, err := verify.ReadSuites(files, absolute[1:], absolute, true)
	if err != nil {
		t.Fatal(err)
	}
	runner, err := verify.NewRunner(files, func(more ...gator.Opt) (gator.Client, error) {
		return gator.NewOPAClient(false, append(more, opts...)...)
	})
	if err != nil {
		t.Fatal(err)
	}
	filter, err := verify.NewFilter("")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]verify.SuiteResult{}
	for _, s := range suites {
		out["/"+s.AbsolutePath] = runner.Run(context.Background(), filter, s)
	}
	return out
}

// compare says where we and gator differ, and returns how many cases were compared.
func compare(t *testing.T, got Suite, want verify.SuiteResult) int {
	t.Helper()
	if (got.Error != "") != (want.Error != nil) || got.Skipped != want.Skipped || len(got.Tests) != len(want.TestResults) {
		t.Errorf("%s: got %q, %d tests; want %v, %d tests", got.File, got.Error, len(got.Tests), want.Error, len(want.TestResults))
		return 0
	}
	cases := 0
	for i, test := range got.Tests {
		if (test.Error != "") != (want.TestResults[i].Error != nil) || len(test.Cases) != len(want.TestResults[i].CaseResults) {
			t.Errorf("%s, %s: got %q, want %v", got.File, test.Name, test.Error, want.TestResults[i].Error)
			continue
		}
		for j, c := range test.Cases {
			cases++
			if (c.Error != "") != (want.TestResults[i].CaseResults[j].Error != nil) {
				t.Errorf("%s, %s, %s: got %q, want %v", got.File, test.Name, c.Name, c.Error, want.TestResults[i].CaseResults[j].Error)
			}
		}
	}
	return cases
}
