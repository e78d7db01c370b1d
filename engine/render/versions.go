package main

import (
	"fmt"
	"runtime/debug"
)

// versions are those of this program and of what it renders with, on one line.
func versions() string {
	helm, kustomize := "unknown", "unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, module := range info.Deps {
			switch module.Path {
			case "helm.sh/helm/v4":
				helm = module.Version
			case "sigs.k8s.io/kustomize/api":
				kustomize = module.Version
			}
		}
	}
	return fmt.Sprintf("attest-render %s, Helm %s, kustomize api %s", Version, helm, kustomize)
}
