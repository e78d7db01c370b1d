package constraint

import (
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/open-policy-agent/frameworks/constraint/pkg/externaldata"

	"attest.continuu.ms/engine/internal/constraint/admission"
)

const askScanner = `package sample
violation[{"msg": msg}] {
  answer := external_data({"provider": "scanner", "keys": [c.image | c := input.review.object.spec.containers[_]]})
  msg := sprintf("%v %v %v %v", [answer.status_code, answer.responses, answer.errors, answer.system_error])
}`

// scanner is a provider that says "ok" of every image but one named bad, and counts its callers.
func scanner(t *testing.T, calls *atomic.Int64) *httptest.Server {
	t.Helper()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		var asked externaldata.ProviderRequest
		if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
			t.Error(err)
		}
		answer := externaldata.ProviderResponse{}
		for _, key := range asked.Request.Keys {
			item := externaldata.Item{Key: key, Value: "ok"}
			if key == "bad" {
				item = externaldata.Item{Key: key, Error: "vulnerable"}
			}
			answer.Response.Items = append(answer.Response.Items, item)
		}
		if err := json.NewEncoder(w).Encode(answer); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(server.Close)
	return server
}

func providerOf(server *httptest.Server) string {
	bundle := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	return fmt.Sprintf("apiVersion: externaldata.gatekeeper.sh/v1beta1\nkind: Provider\nmetadata: {name: scanner}\nspec: {url: %q, timeout: 3, caBundle: %s}",
		server.URL, base64.StdEncoding.EncodeToString(bundle))
}

const scanned = "{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {containers: [{image: good}, {image: bad}]}}"

func TestProvidersAreAskedOnceAndOnlyWhenAllowed(t *testing.T) {
	var calls atomic.Int64
	server := scanner(t, &calls)
	policies := []string{providerOf(server), sampleTemplate(askScanner), constraintOf("spec: {}")}
	set := loaded(t, Options{AllowExternal: true}, policies...)
	want := []string{`Sample/c: 200 [["good", "ok"]] [["bad", "vulnerable"]] `}
	if out := review(t, set, admission.Review{Object: term(t, scanned)}); !slices.Equal(messages(out), want) {
		t.Fatalf("got %q, want %q; problems %v", messages(out), want, out.Problems)
	}
	review(t, set, admission.Review{Object: term(t, scanned)})
	if calls.Load() != 1 {
		t.Errorf("the provider was asked %d times", calls.Load())
	}
	byHost := loaded(t, Options{AllowNet: []string{"127.0.0.1"}}, policies...)
	if out := review(t, byHost, admission.Review{Object: term(t, scanned)}); !slices.Equal(messages(out), want) {
		t.Errorf("a listed host is not asked: %v", out.Problems)
	}
	refused := loaded(t, Options{}, policies...)
	out := review(t, refused, admission.Review{Object: term(t, scanned)})
	if len(out.Results) != 0 || len(out.Problems) != 1 || !strings.Contains(out.Problems[0].Message, "provider `scanner` at host `127.0.0.1` is refused") {
		t.Errorf("unexpected outcome %+v", out)
	}
	if calls.Load() != 2 {
		t.Errorf("a refused provider was asked")
	}
}

// A provider must not lead us to a host that was not allowed, and one that is away is an answer, as on a cluster.
func TestHostileProviders(t *testing.T) {
	var reached atomic.Bool
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Store(true) }))
	t.Cleanup(elsewhere.Close)
	redirect := httptest.NewTLSServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	t.Cleanup(redirect.Close)
	unreachable := strings.Replace(providerOf(redirect), redirect.URL, "https://localhost:1/", 1)
	for name, provider := range map[string]string{"a redirect": providerOf(redirect), "nobody there": unreachable} {
		set := loaded(t, Options{AllowExternal: true}, provider, sampleTemplate(askScanner), constraintOf("spec: {}"))
		out := review(t, set, admission.Review{Object: term(t, scanned)})
		if len(out.Results) != 1 || !strings.Contains(out.Results[0].Message, "failed to") {
			t.Errorf("%s: unexpected outcome %+v", name, out)
		}
	}
	if reached.Load() {
		t.Error("a redirect was followed")
	}
}
