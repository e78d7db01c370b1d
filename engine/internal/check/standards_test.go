package check

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"

	"attest.continuu.ms/engine/internal/model"
	"attest.continuu.ms/engine/internal/policyset"
	"attest.continuu.ms/engine/internal/rego"
)

// The shipped policy `pod-security` is held to Kubernetes' own admission: to the fixtures that it is tested with, each
// level and version, and to its verdict on random pods.

// podSecurity is the shipped policy and the library.
func podSecurity(t *testing.T) *policyset.Set {
	t.Helper()
	policies := filepath.Join("..", "..", "..", "policies")
	set, _, problems := policyset.Load(t.Context(), policyset.Params{
		Paths:     []string{filepath.Join(policies, "security", "pod-security.rego")},
		Libraries: []string{filepath.Join(policies, "lib")},
		OPA:       true, StrictErrors: true,
	})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return set
}

func heldTo(level, version string) []rego.Selection {
	return []rego.Selection{{Name: "pod-security", Parameters: map[string]any{"level": level, "version": version}}}
}

// overridden are the controls that `restricted` replaces, by the name of their fixtures.
var overridden = map[string]string{
	"capabilities_baseline": "capabilities", "capabilities_restricted": "capabilities",
	"procmount_restricted": "procmount", "hostpathvolumes": "restrictedvolumes",
	"seccompprofile_baseline": "seccompprofile", "seccompprofile_restricted": "seccompprofile",
}

// controlOf is the control, in small letters, that a fixture such as `hostports2.yaml` is there for.
func controlOf(fixture, level string) string {
	name := strings.TrimRight(strings.TrimSuffix(fixture, ".yaml"), "0123456789")
	if renamed, ok := overridden[name]; ok && (level == "restricted" || name != "hostpathvolumes") {
		return renamed
	}
	return name
}

func TestPodSecurityFindsWhatKubernetesTestsItsAdmissionWith(t *testing.T) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "k8s.io/pod-security-admission").Output()
	root := strings.TrimSpace(string(out))
	if err != nil || root == "" {
		t.Skip("SKIPPED LOUDLY: no fixtures; run `go mod download k8s.io/pod-security-admission`")
	}
	set, versions := podSecurity(t), 0
	for _, level := range []string{"baseline", "restricted"} {
		folders, _ := filepath.Glob(filepath.Join(root, "test", "testdata", level, "v1.*"))
		for _, folder := range folders {
			versions++
			compareWithFixtures(t, set, level, folder)
		}
	}
	if versions < 2*36 {
		t.Errorf("%d folders of fixtures, of 2 levels and at least 36 versions", versions)
	}
}

func compareWithFixtures(t *testing.T, set *policyset.Set, level, folder string) {
	t.Helper()
	for _, kind := range []string{"pass", "fail"} {
		selection := heldTo(level, filepath.Base(folder))
		found, _ := collect(t, set, Params{Paths: []string{filepath.Join(folder, kind)}, Policies: selection})
		if len(found.Problems) > 0 {
			t.Fatal(found.Problems)
		}
		controls := map[string][]string{}
		for _, finding := range found.Findings {
			standsOnItsField(t, finding)
			name := finding.Location.File
			controls[name] = append(controls[name], strings.ToLower(fmt.Sprint(finding.Details["control"])))
		}
		fixtures, _ := filepath.Glob(filepath.Join(folder, kind, "*.yaml"))
		for _, fixture := range fixtures {
			if kind == "pass" && len(controls[fixture]) > 0 {
				t.Errorf("%s passes Kubernetes' admission, and we find %v", fixture, controls[fixture])
			}
			if own := controlOf(filepath.Base(fixture), level); kind == "fail" && !slices.Contains(controls[fixture], own) {
				t.Errorf("%s breaks %s, and we find %v", fixture, own, controls[fixture])
			}
		}
	}
}

var lastKey = regexp.MustCompile(`[^/]+$`)

// standsOnItsField fails the test where the line of a finding does not hold the last key of its path.
func standsOnItsField(t *testing.T, finding model.Finding) {
	t.Helper()
	text, err := os.ReadFile(finding.Location.File)
	if err != nil {
		t.Fatal(err)
	}
	line := string(bytes.Split(text, []byte("\n"))[finding.Location.Line-1])
	key := strings.ReplaceAll(lastKey.FindString(finding.Location.Path), "~1", "/")
	if strings.Trim(key, "0123456789") != "" && !strings.Contains(line, key+":") {
		t.Errorf("%s:%d: %s (%s): %s", finding.Location.File, finding.Location.Line, finding.Message, key, line)
	}
}

// controlsByReason are our controls, by how Kubernetes begins to word theirs.
var controlsByReason = map[string]string{
	"allowPrivilegeEscalation": "allowPrivilegeEscalation", "forbidden AppArmor": "appArmorProfile",
	"non-default capabilities": "capabilities", "unrestricted capabilities": "capabilities",
	"host namespaces": "hostNamespaces", "hostPath volumes": "hostPathVolumes", "hostPort": "hostPorts",
	"probe or lifecycle host": "hostProbesAndHostLifecycle", "privileged": "privileged", "procMount": "procMount",
	"restricted volume types": "restrictedVolumes", "runAsNonRoot": "runAsNonRoot", "runAsUser": "runAsUser",
	"seLinuxOptions": "seLinuxOptions", "seccompProfile": "seccompProfile", "forbidden sysctls": "sysctls",
	"hostProcess": "windowsHostProcess",
}

func TestPodSecuritySaysWhatKubernetesSaysOfRandomPods(t *testing.T) {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	inputs := make([]Text, 100)
	for i := range inputs {
		inputs[i] = Text{File: fmt.Sprintf("%d.json", i), Text: randomPod(random)}
	}
	set := podSecurity(t)
	for _, level := range []api.Level{api.LevelBaseline, api.LevelRestricted} {
		for _, minor := range []int{0, 7, 8, 18, 19, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35} {
			version := api.MajorMinorVersion(1, minor)
			found, _ := collect(t, set, Params{Inputs: inputs, Policies: heldTo(string(level), version.String())})
			ours := map[string][]string{}
			for _, finding := range found.Findings {
				name := finding.Location.File
				ours[name] = append(ours[name], finding.Details["control"].(string))
			}
			for _, input := range inputs {
				theirs := byKubernetes(t, evaluator, api.LevelVersion{Level: level, Version: version}, input.Text)
				slices.Sort(ours[input.File])
				if mine := slices.Compact(ours[input.File]); !slices.Equal(mine, theirs) {
					t.Fatalf("%s %s: we find %v, Kubernetes %v in\n%s", level, version, mine, theirs, input.Text)
				}
			}
		}
	}
}

func byKubernetes(t *testing.T, evaluator policy.Evaluator, at api.LevelVersion, text string) []string {
	t.Helper()
	var pod struct {
		Metadata metav1.ObjectMeta `json:"metadata"`
		Spec     corev1.PodSpec    `json:"spec"`
	}
	if err := json.Unmarshal([]byte(text), &pod); err != nil {
		t.Fatal(err, text)
	}
	var controls []string
	for _, result := range evaluator.EvaluatePod(at, &pod.Metadata, &pod.Spec) {
		if result.Allowed {
			continue
		}
		for begins, control := range controlsByReason {
			if strings.HasPrefix(result.ForbiddenReason, begins) {
				controls = append(controls, control)
			}
		}
	}
	slices.Sort(controls)
	return slices.Compact(controls)
}

// jsonObject is one, and choices are the values that a field of one may have; nil leaves it out.
type (
	jsonObject = map[string]any
	choices    = map[string][]any
)

// randomPod writes a pod in which each field that the standards speak of has a value that they allow, or not, or none.
func randomPod(random *rand.Rand) string {
	spec := pick(random, choices{
		"hostNetwork": {nil, nil, nil, true, false}, "hostPID": {nil, nil, true, false}, "hostIPC": {nil, nil, true, false},
		"hostUsers": {nil, true, false}, "os": {nil, nil, jsonObject{"name": "windows"}, jsonObject{"name": "linux"}, jsonObject{}},
	})
	context := pick(random, contextChoices(random))
	if sysctls := random.IntN(4); sysctls > 0 {
		context["sysctls"] = some(random, sysctls, []any{
			jsonObject{"name": "kernel.shm_rmid_forced", "value": "1"}, jsonObject{"name": "net.ipv4.tcp_rmem", "value": "1"},
			jsonObject{"name": "net.ipv4.tcp_fin_timeout", "value": "1"}, jsonObject{"name": "kernel.msgmax", "value": "1"},
			jsonObject{"name": "net.ipv4.ip_local_reserved_ports", "value": "1"},
		})
	}
	spec["securityContext"] = context
	spec["volumes"] = some(random, random.IntN(3), []any{
		jsonObject{"name": "a", "emptyDir": jsonObject{}}, jsonObject{"name": "b", "hostPath": jsonObject{"path": "/"}},
		jsonObject{"name": "c", "nfs": jsonObject{"server": "x", "path": "/"}}, jsonObject{"name": "d", "image": jsonObject{}},
		jsonObject{"name": "e", "secret": jsonObject{"secretName": "x"}, "nfs": nil},
	})
	for i, field := range []string{"containers", "initContainers", "ephemeralContainers"} {
		if i == 0 || random.IntN(2) == 0 {
			spec[field] = []any{randomContainer(random, field)}
		}
	}
	annotations := pick(random, choices{
		"container.apparmor.security.beta.kubernetes.io/containers": {nil, nil, "", "unconfined", "runtime/default", "localhost/x"},
		"seccomp.security.alpha.kubernetes.io/pod":                  {nil, nil, "", "unconfined", "runtime/default"},
		"container.seccomp.security.alpha.kubernetes.io/containers": {nil, nil, "unconfined", "docker/default", "localhost/x"},
		"container.seccomp.security.alpha.kubernetes.io/other":      {nil, "unconfined"},
	})
	metadata := jsonObject{"name": "x", "annotations": annotations}
	text, _ := json.MarshalIndent(jsonObject{"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}, "", " ")
	return string(text)
}

func contextChoices(random *rand.Rand) choices {
	profile := func() any {
		return pick(random, choices{"type": {nil, "RuntimeDefault", "Localhost", "Unconfined"}})
	}
	return choices{
		"runAsNonRoot": {nil, nil, true, true, false}, "runAsUser": {nil, nil, 0, 1000},
		"seccompProfile": {nil, nil, profile()}, "appArmorProfile": {nil, nil, nil, profile()},
		"windowsOptions": {nil, nil, nil, jsonObject{"hostProcess": true}, jsonObject{"hostProcess": false}, jsonObject{}},
		"seLinuxOptions": {nil, nil, nil, pick(random, choices{
			"type": {nil, "", "container_t", "container_engine_t", "spc_t"}, "user": {nil, nil, "", "u"},
			"role": {nil, nil, "", "r"}, "level": {nil, "s0"},
		})},
	}
}

func randomContainer(random *rand.Rand, name string) jsonObject {
	within := contextChoices(random)
	within["privileged"] = []any{nil, nil, nil, true, false}
	within["allowPrivilegeEscalation"] = []any{nil, false, false, true}
	within["procMount"] = []any{nil, nil, nil, "Default", "Unmasked"}
	within["capabilities"] = []any{nil, jsonObject{}, pick(random, choices{
		"add":  {nil, nil, []any{"NET_BIND_SERVICE"}, []any{"CHOWN"}, []any{"NET_BIND_SERVICE", "SYS_ADMIN"}, []any{"net_bind_service"}},
		"drop": {nil, []any{"ALL"}, []any{"ALL"}, []any{"CHOWN", "ALL"}, []any{"all"}},
	})}
	container := jsonObject{"name": name, "image": "registry.k8s.io/pause"}
	if random.IntN(4) > 0 {
		container["securityContext"] = pick(random, within)
	}
	if random.IntN(3) == 0 {
		container["ports"] = []any{jsonObject{"containerPort": 1}, pick(random, choices{"hostPort": {nil, 0, 80}})}
	}
	if random.IntN(3) == 0 {
		action := func() any { return pick(random, choices{"host": {nil, "", "127.0.0.1"}, "port": {80}}) }
		container["livenessProbe"] = jsonObject{"httpGet": action()}
		container["startupProbe"] = jsonObject{"tcpSocket": action()}
		container["lifecycle"] = jsonObject{"preStop": jsonObject{"httpGet": action()}, "postStart": nil}
	}
	return container
}

// pick chooses a value for each field.
func pick(random *rand.Rand, fields choices) jsonObject {
	chosen, names := jsonObject{}, make([]string, 0, len(fields))
	for name := range fields {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if value := fields[name][random.IntN(len(fields[name]))]; value != nil {
			chosen[name] = value
		}
	}
	return chosen
}

// some chooses a number of values, which may be the same.
func some(random *rand.Rand, count int, values []any) []any {
	chosen := make([]any, count)
	for i := range chosen {
		chosen[i] = values[random.IntN(len(values))]
	}
	return chosen
}

func TestPodSecurityExempts(t *testing.T) {
	set := podSecurity(t)
	pod := func(namespace, class string) Text {
		return Text{File: namespace + "." + class, Text: fmt.Sprintf(
			"apiVersion: v1\nkind: Pod\nmetadata: {name: x, namespace: %s}\nspec: {hostPID: true, runtimeClassName: %s}\n", namespace, class)}
	}
	selection := heldTo("baseline", "latest")
	selection[0].Parameters["exempt_namespaces"] = []any{"kube-system"}
	selection[0].Parameters["exempt_runtime_classes"] = []any{"kata"}
	inputs := []Text{pod("kube-system", "runc"), pod("kube-system2", "runc"), pod("shop", "kata"), pod("shop", "kata2")}
	found, _ := collect(t, set, Params{Inputs: inputs, Policies: selection})
	var files []string
	for _, finding := range found.Findings {
		files = append(files, finding.Location.File)
	}
	if want := []string{"kube-system2.runc", "shop.kata2"}; !slices.Equal(files, want) {
		t.Errorf("found in %v, not in %v", files, want)
	}
}
