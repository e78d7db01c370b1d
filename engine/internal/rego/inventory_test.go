package rego

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"
)

func TestWhatPoliciesLookAtBesideTheResource(t *testing.T) {
	library := Module{Library: true, Source: Source{File: "lib.rego", Text: `package lib
production if input.namespace.metadata.labels.environment == "production"
other if input.resource.metadata.labels[input.parameters.label]
budgets contains b if some b in data.inventory.namespace[_]["policy/v1"].PodDisruptionBudget`}}
	metadata := "# METADATA\n# custom:\n#   inventory: [PodDisruptionBudget]\n"
	cases := map[string]struct {
		policy    string
		namespace bool
		all       bool
		kinds     []string
	}{
		"what the schema says":     {`violation contains e.message if some e in input.schema_errors`, false, false, nil},
		"the resource alone":       {`violation contains "x" if input.resource.kind == "Pod"`, false, false, nil},
		"a library that is unused": {`violation contains "x" if data.lib.other`, false, false, nil},
		"through a library":        {`violation contains "x" if data.lib.production`, true, false, nil},
		"the namespace itself":     {`violation contains "x" if input.namespace.metadata.name == "a"`, true, false, nil},
		"a field by object.get":    {`violation contains "x" if object.get(input, "resource", {}).kind == "Pod"`, false, false, nil},
		"another by object.get":    {`violation contains "x" if object.get(input, "namespace", {}).kind == "Pod"`, true, false, nil},
		"the whole input":          {`violation contains "x" if json.marshal(input) != ""`, true, false, nil},
		"a key that is computed":   {`violation contains "x" if input[input.parameters.key]`, true, false, nil},
		"the inventory":            {`violation contains "x" if data.inventory.cluster`, false, true, nil},
		"inventory in a library":   {`violation contains "x" if count(data.lib.budgets) > 0`, false, true, nil},
		"inventory, kinds declared": {metadata + `package p
violation contains "x" if data.inventory.namespace`, false, false, []string{"PodDisruptionBudget"}},
		"in a library, kinds declared by the policy": {metadata + `package p
violation contains "x" if count(data.lib.budgets) > 0`, false, false, []string{"PodDisruptionBudget"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			text := c.policy
			if c.kinds == nil {
				text = "package p\n" + text
			}
			set, problems := Compile(context.Background(), []Module{library, {Source: Source{File: "p.rego", Text: text}}}, Options{})
			if len(problems) > 0 {
				t.Fatal(problems)
			}
			got := set.Reads([]Selection{{Name: "p"}, {Name: "nobody"}})
			if got.Namespace != c.namespace || got.Inventory.All != c.all || !slices.Equal(slices.Sorted(maps.Keys(got.Inventory.Kinds)), c.kinds) {
				t.Errorf("%+v", got)
			}
			if schema := strings.Contains(name, "schema") || strings.Contains(text, "input)") || strings.Contains(text, "input["); got.Schema != schema {
				t.Errorf("schema: %v", got.Schema)
			}
			if none := set.Reads(nil); none.Namespace || none.Schema || none.Inventory.Any() {
				t.Errorf("policies that nobody asks read %+v", none)
			}
		})
	}
}
