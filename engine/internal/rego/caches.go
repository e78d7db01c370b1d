package rego

import (
	"context"

	"github.com/open-policy-agent/opa/v1/topdown/cache"
)

// Limits of what builtins keep from one evaluation to the next: answers of servers, and compiled patterns. What
// they are made of comes from manifests, so without limits a set that lives long would grow for ever.
const (
	maxAnswers  int64 = 64 << 20 // bytes
	maxPatterns       = 1000
)

// NewCaches makes the caches for the builtins of a set.
func NewCaches(ctx context.Context) (cache.InterQueryCache, cache.InterQueryValueCache) {
	answers, full, never, patterns := maxAnswers, int64(100), int64(0), maxPatterns
	config := &cache.Config{
		InterQueryBuiltinCache: cache.InterQueryBuiltinCacheConfig{
			MaxSizeBytes: &answers, ForcedEvictionThresholdPercentage: &full, StaleEntryEvictionPeriodSeconds: &never,
		},
		InterQueryBuiltinValueCache: cache.InterQueryBuiltinValueCacheConfig{MaxNumEntries: &patterns},
	}
	return cache.NewInterQueryCacheWithContext(ctx, config), cache.NewInterQueryValueCache(ctx, config)
}
