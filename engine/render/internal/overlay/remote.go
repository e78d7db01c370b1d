package overlay

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/api/types"

	"attest.continuu.ms/render/internal/answer"
)

// refuseRemote refuses bases and files that kustomize would fetch, and what would start a program, in all kustomizations
// that take part. The process has no network and can start nothing; here it is said which line asks for it.
func (b *build) refuseRemote(folder string, met map[string]bool) error {
	real, err := b.files.Resolve(folder)
	if err != nil || met[real] {
		return nil // kustomize says what is wrong with it
	}
	met[real] = true
	file := b.kustomization(real)
	if file == "" {
		return nil
	}
	k, content, err := b.read(file)
	if err != nil {
		return err
	}
	for _, path := range referenced(k) {
		inner := filepath.Join(real, path)
		switch {
		case isRemote(path) && !b.files.Exists(inner):
			message := fmt.Sprintf("`%s` would have to be fetched: nothing is downloaded here", path)
			return &answer.Error{Message: message, File: file, Line: lineOf(content, path), Hint: "vendor it, or judge what `kustomize build` gives: `kustomize build … | attest policy check -`"}
		case filepath.IsAbs(path):
			message := fmt.Sprintf("`%s` is an absolute path", path)
			return &answer.Error{Message: message, File: file, Line: lineOf(content, path), Hint: "name it from the folder of the kustomization"}
		}
		if target, err := b.files.Resolve(inner); err != nil && b.leadsOut(inner) {
			message := fmt.Sprintf("`%s` leads out of the folder that may be read", path)
			return &answer.Error{Message: message, File: file, Line: lineOf(content, path), Hint: "name a folder that holds all of it"}
		} else if err != nil && slices.Contains(slices.Concat(k.Resources, k.Components), path) {
			return &answer.Error{Message: fmt.Sprintf("`%s` does not exist", path), File: file, Line: lineOf(content, path)}
		} else if err == nil && b.files.IsDir(target) {
			if err := b.refuseRemote(target, met); err != nil {
				return err
			}
		}
	}
	return nil
}

// leadsOut says whether a path that can't be resolved is refused, rather than missing.
func (b *build) leadsOut(path string) bool {
	_, err := b.files.Resolve(path)
	return err != nil && strings.Contains(err.Error(), "leads out")
}

// referenced are the paths of files and folders that a kustomization brings in.
func referenced(k *types.Kustomization) []string {
	out := append(append([]string{}, k.Resources...), k.Components...)
	out = append(append(out, k.Crds...), k.Configurations...)
	for _, one := range k.Patches {
		if one.Path != "" {
			out = append(out, one.Path)
		}
	}
	for _, list := range [][]string{k.Generators, k.Transformers, k.Validators} {
		for _, one := range list {
			if !strings.Contains(one, "\n") {
				out = append(out, one)
			}
		}
	}
	return out
}

var remote = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9+.-]*://|^git::|^[^/]*@[^/]+:|^(www\.)?(github|gitlab|bitbucket)\.[a-z]+[/:]|\?ref=`)

func isRemote(path string) bool { return remote.MatchString(path) }

// lineOf is the first line of a text that holds another.
func lineOf(content []byte, text string) int {
	before, _, found := strings.Cut(string(content), text)
	if !found {
		return 1
	}
	return strings.Count(before, "\n") + 1
}
