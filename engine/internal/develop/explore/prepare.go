package explore

import (
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
)

// Prepare compiles the question what a reference is in a world, whose input is left to the evaluation:
// for those who ask it again and again. The answer is bound to Result.
func (s *Subject) Prepare(w World, ref ast.Ref) (ast.Body, error) { return s.query(w, ref) }

// Result is the variable of a prepared query.
const Result = result

// Now is the time in a world that does not say.
func Now() time.Time { return farAway }

// Limit is the time limit of one evaluation.
func (s *Subject) Limit() time.Duration { return s.limit }

// TextOf is the text of a file that the subject was compiled from.
func (s *Subject) TextOf(file string) (string, bool) {
	for _, m := range s.modules {
		if m.File == file {
			return m.Text, true
		}
	}
	return "", false
}
