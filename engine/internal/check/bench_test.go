//go:build unix

package check

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"attest.continuu.ms/engine/internal/compiled"
	"attest.continuu.ms/engine/internal/model"
	"attest.continuu.ms/engine/internal/policyset"
	"attest.continuu.ms/engine/internal/rego"
	"attest.continuu.ms/engine/internal/trial"
)

// benchmarks is the folder of the project's benchmarks, whose policies these are.
const benchmarks = "../../../benchmarks"

// libraryTemplates are n templates as libraries write them, with a constraint each that asks about Pods.
func libraryTemplates(tb testing.TB, n int) (files map[string]string) {
	tb.Helper()
	folder := filepath.Join(benchmarks, "templates/library")
	rules, libraries := regoIn(tb, folder), regoIn(tb, filepath.Join(folder, "lib"))
	parameters := map[string]any{
		"repos": []string{"registry.company.com/", "gcr.io/company/"}, "cpu": "500m", "memory": "512Mi",
		"labels": []any{map[string]any{"key": "team", "allowedRegex": "^[a-z-]+$"}, map[string]any{"key": "owner"}},
		"probes": []string{"livenessProbe", "readinessProbe"}, "allowedCapabilities": []string{"NET_BIND_SERVICE"},
		"exemptImages": []string{"registry.company.com/base/*", "gcr.io/company/agent:1.0"},
	}
	files = map[string]string{}
	for i := range n {
		kind := fmt.Sprintf("Bench%03d", i)
		code := strings.Replace(rules[i%len(rules)], "package rule", "package "+strings.ToLower(kind), 1)
		files[kind+".json"] = document(tb, map[string]any{
			"apiVersion": "templates.gatekeeper.sh/v1", "kind": "ConstraintTemplate", "metadata": map[string]any{"name": strings.ToLower(kind)},
			"spec": map[string]any{
				"crd": map[string]any{"spec": map[string]any{"names": map[string]any{"kind": kind}, "validation": map[string]any{
					"openAPIV3Schema": map[string]any{"type": "object", "x-kubernetes-preserve-unknown-fields": true},
				}}},
				"targets": []any{map[string]any{"target": "admission.k8s.gatekeeper.sh", "rego": code, "libs": libraries}},
			},
		})
		files[kind+"-all.json"] = document(tb, map[string]any{
			"apiVersion": "constraints.gatekeeper.sh/v1beta1", "kind": kind, "metadata": map[string]any{"name": "all"},
			"spec": map[string]any{
				"match":      map[string]any{"kinds": []any{map[string]any{"apiGroups": []string{""}, "kinds": []string{"Pod"}}}},
				"parameters": parameters,
			},
		})
	}
	return files
}

// regoIn are the Rego files of a folder, by name.
func regoIn(tb testing.TB, folder string) (out []string) {
	tb.Helper()
	paths, err := filepath.Glob(filepath.Join(folder, "*.rego"))
	if err != nil || len(paths) == 0 {
		tb.Fatalf("no Rego in %s: %v", folder, err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			tb.Fatal(err)
		}
		out = append(out, string(text))
	}
	return out
}

func document(tb testing.TB, value any) string {
	tb.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		tb.Fatal(err)
	}
	return string(text)
}

// requests are a set of 20 templates and a plain policy, and requests that ask all of it about a Pod each, of many shapes.
func requests(tb testing.TB, mode compiled.Mode, n int) (*policyset.Set, []Params) {
	tb.Helper()
	set, selected := loaded(tb, mode, trial.Folder(tb, libraryTemplates(tb, 20)), filepath.Join(benchmarks, "policies"))
	out := make([]Params, n)
	for i, pod := range trial.Pods(1, n) {
		out[i] = Params{Inputs: []Text{{File: "pod.json", Text: document(tb, pod)}}, Policies: selected, Jobs: 1}
	}
	return set, out
}

// loaded are the policies of folders, all of them selected.
func loaded(tb testing.TB, mode compiled.Mode, folders ...string) (set *policyset.Set, selected []rego.Selection) {
	tb.Helper()
	set, policies, problems := policyset.Load(tb.Context(), policyset.Params{Paths: folders, OPA: true, Gatekeeper: true, Evaluator: mode})
	if model.HasErrors(problems) {
		tb.Fatal(problems)
	}
	for _, policy := range policies {
		selected = append(selected, rego.Selection{Name: policy.Name})
	}
	return set, selected
}

// BenchmarkRequest is one resource under 20 templates and a plain policy, with findings and places. One operation is one
// request, as an admission server would make it.
func BenchmarkRequest(b *testing.B) {
	for _, mode := range []compiled.Mode{compiled.OPA, compiled.Compiled} {
		b.Run(string(mode), func(b *testing.B) {
			set, asked := requests(b, mode, 500)
			findings := 0
			b.ReportAllocs()
			defer trial.Processor(b)()
			for i := 0; b.Loop(); i++ {
				if _, err := Run(b.Context(), set, asked[i%len(asked)], func(batch Batch) error {
					findings += len(batch.Findings)
					return nil
				}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(findings)/float64(b.N), "findings/op")
		})
	}
}

// BenchmarkLoads judges the manifests of each folder of $ATTEST_LOADS by the policies beside them, of which the profile is made
// that the compiler of the engine is given (make profile). One operation is one run over a folder.
func BenchmarkLoads(b *testing.B) {
	loads, err := filepath.Glob(filepath.Join(os.Getenv("ATTEST_LOADS"), "*", "policies"))
	if err != nil || os.Getenv("ATTEST_LOADS") == "" {
		b.Skip("no $ATTEST_LOADS")
	}
	for _, policies := range loads {
		b.Run(filepath.Base(filepath.Dir(policies)), func(b *testing.B) {
			set, selected := loaded(b, compiled.Compiled, policies)
			params := Params{Paths: []string{filepath.Join(filepath.Dir(policies), "manifests")}, Policies: selected}
			for b.Loop() {
				if _, err := Run(b.Context(), set, params, func(batch Batch) error {
					_, err := batch.AppendJSON(nil)
					return err
				}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
