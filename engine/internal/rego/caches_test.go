package rego

import (
	"strconv"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown/cache"
)

// megabyte is an answer of that size.
type megabyte struct{}

func (megabyte) SizeInBytes() int64                         { return 1 << 20 }
func (megabyte) Clone() (cache.InterQueryCacheValue, error) { return megabyte{}, nil }

func TestWhatBuiltinsKeepIsBounded(t *testing.T) {
	answers, patterns := NewCaches(t.Context())
	const many = 3 * maxPatterns
	for i := range many {
		key := ast.String(strconv.Itoa(i))
		answers.Insert(key, megabyte{})
		patterns.Insert(key, i)
	}
	keptAnswers, keptPatterns := 0, 0
	for i := range many {
		key := ast.String(strconv.Itoa(i))
		if _, there := answers.Get(key); there {
			keptAnswers++
		}
		if _, there := patterns.Get(key); there {
			keptPatterns++
		}
	}
	if keptAnswers == 0 || int64(keptAnswers)<<20 > maxAnswers {
		t.Errorf("%d answers of a megabyte are kept", keptAnswers)
	}
	if keptPatterns == 0 || keptPatterns > maxPatterns {
		t.Errorf("%d patterns are kept", keptPatterns)
	}
}
