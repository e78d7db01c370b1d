package external

import (
	"fmt"
	"testing"

	"github.com/open-policy-agent/frameworks/constraint/pkg/externaldata"
)

func TestAnswersAreKeptWithinABound(t *testing.T) {
	providers := New(true, nil)
	for i := range 2 * maxAnswers {
		item := externaldata.Item{Key: fmt.Sprint(i), Value: i}
		providers.keep("provider", &externaldata.ProviderResponse{Response: externaldata.Response{Items: []externaldata.Item{item}}})
	}
	kept := 0
	for i := range 2 * maxAnswers {
		if item, ok := providers.cached("provider", fmt.Sprint(i)); ok {
			if kept++; item.Value != i {
				t.Fatalf("the answer to %d is %v", i, item.Value)
			}
		}
	}
	if kept != maxAnswers {
		t.Errorf("%d answers are kept", kept)
	}
	if _, ok := providers.cached("another", fmt.Sprint(2*maxAnswers-1)); ok {
		t.Error("an answer is given for another provider")
	}
}
