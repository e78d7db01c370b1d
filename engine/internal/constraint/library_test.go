package constraint

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/open-policy-agent/frameworks/constraint/pkg/client/reviews"
	"github.com/open-policy-agent/gatekeeper/v3/pkg/mutation/types"
	"github.com/open-policy-agent/gatekeeper/v3/pkg/target"
	corev1 "k8s.io/api/core/v1"

	"attest.continuu.ms/engine/internal/constraint/admission"
	"attest.continuu.ms/engine/internal/constraint/enforcement"
	"attest.continuu.ms/engine/internal/constraint/gatekeeper"
	"attest.continuu.ms/engine/internal/constraint/terms"
	"attest.continuu.ms/engine/internal/model"
)

// library is a checkout of Gatekeeper's public library, which is not part of this project.
func library(t *testing.T) string {
	t.Helper()
	root := os.Getenv("GATEKEEPER_LIBRARY")
	if root == "" {
		t.Skip("SKIPPED: set GATEKEEPER_LIBRARY to a checkout of gatekeeper-library to compare on it")
	}
	return filepath.Join(root, "library")
}

// Every template of the library, with every constraint and resource of its samples, with CEL and
// without.
func TestLibraryVerdictsAreUpstreams(t *testing.T) {
	templates, err := filepath.Glob(filepath.Join(library(t), "*", "*", "template.yaml"))
	if err != nil || len(templates) == 0 {
		t.Fatalf("no templates found: %v", err)
	}
	verdicts := 0
	for _, path := range templates {
		for _, cel := range []bool{true, false} {
			verdicts += compareTemplate(t, path, cel)
		}
	}
	t.Logf("%d templates, %d verdicts with violations or errors", len(templates), verdicts)
	if verdicts == 0 {
		t.Fatal("the comparison compared nothing")
	}
}

func compareTemplate(t *testing.T, path string, cel bool) int {
	t.Helper()
	count := 0
	samples, _ := filepath.Glob(filepath.Join(filepath.Dir(path), "samples", "*"))
	for _, sample := range samples {
		policies := append(read(t, path), read(t, filepath.Join(sample, "constraint.yaml"))...)
		set, _, problems := Load(context.Background(), policies, Options{CEL: cel})
		if failing := errorsOf(problems); len(failing) > 0 {
			t.Errorf("%s: %v", sample, failing)
			continue
		}
		oracle := upstream(t, cel, policies)
		files, _ := filepath.Glob(filepath.Join(sample, "*.yaml"))
		for _, file := range files {
			for _, o := range read(t, file) {
				count += compareResource(t, file, set, o, func(review any) []string {
					return upstreamVerdict(t, oracle, review, reviews.EnforcementPoint(enforcement.Gator))
				})
			}
		}
	}
	return count
}

func compareResource(t *testing.T, file string, set *Set, o gatekeeper.Object, ask func(any) []string) int {
	t.Helper()
	if o.Value["kind"] == "AdmissionReview" || o.Value["kind"] == nil || o.Value["apiVersion"] == nil {
		return 0
	}
	var ns *corev1.Namespace
	resource := termOf(t, native(t, o.Value).Object)
	if terms.Text(resource, "metadata", "namespace") == "" {
		ns = &corev1.Namespace{}
	} else if terms.Text(resource, "metadata", "namespace") == "default" {
		ns = &corev1.Namespace{}
		ns.Name = "default"
	}
	want := ask(target.AugmentedUnstructured{Object: *native(t, o.Value), Namespace: ns, Source: types.SourceTypeOriginal})
	got := ourVerdict(t, review(t, set, admission.Review{Object: resource, EnforcementPoint: enforcement.Gator}))
	sameLines(t, file, got, want)
	return len(want)
}

func errorsOf(problems []model.Problem) []model.Problem {
	var out []model.Problem
	for _, p := range problems {
		if p.Severity == model.Error {
			out = append(out, p)
		}
	}
	return out
}

func read(t *testing.T, path string) []gatekeeper.Object {
	t.Helper()
	raw, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	var out []gatekeeper.Object
	for _, part := range strings.Split(string(raw), "\n---") {
		out = append(out, objects(t, path, part)...)
	}
	return out
}
