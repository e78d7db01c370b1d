package schema

import (
	"fmt"
	"slices"
	"strings"
)

// nearest is the hint that names the word which somebody may have meant; empty where none is near.
func nearest(given string, words []string) string {
	slices.Sort(words)
	best, least := "", 1+max(1, len(given)/3)
	for _, word := range words {
		if len(word)-len(given) >= least || len(given)-len(word) >= least {
			continue
		}
		if d := distance(strings.ToLower(given), strings.ToLower(word)); d < least {
			best, least = word, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("did you mean `%s`?", best)
}

// distance is the number of letters to put in, take out, change or swap with the next (optimal string alignment).
func distance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
