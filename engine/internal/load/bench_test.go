package load

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"attest.continuu.ms/engine/internal/load/syntax"
)

// deployment is a manifest of the usual size: 38 lines.
const deployment = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: web-17
  namespace: production
  labels:
    app: web-17
    app.kubernetes.io/name: web
    team: payments
spec:
  replicas: 3
  selector:
    matchLabels:
      app: web-17
  template:
    metadata:
      labels:
        app: web-17
    spec:
      serviceAccountName: web
      containers:
        - name: web
          image: registry.example.com/payments/web:1.4.2
          ports:
            - containerPort: 8080
              protocol: TCP
          resources:
            limits:
              cpu: 500m
              memory: 256Mi
            requests: {cpu: 100m, memory: "128Mi"}
          securityContext:
            privileged: false
            runAsNonRoot: true
          readinessProbe:
            httpGet:
              path: /ready
              port: 8080
`

// BenchmarkDecode compares the ways from bytes to a term: ours, the library's values converted, and the detour
// over JSON.
func BenchmarkDecode(b *testing.B) {
	b.Run("fast", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, tree, err := syntax.DecodeYAML(deployment, DefaultLimits.Depth)
			if err != nil {
				b.Fatal(err)
			}
			tree.Recycle()
		}
	})
	b.Run("library", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := decodeWithLibrary(deployment, DefaultLimits); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("over JSON", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := reference(deployment); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	b.SetBytes(int64(len(deployment)))
	for b.Loop() {
		if _, err := syntax.ParseYAML(deployment, DefaultLimits.Depth); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRead reads a file from disk to documents that are ready to judge.
func BenchmarkRead(b *testing.B) {
	path := filepath.Join(b.TempDir(), "deployment.yaml")
	if err := os.WriteFile(path, []byte(deployment), 0o600); err != nil {
		b.Fatal(err)
	}
	b.Run("text", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			readOne(b, Source{Path: path, Text: []byte(deployment)})
		}
	})
	b.Run("file", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			readOne(b, Source{Path: path})
		}
	})
	b.Run("file, two workers", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				readOne(b, Source{Path: path})
			}
		})
	})
}

func readOne(b *testing.B, source Source) {
	if file := Read(source, DefaultLimits); len(file.Documents) != 1 {
		b.Errorf("read %+v", file)
	}
}

// BenchmarkFolder walks and reads a folder of 10,000 files with two workers; one operation is one file.
func BenchmarkFolder(b *testing.B) {
	root := b.TempDir()
	const files = 10_000
	for i := range files {
		text := strings.ReplaceAll(deployment, "web-17", fmt.Sprintf("web-%d", i))
		if err := os.WriteFile(filepath.Join(root, fmt.Sprintf("%05d.yaml", i)), []byte(text), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("walk", func(b *testing.B) {
		for range b.N/files + 1 {
			if sources, _, _ := Walk([]string{root}); len(sources) != files {
				b.Fatal(len(sources))
			}
		}
	})
	b.Run("read", func(b *testing.B) {
		sources, _, _ := Walk([]string{root})
		b.ResetTimer()
		var next atomic.Int64
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				readOne(b, sources[int(next.Add(1))%files])
			}
		})
		var memory runtime.MemStats
		runtime.ReadMemStats(&memory)
		b.ReportMetric(float64(memory.HeapSys)/(1<<20), "MiB-heap")
	})
}
