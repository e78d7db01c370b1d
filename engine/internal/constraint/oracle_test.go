package constraint

import (
	"context"
	"encoding/json"
	"fmt"
	"sort"
	"strings"
	"testing"

	"github.com/open-policy-agent/frameworks/constraint/pkg/apis"
	"github.com/open-policy-agent/frameworks/constraint/pkg/client"
	"github.com/open-policy-agent/frameworks/constraint/pkg/client/drivers/rego"
	"github.com/open-policy-agent/frameworks/constraint/pkg/client/reviews"
	frameworktypes "github.com/open-policy-agent/frameworks/constraint/pkg/types"
	"github.com/open-policy-agent/gatekeeper/v3/pkg/drivers/k8scel"
	"github.com/open-policy-agent/gatekeeper/v3/pkg/gator/reader"
	"github.com/open-policy-agent/gatekeeper/v3/pkg/target"
	"github.com/open-policy-agent/opa/v1/ast"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	k8sjson "k8s.io/apimachinery/pkg/util/json"

	"attest.continuu.ms/engine/internal/constraint/enforcement"
	"attest.continuu.ms/engine/internal/constraint/gatekeeper"
)

// upstream is the oracle: the framework's client with the framework's Rego driver and Gatekeeper's
// target, put together as gator puts them.
func upstream(t testing.TB, cel bool, objects []gatekeeper.Object) *client.Client {
	t.Helper()
	args := []client.Opt{client.Targets(&target.K8sValidationTarget{}), client.EnforcementPoints(enforcement.Gator, enforcement.Webhook)}
	if cel {
		driver, err := k8scel.New()
		if err != nil {
			t.Fatal(err)
		}
		args = append(args, client.Driver(driver))
	}
	driver, err := rego.New()
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.NewClient(append(args, client.Driver(driver))...)
	if err != nil {
		t.Fatal(err)
	}
	fill(t, c, objects)
	return c
}

func fill(t testing.TB, c *client.Client, objects []gatekeeper.Object) {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := apis.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	for _, o := range objects {
		if u := native(t, o.Value); reader.IsTemplate(u) {
			ct, err := reader.ToTemplate(scheme, u)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := c.AddTemplate(context.Background(), ct); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, o := range objects {
		if u := native(t, o.Value); reader.IsConstraint(u) {
			if _, err := c.AddConstraint(context.Background(), u); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// native is an object with the number types of the API machinery.
func native(t testing.TB, value any) *unstructured.Unstructured {
	t.Helper()
	raw, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	u := &unstructured.Unstructured{}
	if err := k8sjson.Unmarshal(raw, &u.Object); err != nil {
		t.Fatal(err)
	}
	return u
}

func fromTerm(t testing.TB, resource *ast.Term) *unstructured.Unstructured {
	t.Helper()
	value, err := ast.JSON(resource.Value)
	if err != nil {
		t.Fatal(err)
	}
	return native(t, value)
}

// verdict is what both sides say, as sorted lines. What the framework reports as a violation because
// it could not match or evaluate is marked as an error, as we report it.
func upstreamVerdict(t testing.TB, c *client.Client, review any, opts ...reviews.ReviewOpt) []string {
	t.Helper()
	responses, err := c.Review(context.Background(), review, opts...)
	if err != nil {
		t.Fatal(err)
	}
	lines := []string{}
	for _, r := range responses.Results() {
		lines = append(lines, upstreamLine(t, r))
	}
	sort.Strings(lines)
	return lines
}

func upstreamLine(t testing.TB, r *frameworktypes.Result) string {
	t.Helper()
	name := gatekeeper.PolicyName(r.Constraint)
	if strings.HasPrefix(r.Msg, "unable to match constraints") {
		return name + " match error"
	}
	if strings.Contains(r.Msg, "eval_conflict_error") {
		return name + " error"
	}
	details, err := json.Marshal(r.Metadata["details"])
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%s %s %s %s", name, enforcement.Of(r), r.Msg, details)
}

func ourVerdict(t testing.TB, out *Outcome) []string {
	t.Helper()
	lines := []string{}
	for _, r := range out.Results {
		details, err := json.Marshal(r.Details)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, fmt.Sprintf("%s %s %s %s", r.Policy, r.Enforcement, r.Message, details))
	}
	for _, p := range out.Problems {
		switch {
		case p.Code == "match_error":
			lines = append(lines, p.Policy+" match error")
		case p.Severity == "error":
			lines = append(lines, p.Policy+" error")
		}
	}
	sort.Strings(lines)
	return lines
}
