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
	if strings.HasPrefix(document.Resource.APIVersion, "apps/") && at(object, "spec", "selector") == nil {
		return false // no API server takes a workload that selects no pods
	}
	for _, way := range podSpecs {
		if runs(at(object, way...)) {
			return true
		}
	}
	return false
}

// podSpecs are the places where a resource may hold the specification of a pod.
var podSpecs = [][]string{
	{"spec"}, {"spec", "template", "spec"}, {"spec", "jobTemplate", "spec", "template", "spec"}, {"template", "spec"},
}

// runs says whether something is the specification of a pod of which every container has an image.
func runs(spec any) bool {
	object, _ := spec.(map[string]any)
	containers := listOf(object["containers"])
	for _, one := range containers {
		container, _ := one.(map[string]any)
		if image, _ := container["image"].(string); image == "" {
			return false
		}
	}
	return len(containers) > 0
}

// at is what lies below keys; nil where there is nothing.
func at(value any, keys ...string) any {
	for _, key := range keys {
		object, _ := value.(map[string]any)
		value = object[key]
	}
	return value
}
