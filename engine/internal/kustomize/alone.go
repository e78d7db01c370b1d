package kustomize

import (
	"strings"

	"attest.continuu.ms/engine/internal/load"
)

// standsAlone says whether an API server would take a document as it is and run or grant something: whoever applies the
// folder without kustomize deploys it, so it is judged as a resource whatever a kustomization says.
func standsAlone(document *load.Document) bool {
	object, _ := document.Native().(map[string]any)
	switch document.Resource.Kind {
	case "Role", "ClusterRole":
		return len(listOf(object["rules"])) > 0 || object["aggregationRule"] != nil
	case "RoleBinding", "ClusterRoleBinding":
		return object["roleRef"] != nil
	}
	if spec, _ := object["spec"].(map[string]any); strings.HasPrefix(document.Resource.APIVersion, "apps/") && spec["selector"] == nil {
		return false // no API server takes a workload that selects no pods
	}
	all, whole := pods(object)
	return all > 0 && all == whole
}

// pods counts what looks like a pod or a single container, wherever it stands in whatever kind, and how many of them are
// whole: every container has an image.
func pods(value any) (all, whole int) {
	count := func(inner any) {
		a, w := pods(inner)
		all, whole = all+a, whole+w
	}
	switch value := value.(type) {
	case map[string]any:
		for key, member := range value {
			if is, hasImages := containers(key, member); is {
				all++
				if hasImages {
					whole++
				}
				continue
			}
			count(member)
		}
	case []any:
		for _, element := range value {
			count(element)
		}
	}
	return all, whole
}

// containers says whether a field holds containers, as those of pods and of a Workflow do, and whether all have an image.
func containers(key string, value any) (is, hasImages bool) {
	list := listOf(value)
	if key == "container" {
		list = []any{value}
	} else if key != "containers" {
		return false, false
	}
	for _, one := range list {
		container, isObject := one.(map[string]any)
		if image, _ := container["image"].(string); !isObject || image == "" {
			return len(list) > 0, false
		}
	}
	return len(list) > 0, true
}
