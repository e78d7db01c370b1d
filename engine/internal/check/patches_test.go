package check

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"attest.continuu.ms/engine/internal/load"
	"attest.continuu.ms/engine/internal/rego"
	"attest.continuu.ms/engine/internal/trial"
)

// kustomized is a folder whose map.yaml has a patch; `more` are files beside them, or in place of one of them.
func kustomized(t *testing.T, more map[string]string) string {
	t.Helper()
	files := map[string]string{
		"kustomization.yaml": "resources: [map.yaml]\npatches: [{path: patch.yaml}]\n",
		"map.yaml":           configMap("one", "fine"),
		"patch.yaml":         configMap("one", "bad") + "---\n" + configMap("none", "bad"),
	}
	for name, text := range more {
		files[name] = text
	}
	root, err := filepath.EvalSymlinks(trial.Folder(t, files))
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// A patch is judged as one, and what only looks like one as a resource; who takes no kustomization's word judges both as such.
func TestPatchesAreToldFromResources(t *testing.T) {
	root := kustomized(t, nil)
	for fragments, want := range map[bool]string{
		true:  "one < kustomization.yaml:2, none < ",
		false: "one < , none < ",
	} {
		all, result := collect(t, loadSet(t, unnamed), Params{Paths: []string{root}, Fragments: fragments})
		var got []string
		for _, one := range all.Resources {
			got = append(got, one.Name+" < "+strings.TrimPrefix(one.Fragment, root+"/"))
		}
		if strings.Join(got, ", ") != want || result.Resources != 3 {
			t.Errorf("fragments %v: %q, %+v", fragments, got, result)
		}
		if twice := len(all.Problems) > 0; twice == fragments {
			t.Errorf("fragments %v: %+v", fragments, all.Problems)
		}
	}
}

func TestTheFindingOfAPatchEndsNoRun(t *testing.T) {
	root := kustomized(t, map[string]string{"patch.yaml": configMap("one", "bad"), "z1.yaml": configMap("two", "bad"), "z2.yaml": configMap("three", "bad")})
	all, result := collect(t, loadSet(t, unnamed), Params{Paths: []string{root}, Fragments: true, FailFast: true})
	if len(all.Findings) != 2 || result.Files != 4 { // but for the last of five
		t.Errorf("%d findings in %+v", len(all.Findings), result)
	}
}

func TestPatchesOfWhatIsRenderedAreLeftOut(t *testing.T) {
	root := kustomized(t, nil)
	patch := filepath.Join(root, "patch.yaml")
	for name, test := range map[string]struct {
		rendered []load.Left
		inputs   []Text
		want     string
		skipped  string
	}{
		"nothing is":          {nil, nil, "one none", ""},
		"the file is":         {[]load.Left{{Path: "/other", Reason: "no"}, {Path: patch, Reason: "it is rendered"}}, nil, "", "1: it is rendered, 8: it is rendered"},
		"another one is":      {[]load.Left{{Path: filepath.Join(root, "map.yaml"), Reason: "no"}}, nil, "one none", ""},
		"a text has no place": {[]load.Left{{Path: "", Reason: "no"}}, []Text{{"text", configMap("text", "bad")}}, "one none text", ""},
	} {
		t.Run(name, func(t *testing.T) {
			params := Params{Paths: []string{root}, Inputs: test.inputs, Fragments: true, Rendered: test.rendered}
			all, _ := collect(t, loadSet(t, unnamed), params)
			var names, skipped []string
			for _, finding := range all.Findings {
				names = append(names, finding.Message)
			}
			for _, one := range all.Skipped {
				if filepath.Base(one.File) == "patch.yaml" {
					skipped = append(skipped, fmt.Sprintf("%d: %s", one.Line, one.Reason))
				}
			}
			if strings.Join(names, " ") != test.want || strings.Join(skipped, ", ") != test.skipped {
				t.Errorf("found %q, skipped %q", names, skipped)
			}
		})
	}
}

// What a file that is listed as a patch came to depends on the kustomization that lists it.
func TestWhatAPatchCameToIsNotKept(t *testing.T) {
	root := kustomized(t, map[string]string{"patch.yaml": configMap("one", "bad")})
	set, params := loadSet(t, unnamed), Params{Paths: []string{root}, Fragments: true, Results: resultsPlace(t)}
	first := told(t, set, params)
	file := filepath.Join(root, "kustomization.yaml")
	if err := os.WriteFile(file, []byte("resources: [map.yaml]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got := told(t, set, params)
	params.Results.Folder = ""
	if want := told(t, set, params); got != want || first == want {
		t.Errorf("it says\n%s\nnot\n%s", got, want)
	}
}

// A patch makes no object, so policies see what it is a patch of; a Namespace behind it is one.
func TestNoPatchIsLookedUp(t *testing.T) {
	const policy = "package demo\nviolation contains {\"msg\": input.namespace.metadata.labels.team}\n"
	labelled := "apiVersion: v1\nkind: Namespace\nmetadata: {name: %s, labels: {team: %s}}\n"
	root := kustomized(t, map[string]string{
		"map.yaml":   fmt.Sprintf(labelled, "shop", "whole"),
		"patch.yaml": fmt.Sprintf(labelled, "shop", "patch") + "---\n" + fmt.Sprintf(labelled, "blog", "other"),
	})
	var inputs []Text
	for _, namespace := range []string{"shop", "blog"} {
		inputs = append(inputs, Text{namespace, strings.Replace(configMap("a", "x"), "name: a", "name: a\n  namespace: "+namespace, 1)})
	}
	all, _ := collect(t, loadSet(t, policy), Params{Paths: []string{root}, Inputs: inputs, Fragments: true, Policies: []rego.Selection{{Name: "demo"}}})
	var got []string
	for _, finding := range all.Findings {
		got = append(got, finding.Message)
	}
	if !slices.Equal(got, []string{"whole", "other"}) {
		t.Errorf("%q", got)
	}
}
