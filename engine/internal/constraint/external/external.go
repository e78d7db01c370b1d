// Package external asks Gatekeeper's external data providers.
package external

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/open-policy-agent/frameworks/constraint/pkg/apis/externaldata/unversioned"
	"github.com/open-policy-agent/frameworks/constraint/pkg/externaldata"
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
	opatypes "github.com/open-policy-agent/opa/v1/types"
	"k8s.io/apimachinery/pkg/util/cache"
)

const (
	// Name is that of the builtin.
	Name = "external_data"
	// responseTTL is how long Gatekeeper keeps an answer by default.
	responseTTL = 3 * time.Minute
	// maxAnswers bounds how many keys' answers are kept, the least recently used out first: keys come from manifests.
	maxAnswers = 10_000
	// maxIdle bounds the connections to a provider that are kept open, for idleTime.
	maxIdle, idleTime = 4, 90 * time.Second
	// maxResponse bounds an answer: a provider must not be able to exhaust our memory.
	maxResponse = 8 << 20
)

// Decl is declared always, so that templates which ask providers compile everywhere.
var Decl = &ast.Builtin{Name: Name, Decl: opatypes.NewFunction(opatypes.Args(opatypes.A), opatypes.A)}

// Providers answer the builtin external_data.
type Providers struct {
	known    *externaldata.ProviderCache
	answers  *cache.LRUExpireCache // externaldata.CacheKey to externaldata.Item
	allowAll bool
	allowNet []string

	mutex   sync.Mutex
	clients map[string]*http.Client
}

// New knows no provider yet. All that are added may be asked, or those at the hosts that are listed.
func New(allowAll bool, allowNet []string) *Providers {
	return &Providers{
		known: externaldata.NewCache(), answers: cache.NewLRUExpireCache(maxAnswers),
		allowAll: allowAll, allowNet: allowNet, clients: map[string]*http.Client{},
	}
}

// Add makes a provider known.
func (p *Providers) Add(provider *unversioned.Provider) error { return p.known.Upsert(provider) }

// Close ends the connections that wait for a question.
func (p *Providers) Close() {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	for _, client := range p.clients {
		client.CloseIdleConnections()
	}
}

// Builtin is external_data.
func (p *Providers) Builtin() *topdown.Builtin {
	return &topdown.Builtin{Decl: Decl, Func: func(b topdown.BuiltinContext, args []*ast.Term, iter func(*ast.Term) error) error {
		var asked externaldata.RegoRequest
		if err := ast.As(args[0].Value, &asked); err != nil {
			return err
		}
		provider, err := p.provider(asked.ProviderName)
		if err != nil { // not a verdict: the evaluation ends here
			return topdown.Halt{Err: &topdown.Error{Code: "external_data_refused", Message: err.Error(), Location: b.Location}}
		}
		answer, err := p.answer(b.Context, provider, asked.Keys)
		if err != nil {
			return err
		}
		return iter(answer)
	}}
}

// provider finds a provider that may be asked.
func (p *Providers) provider(name string) (*unversioned.Provider, error) {
	provider, err := p.known.Get(name)
	if err != nil {
		return nil, fmt.Errorf("external data: no Provider named `%s` is among the policies", name)
	}
	target, err := url.Parse(provider.Spec.URL)
	if err != nil {
		return nil, fmt.Errorf("external data: provider `%s`: %w", name, err)
	}
	if !p.allowAll && !slices.Contains(p.allowNet, target.Hostname()) {
		return nil, fmt.Errorf("external data: provider `%s` at host `%s` is refused: allow external data, or list the host in `policy.allow_net`", name, target.Hostname())
	}
	return &provider, nil
}

// answer is what Gatekeeper's driver hands to a template: answers from the cache and from the provider.
func (p *Providers) answer(ctx context.Context, provider *unversioned.Provider, keys []string) (*ast.Term, error) {
	var items []externaldata.Item
	var missing []string
	for _, key := range keys {
		if item, ok := p.cached(provider.Name, key); ok {
			items = append(items, item)
		} else {
			missing = append(missing, key)
		}
	}
	status, systemError := 0, ""
	if len(missing) > 0 {
		response, code, err := p.send(ctx, provider, missing)
		if err != nil {
			return externaldata.HandleError(code, err)
		}
		p.keep(provider.Name, response)
		items = append(items, response.Response.Items...)
		status, systemError = code, response.Response.SystemError
	}
	return externaldata.PrepareRegoResponse(externaldata.NewRegoResponse(status, &externaldata.ProviderResponse{
		Response: externaldata.Response{Items: items, SystemError: systemError},
	}))
}

func (p *Providers) cached(provider, key string) (externaldata.Item, bool) {
	kept, ok := p.answers.Get(externaldata.CacheKey{ProviderName: provider, Key: key})
	item, _ := kept.(externaldata.Item)
	return item, ok
}

func (p *Providers) keep(provider string, response *externaldata.ProviderResponse) {
	for _, item := range response.Response.Items {
		p.answers.Add(externaldata.CacheKey{ProviderName: provider, Key: item.Key}, item, responseTTL)
	}
}

// send asks a provider as Gatekeeper does, but follows no redirects (they could lead to a host that was
// not allowed) and reads no endless answers.
func (p *Providers) send(ctx context.Context, provider *unversioned.Provider, keys []string) (*externaldata.ProviderResponse, int, error) {
	client, err := p.client(provider)
	if err != nil {
		return nil, http.StatusInternalServerError, err
	}
	body, err := json.Marshal(externaldata.NewProviderRequest(keys))
	if err != nil {
		return nil, http.StatusInternalServerError, err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(provider.Spec.Timeout)*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, provider.Spec.URL, bytes.NewReader(body))
	if err != nil {
		return nil, http.StatusInternalServerError, err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := client.Do(request)
	if err != nil {
		return nil, http.StatusInternalServerError, fmt.Errorf("failed to send external data request: %w", err)
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(response.Body, maxResponse))
	if err != nil {
		return nil, http.StatusInternalServerError, fmt.Errorf("failed to read external data response: %w", err)
	}
	answer := &externaldata.ProviderResponse{}
	if err := json.Unmarshal(raw, answer); err != nil {
		return nil, http.StatusInternalServerError, fmt.Errorf("failed to unmarshal external data response: %w", err)
	}
	return answer, response.StatusCode, nil
}

func (p *Providers) client(provider *unversioned.Provider) (*http.Client, error) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if client := p.clients[provider.Name]; client != nil {
		return client, nil
	}
	bundle, err := base64.StdEncoding.DecodeString(provider.Spec.CABundle)
	if err != nil {
		return nil, fmt.Errorf("failed to decode CA bundle: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(bundle) {
		return nil, errors.New("the provider's CA bundle holds no certificate")
	}
	client := &http.Client{
		Transport: &http.Transport{
			TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: pool}, IdleConnTimeout: idleTime,
			MaxIdleConns: maxIdle, MaxIdleConnsPerHost: maxIdle,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	p.clients[provider.Name] = client
	return client, nil
}
