package kustomize

import (
	"path/filepath"
	"strings"
	"testing"

	"attest.continuu.ms/engine/internal/load"
	"attest.continuu.ms/engine/internal/trial"
)

const (
	web   = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop, labels: {app: web}}\nspec: {selector: {}}\n"
	patch = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: 1}\n"
	twin  = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {selector: {}, template: {spec: {containers: [{image: x}]}}}\n"
	other = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: any}\nspec: {replicas: 1}\n"
)

// places are the documents of a folder that are patches: `file:line of the document < file:line of the kustomization`.
func places(t *testing.T, files map[string]string) string {
	t.Helper()
	root := trial.Folder(t, files)
	found := load.WalkLeaving([]string{root}, nil)
	patches := Listed(found, load.DefaultLimits)
	if patches == nil {
		return ""
	}
	for _, source := range found.Sources {
		patches.Take(patches.Read(source))
	}
	patches.Settle()
	var lines []string
	for _, source := range found.Sources {
		for _, document := range load.Read(source, load.DefaultLimits).Documents {
			if place := patches.Of(source, document); place != "" {
				lines = append(lines, filepath.Base(source.Path)+" < "+strings.TrimPrefix(place, root+"/"))
			}
		}
	}
	return strings.Join(lines, ", ")
}

func TestAPatchIsKnownByItsKustomization(t *testing.T) {
	for name, test := range map[string]struct{ file, text, patch, want string }{
		"a path":                      {"kustomization.yaml", "resources: [web.yaml]\npatches:\n- path: p.yaml\n", patch, "kustomization.yaml:3"},
		"the ending yml":              {"kustomization.yml", "patches: [{path: ./p.yaml}]\n", patch, "kustomization.yml:1"},
		"no ending":                   {"Kustomization", "patches: [{path: p.yaml}]\n", patch, "Kustomization:1"},
		"an overlay":                  {"over/kustomization.yaml", "resources: [..]\npatches: [{path: p.yaml}]\n", patch, "over/kustomization.yaml:2"},
		"a strategic merge":           {"kustomization.yaml", "patchesStrategicMerge:\n- |\n  kind: Pod\n- p.yaml\n", patch, "kustomization.yaml:4"},
		"a path as older versions":    {"kustomization.yaml", "patches: [p.yaml]\n", patch, "kustomization.yaml:1"},
		"a component":                 {"kustomization.yaml", "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\npatches: [{path: p.yaml}]\n", patch, "kustomization.yaml:3"},
		"JSON":                        {"kustomization.yaml", `{"patches": [{"path": "p.yaml"}]}`, patch, "kustomization.yaml:1"},
		"a comment and a separator":   {"kustomization.yaml", "# ours\n---\npatches: [{path: p.yaml}]\n", patch, "kustomization.yaml:3"},
		"a deletion":                  {"kustomization.yaml", "patches: [{path: p.yaml}]\n", patch + "$patch: delete\n", "kustomization.yaml:1"},
		"a target":                    {"kustomization.yaml", "patches:\n- target: {group: apps, version: v1, kind: Deployment, name: w.*, namespace: shop, labelSelector: app=web}\n  path: p.yaml\n", other, "kustomization.yaml:2"},
		"a target of all":             {"kustomization.yaml", "patches: [{path: p.yaml, target: {kind: Deployment}}]\n", other, "kustomization.yaml:1"},
		"a target of another version": {"kustomization.yaml", "patches: [{path: p.yaml, target: {version: v1beta1}}]\n", other, ""},
		"a target by annotations":     {"kustomization.yaml", "patches: [{path: p.yaml, target: {annotationSelector: a=b}}]\n", other, ""},
		"a long pattern":              {"kustomization.yaml", "patches: [{path: p.yaml, target: {name: '" + strings.Repeat("w?", maxPattern) + "web'}}]\n", other, ""},
		"the second of two lines":     {"kustomization.yaml", "patches:\n- path: p.yaml\n  target: {name: none}\n- path: p.yaml\n", patch, "kustomization.yaml:4"},
		"an image of every container": {"kustomization.yaml", "patches: [{path: p.yaml}]\n", twin, ""},
		"no name":                     {"kustomization.yaml", "patches: [{path: p.yaml}]\n", strings.ReplaceAll(patch, "name: web", "labels: {a: b}"), ""},
		"operations":                  {"kustomization.yaml", "patches: [{path: p.yaml, target: {kind: Deployment}}]\n", "- {op: remove, path: /spec}\n", ""},
		"inline":                      {"kustomization.yaml", "patches: [{patch: 'kind: Deployment'}]\n", patch, ""},
		"more than anybody lists":     {"kustomization.yaml", "patches: [" + strings.Repeat("{path: x}, ", maxEntries) + "{path: p.yaml}]\n", patch, ""},
		"nothing":                     {"kustomization.yaml", "patches:\n", patch, ""},
		"values of other types":       {"kustomization.yaml", "patches: [1, null, [p.yaml], {path: 1}, {path: [p.yaml]}, {path: p.yaml, target: x}]\n", patch, ""},
	} {
		t.Run(name, func(t *testing.T) {
			at := filepath.Join(filepath.Dir(test.file), "p.yaml")
			want := test.want
			if want != "" {
				want = "p.yaml < " + want
			}
			if got := places(t, map[string]string{"web.yaml": web, at: test.patch, test.file: test.text}); got != want {
				t.Errorf("%q, want %q", got, want)
			}
		})
	}
}

func TestEachDocumentOfAFileHasATargetOfItsOwn(t *testing.T) {
	files := map[string]string{"web.yaml": web, "p.yaml": patch + "---\n" + other + "---\n" + patch, "kustomization.yaml": "patches: [{path: p.yaml}]\n"}
	if got := places(t, files); got != "p.yaml < kustomization.yaml:1, p.yaml < kustomization.yaml:1" {
		t.Error(got)
	}
}

func TestWhatCouldBeAppliedByItselfIsNoPatch(t *testing.T) {
	for name, test := range map[string]struct {
		text  string
		alone bool
	}{
		"a Pod":                                  {"apiVersion: v1\nkind: Pod\nspec: {containers: [{image: x}]}\n", true},
		"a Pod, one container without an image":  {"apiVersion: v1\nkind: Pod\nspec: {containers: [{image: x}, {name: y}]}\n", false},
		"a Pod without containers":               {"apiVersion: v1\nkind: Pod\nspec: {containers: [], hostNetwork: true}\n", false},
		"a Deployment without a selector":        {"apiVersion: apps/v1\nkind: Deployment\nspec: {template: {spec: {containers: [{image: x}]}}}\n", false},
		"a Deployment":                           {"apiVersion: apps/v1\nkind: Deployment\nspec: {selector: {}, template: {spec: {containers: [{image: x}]}}}\n", true},
		"a CronJob":                              {"apiVersion: batch/v1\nkind: CronJob\nspec: {jobTemplate: {spec: {template: {spec: {containers: [{image: x}]}}}}}\n", true},
		"a Workflow":                             {"apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nspec: {templates: [{container: {image: x}}]}\n", true},
		"a Workflow, one container without one":  {"apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nspec: {templates: [{container: {image: x}}, {container: {}}]}\n", false},
		"a JobSet":                               {"apiVersion: jobset.x-k8s.io/v1alpha2\nkind: JobSet\nspec: {replicatedJobs: [{template: {spec: {template: {spec: {containers: [{image: x}]}}}}}]}\n", true},
		"a ClusterRole":                          {"apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nrules: [{verbs: ['*']}]\n", true},
		"a ClusterRole that aggregates":          {"apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\naggregationRule: {}\n", true},
		"labels of a ClusterRole":                {"apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {labels: {a: b}}\n", false},
		"a binding":                              {"apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nroleRef: {name: x}\n", true},
		"subjects of a binding":                  {"apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nsubjects: []\n", false},
		"a Service":                              {"apiVersion: v1\nkind: Service\nspec: {type: LoadBalancer}\n", false},
		"containers that are none, and an image": {"apiVersion: v1\nkind: Pod\nspec: {containers: [x, {image: x}]}\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			file := load.Read(load.Source{Path: "x.yaml", Text: []byte(test.text)}, load.DefaultLimits)
			if got := standsAlone(file.Documents[0]); got != test.alone {
				t.Errorf("%v", got)
			}
		})
	}
}

func TestNoPatchesAreNone(t *testing.T) {
	var none *Patches
	if none.Of(load.Source{Real: "/x"}, nil) != "" {
		t.Error("a patch of nothing")
	}
}

func FuzzKustomization(f *testing.F) {
	f.Add("patches: [{path: p.yaml, target: {name: w.*}}]\n")
	f.Add("a: &a [*a]\npatches: *a\n")
	f.Fuzz(func(t *testing.T, text string) {
		got := places(t, map[string]string{"web.yaml": web, "p.yaml": web, "kustomization.yaml": text})
		if strings.Contains(got, "web.yaml <") {
			t.Error(got)
		}
	})
}
