package main

import (
	_ "github.com/open-policy-agent/frameworks/constraint/pkg/client"
	_ "github.com/open-policy-agent/gatekeeper/v3/pkg/drivers/k8scel"
	_ "github.com/open-policy-agent/gatekeeper/v3/pkg/expansion"
	_ "github.com/open-policy-agent/gatekeeper/v3/pkg/gator/verify"
	_ "github.com/open-policy-agent/gatekeeper/v3/pkg/target"
	_ "github.com/open-policy-agent/opa/v1/rego"
	_ "sigs.k8s.io/yaml"
)

func main() {}
