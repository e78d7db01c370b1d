// Package optimize says how a policy file could be cheaper, and proves it: every suggestion is measured on
// sample data, and a rewrite is offered only where results stay the same on every example and on inputs that
// are made from the policy's own conditions.
package optimize

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/topdown"

	"attest.continuu.ms/engine/internal/develop/explore"
	"attest.continuu.ms/engine/internal/model"
)

// Params are those of the method `optimize` (engine/README.md).
type Params struct {
	File       string                    `json:"file"`
	Text       string                    `json:"text"` // the content of the file; empty to read it
	Libraries  []string                  `json:"libraries"`
	Paths      []string                  `json:"paths"`      // sample data; none for the policy's examples
	Parameters map[string]map[string]any `json:"parameters"` // configured ones, by policy
	Data       map[string]any            `json:"data"`
	Budget     int                       `json:"budget"` // how many inputs are made; 0 for the default
	// StrictErrors says that what builtins complain of is an error.
	StrictErrors bool  `json:"strictErrors"`
	Timeout      int64 `json:"timeout"` // of one evaluation, in milliseconds; 0 for the default

	mark string // the byte order mark that the file begins with, if any
}

// Result is what there is to say of a policy file.
type Result struct {
	Policy      string          `json:"policy"`
	Text        string          `json:"text,omitempty"` // the file with every rewrite made; empty without any
	Samples     *Samples        `json:"samples,omitempty"`
	Checked     Checked         `json:"checked"`
	Before      Cost            `json:"before"`
	After       Cost            `json:"after"` // of Text
	Suggestions []Suggestion    `json:"suggestions,omitempty"`
	Problems    []model.Problem `json:"problems,omitempty"`
}

// Samples say what was measured with. From is data, examples or generated.
type Samples struct {
	From      string `json:"from"`
	Resources int    `json:"resources"`
}

// Checked counts the inputs on which every rewrite gives the same results.
type Checked struct {
	Examples  int `json:"examples"` // sample data included
	Generated int `json:"generated"`
}

// Kinds of suggestions.
const (
	kindRepeated = "repeated-work"
	kindIndex    = "rule-index"
	kindNetwork  = "network-in-loop"
	kindSquare   = "quadratic"
	kindPartial  = "partial-evaluation"
)

// Suggestion is one way to make the policy cheaper. It has a rewrite, or says in Advice what to do by hand
// and why that can't be done for the author.
type Suggestion struct {
	Kind    string `json:"kind"`
	Rule    string `json:"rule"`
	File    string `json:"file"`
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Lines   []int  `json:"lines,omitempty"` // of other rules that it is about
	Title   string `json:"title"`
	Reason  string `json:"reason"`
	Before  Cost   `json:"before"`
	After   Cost   `json:"after"`
	Rewrite []Hunk `json:"rewrite,omitempty"`
	// Included says that the rewrite is part of the result's text: it touches no text of another that gains more.
	Included bool    `json:"included,omitempty"`
	Advice   string  `json:"advice,omitempty"`
	Growth   *Growth `json:"growth,omitempty"`
}

// candidate is a suggestion that is not proven yet. Without edits it is advice, and measures itself.
type candidate struct {
	Suggestion
	edits   []edit
	samples []sample // what a rewrite is measured on, where not on all samples
	measure func(*Suggestion) (comparison, bool)
}

// defaultBudget is how many inputs are made: enough to reach every rule of every shipped policy.
const defaultBudget = 1500

// optimizer carries what the steps share.
type optimizer struct {
	ctx        context.Context
	params     Params
	subject    *explore.Subject
	source     *source
	parameters map[string]any // with the policy's defaults
	data       map[string]any
	pool       *explore.Pool
	seeds      []explore.World
	examples   []sample
	samples    []sample
	from       string
	txns       map[storage.Store]storage.Transaction
	right      []answer        // of the worlds of checks
	findings   map[string]bool // of the policy as it is
	taken      map[string]bool
	extracted  map[string]bool // work that a rule of its own was suggested for
}

// Run looks for suggestions. What is wrong with the policy or the data is a problem of the result; an error
// means that the time was up.
func Run(ctx context.Context, params Params, tell func(string) error) (Result, error) {
	o, problems := open(ctx, params)
	if o == nil {
		return Result{Problems: problems}, nil
	}
	defer o.close()
	if err := tell("making inputs"); err != nil {
		return Result{}, err
	}
	if problems := o.gather(); len(problems) > 0 {
		return Result{Problems: problems}, ctx.Err()
	}
	return o.run(tell)
}

// open reads a policy; without one there is a problem.
func open(ctx context.Context, params Params) (*optimizer, []model.Problem) {
	if params.Budget <= 0 {
		params.Budget = defaultBudget
	}
	if params.Text == "" {
		raw, _ := os.ReadFile(params.File) // what can't be read is a problem below
		params.Text = string(raw)
	}
	params.mark, params.Text = cutMark(params.Text)
	subject, problems := explore.Open(ctx, explore.Options{
		File: params.File, Text: params.Text, Libraries: params.Libraries, Limit: time.Duration(params.Timeout) * time.Millisecond,
	})
	if subject == nil {
		return nil, problems
	}
	o := &optimizer{
		ctx: ctx, params: params, subject: subject, source: parse(params.File, subject.Text), data: params.Data,
		txns: map[storage.Store]storage.Transaction{}, taken: map[string]bool{}, extracted: map[string]bool{},
	}
	if o.source == nil || len(subject.Policy.Rules) == 0 {
		return nil, []model.Problem{{
			Severity: model.Error, Code: "no_rules", File: params.File, Line: 1, Column: 1, Message: "the file is no policy: it judges nothing",
			Hint: "name a file with a `violation`, `deny` or `warn` rule",
		}}
	}
	o.parameters = defaulted(subject.Policy.Defaults, params.Parameters[subject.Policy.Name])
	return o, nil
}

func (o *optimizer) close() {
	for store, txn := range o.txns {
		store.Abort(o.ctx, txn)
	}
}

// cutMark takes the byte order mark off a text: the parser does, and counts from there.
func cutMark(text string) (mark, rest string) {
	const bom = "\ufeff"
	if rest, found := strings.CutPrefix(text, bom); found {
		return bom, rest
	}
	return "", text
}

// finders look for each kind of suggestion.
var finders = []struct {
	what string
	find func(*optimizer) []candidate
}{
	{"repeated work", (*optimizer).repeated},
	{"rule indexing", (*optimizer).indexing},
	{"requests in loops", (*optimizer).network},
	{"nested loops", (*optimizer).square},
	{"partial evaluation", (*optimizer).partial},
}

func (o *optimizer) run(tell func(string) error) (Result, error) {
	result := Result{Policy: o.subject.Policy.Name, Samples: &Samples{o.from, len(o.samples)}}
	var proven []*candidate
	for _, finder := range finders {
		found := o.find(finder.find)
		for i := range found {
			if err := tell(fmt.Sprintf("%s, %d of %d", finder.what, i+1, len(found))); err != nil {
				return Result{}, err
			}
			if o.prove(&found[i]) {
				proven = append(proven, &found[i])
			}
			if o.ctx.Err() != nil {
				return Result{}, o.ctx.Err()
			}
		}
	}
	if err := tell("proving the rewrites together"); err != nil {
		return Result{}, err
	}
	o.write(&result, proven)
	return result, o.ctx.Err()
}

// maxCandidates bounds what is measured of one kind.
const maxCandidates = 40

func (o *optimizer) find(find func(*optimizer) []candidate) []candidate {
	found := find(o)
	return found[:min(len(found), maxCandidates)]
}

// failure words why a policy can't be measured.
func (o *optimizer) failure(err error) model.Problem {
	problem := model.Problem{
		Severity: model.Error, Code: code(err), Policy: o.subject.Policy.Name, File: o.params.File,
		Line: o.subject.Rules[0].Line, Column: 1, Message: err.Error(), Hint: "look at it with `attest policy trace`",
	}
	if topdown.IsCancel(err) {
		problem.Code = "eval_timeout"
		problem.Message = fmt.Sprintf("evaluation took longer than %s and was stopped", o.subject.Limit())
		problem.Hint = "make the rule cheaper, or raise `policy.timeout`"
	} else if failure, ok := err.(*topdown.Error); ok {
		problem.Message = failure.Message
		if at := failure.Location; at != nil {
			problem.File, problem.Line, problem.Column = at.File, at.Row, at.Col
		}
	}
	return problem
}
