package rego

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/model"
)

// answer evaluates one policy on an empty Pod.
func answer(t *testing.T, text string, options Options) ([]Violation, []model.Problem) {
	t.Helper()
	ctx := context.Background()
	set, problems := Compile(ctx, []Module{{Source: Source{File: "p.rego", Text: text}}}, options)
	if len(problems) > 0 {
		t.Fatalf("compile: %v", problems)
	}
	e, err := set.NewEvaluator(ctx, []Selection{{Name: set.Policies[0].Name}}, testTimeout)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close(ctx)
	return e.Evaluate(ctx, emptyPod())
}

// testTimeout is that of one evaluation in tests.
const testTimeout = 10 * time.Second

func emptyPod() Input {
	return Input{Resource: ast.MustParseTerm(`{"kind": "Pod"}`), Identity: model.Resource{Kind: "Pod", Name: "x"}}
}

// A policy that catches the errors of http.send must not be able to catch our refusal: it would turn
// "we did not ask" into "nothing is wrong".
func TestAHostThatIsNotListedIsRefusedAloud(t *testing.T) {
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }))
	defer service.Close()
	elsewhere := strings.Replace(service.URL, "127.0.0.1", "localhost", 1)
	redirect := httptest.NewServer(http.RedirectHandler(elsewhere, http.StatusFound))
	defer redirect.Close()
	cases := map[string]struct {
		call, allowed, refused string
		want                   int
	}{
		"nothing is listed":             {`{"method": "GET", "url": "` + service.URL + `"}`, "", "127.0.0.1", 0},
		"the policy catches errors":     {`{"method": "GET", "url": "` + service.URL + `", "raise_error": false}`, "", "127.0.0.1", 0},
		"another host is listed":        {`{"method": "GET", "url": "` + service.URL + `", "raise_error": false}`, "example.com", "127.0.0.1", 0},
		"a redirect leaves the list":    {`{"method": "GET", "url": "` + redirect.URL + `", "enable_redirect": true, "raise_error": false}`, "127.0.0.1", "localhost", 0},
		"a redirect, errors not caught": {`{"method": "GET", "url": "` + redirect.URL + `", "enable_redirect": true}`, "127.0.0.1", "localhost", 0},
		"the host is listed":            {`{"method": "GET", "url": "` + service.URL + `"}`, "127.0.0.1", "", 1},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var allowed []string
			if c.allowed != "" {
				allowed = []string{c.allowed}
			}
			policy := "package net\nviolation contains \"answered\" if http.send(" + c.call + ").status_code == 200\n"
			violations, problems := answer(t, policy, Options{AllowNet: allowed})
			if len(violations) != c.want {
				t.Errorf("%d violations, want %d", len(violations), c.want)
			}
			if c.refused == "" {
				if len(problems) > 0 {
					t.Errorf("problems: %v", problems)
				}
				return
			}
			if len(problems) != 1 || problems[0].Severity != model.Error || !strings.Contains(problems[0].Message, "`"+c.refused+"`") {
				t.Errorf("problems %v, want one that names %s", problems, c.refused)
			}
		})
	}
}
