package locate

import (
	"context"
	"testing"
)

// BenchmarkPaths is the cost of one flagged pair of resource and policy.
func BenchmarkPaths(b *testing.B) {
	for name, s := range map[string]shape{
		"negation":   {modules: one(`deny contains msg if { some c in input.resource.spec.containers; not c.resources.limits.cpu; msg := c.name }`)},
		"privileged": {modules: []string{privileged, exempt}},
		"limits":     {modules: []string{limits}, parameters: "{cpu: 50m}"},
		"labels":     {modules: []string{requiredLabels}, parameters: "{labels: [{key: owner}]}"},
		"repos":      {modules: []string{allowedRepos}, parameters: "{repos: [gcr.io/]}"},
	} {
		b.Run(name, func(b *testing.B) {
			if s.parameters == "" {
				s.parameters = "{}"
			}
			q := compile(b, s.modules...).query(b, pod, s.parameters)
			q.Plans = &Plans{}
			found := entries(b, q)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Paths(context.Background(), q, found); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
