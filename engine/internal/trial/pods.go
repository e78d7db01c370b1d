package trial

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// Pods makes Pods, and Deployments of Pods, of random shape: any field may be missing, of another type, or there twice.
func Pods(seed uint64, n int) []map[string]any {
	r := rand.New(rand.NewPCG(seed, seed)) //nolint:gosec // a test wants variety, not secrets
	out := make([]map[string]any, n)
	for i := range out {
		out[i] = pod(r, i)
	}
	return out
}

type fields = map[string]any

// Maybe adds a field in some of the cases.
func (c Chance) Maybe(f fields, name string, share float64, value func() any) {
	if c.Float64() < share {
		f[name] = value()
	}
}

// Chance draws what a random case is made of.
type Chance struct{ *rand.Rand }

// Of is one of some values.
func (c Chance) Of(values ...any) any { return values[c.IntN(len(values))] }

func pod(r *rand.Rand, i int) fields {
	c := Chance{r}
	metadata := fields{"name": fmt.Sprintf("pod-%d-%d", i, r.IntN(1000))}
	c.Maybe(metadata, "namespace", 0.8, func() any { return fmt.Sprintf("team-%d", r.IntN(20)) })
	c.Maybe(metadata, "labels", 0.7, func() any {
		labels := fields{}
		c.Maybe(labels, "team", 0.7, func() any { return c.Of("web", "Web", "search-2", "payments", "") })
		c.Maybe(labels, "owner", 0.5, func() any { return fmt.Sprintf("o%d", r.IntN(50)) })
		c.Maybe(labels, fmt.Sprintf("l%d", r.IntN(30)), 0.5, func() any { return "x" })
		return labels
	})
	c.Maybe(metadata, "annotations", 0.3, func() any { return fields{fmt.Sprintf("a%d", r.IntN(30)): c.Of("1", "2", "true")} })
	spec := fields{"containers": c.containers(1 + r.IntN(4))}
	c.Maybe(spec, "initContainers", 0.3, func() any { return c.containers(1 + r.IntN(2)) })
	c.Maybe(spec, "hostNetwork", 0.1, func() any { return c.Of(true, false) })
	c.Maybe(spec, "serviceAccountName", 0.5, func() any { return c.Of("default", "app") })
	c.Maybe(spec, "securityContext", 0.4, func() any { return fields{"runAsNonRoot": c.Of(true, false), "runAsUser": c.Of(0, 1000)} })
	c.Maybe(spec, "volumes", 0.4, func() any {
		return []any{c.Of(fields{"name": "h", "hostPath": fields{"path": "/"}}, fields{"name": "e", "emptyDir": fields{}})}
	})
	kind := c.Of("Pod", "Pod", "Pod", "Deployment")
	out := fields{"apiVersion": "v1", "kind": kind, "metadata": metadata, "spec": spec}
	if kind == "Deployment" {
		out["apiVersion"], out["spec"] = "apps/v1", fields{"replicas": r.IntN(4), "template": fields{"metadata": metadata, "spec": spec}}
	}
	return out
}

func (c Chance) containers(n int) []any {
	out := make([]any, n)
	for i := range out {
		out[i] = c.container()
	}
	return out
}

func (c Chance) container() fields {
	f := fields{"name": fmt.Sprintf("c-%d", c.IntN(200))}
	c.Maybe(f, "image", 0.97, func() any {
		return fmt.Sprintf("%s%s%s", c.Of("docker.io/", "gcr.io/company/", "registry.company.com/base/", "registry.company.com/", ""),
			c.Of("app", "agent", "proxy", "nginx"), c.Of(fmt.Sprintf(":%d.%d", c.IntN(9), c.IntN(30)), ":latest", "", "@sha256:"+strings.Repeat("ab", 32)))
	})
	c.Maybe(f, "resources", 0.7, func() any {
		limits := fields{}
		c.Maybe(limits, "cpu", 0.8, func() any { return c.Of("2", "100m", "1", fmt.Sprintf("%dm", 10*c.IntN(100)), 1, 0.5) })
		c.Maybe(limits, "memory", 0.8, func() any { return c.Of("64Mi", "2Gi", fmt.Sprintf("%dMi", 16*c.IntN(90)), "lots", 1000000) })
		return fields{"limits": limits, "requests": limits}
	})
	c.Maybe(f, "securityContext", 0.6, func() any {
		inner := fields{}
		c.Maybe(inner, "privileged", 0.5, func() any { return c.Of(true, false) })
		c.Maybe(inner, "allowPrivilegeEscalation", 0.5, func() any { return c.Of(true, false) })
		c.Maybe(inner, "runAsUser", 0.3, func() any { return c.Of(0, 1000) })
		c.Maybe(inner, "capabilities", 0.4, func() any {
			return fields{"add": []any{c.Of("SYS_TIME", "NET_BIND_SERVICE", "SYS_ADMIN")}, "drop": []any{c.Of("ALL", "KILL")}}
		})
		return inner
	})
	for _, probe := range []string{"livenessProbe", "readinessProbe"} {
		c.Maybe(f, probe, 0.5, func() any {
			return c.Of(fields{"httpGet": fields{"path": "/", "port": 80}}, fields{"periodSeconds": 3})
		})
	}
	c.Maybe(f, "env", 0.4, func() any { return []any{fields{"name": fmt.Sprintf("E%d", c.IntN(9)), "value": c.Of("1", "secret")}} })
	c.Maybe(f, "ports", 0.5, func() any { return []any{fields{"containerPort": c.IntN(9000)}} })
	return f
}
