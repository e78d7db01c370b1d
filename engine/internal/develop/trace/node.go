// Package trace shows how a policy comes to its verdict: which rules and expressions were evaluated, with
// which values, and why they held or failed.
package trace

// Kinds of a Node.
const (
	KindRule       = "rule"       // one body of a rule
	KindExpression = "expression" // one expression of a body
	KindElement    = "element"    // the body of an `every` for one element
	KindResult     = "result"     // what a body gave
	KindNote       = "note"       // what a call of trace said
	KindPrint      = "print"      // what a call of print said
	KindMore       = "more"       // Count siblings that are left out here
)

// Outcomes of a Node.
const (
	Holds = "holds"
	Fails = "fails"
)

// Node is one step of an evaluation, with the steps that it led to.
type Node struct {
	Kind    string  `json:"kind"`
	Name    string  `json:"name,omitempty"`    // of a rule
	Text    string  `json:"text,omitempty"`    // the source of an expression, or what was said
	Outcome string  `json:"outcome,omitempty"` // holds or fails; empty for what was still under way when the trace was cut
	Again   bool    `json:"again,omitempty"`   // another solution of an expression that was shown before
	Reason  string  `json:"reason,omitempty"`  // why it failed, or why what it negates did
	Values  []Value `json:"values,omitempty"`  // what its variables and references were
	File    string  `json:"file,omitempty"`
	Line    int     `json:"line,omitempty"`
	Column  int     `json:"column,omitempty"`
	Count   int     `json:"count,omitempty"`
	Message string  `json:"message,omitempty"` // of a result that is a violation

	Children []*Node `json:"children,omitempty"`

	depth     int
	results   map[string]bool
	testCase  string // of a table-driven test: the case that was under way
	negated   bool   // an expression with `not`
	inner     bool   // what such an expression negates: the same line of the source
	generated bool   // the compiler made the expression: shown only where it fails
}

// Value is what a variable, a reference or a call of the source was when the expression was evaluated.
type Value struct {
	Name string `json:"name"`
	Text string `json:"value"` // as Rego writes it, cut where it is long; `undefined` where there is none
}

// Undefined is the text of a value that does not exist.
const Undefined = "undefined"

// Limits bound what a trace may cost.
type Limits struct {
	Nodes      int // steps that are kept
	Events     int // steps of the evaluator that are looked at
	ValueChars int // characters of one value
}

// DefaultLimits keep a trace readable, and memory small whatever the policy does.
var DefaultLimits = Limits{Nodes: 20_000, Events: 2_000_000, ValueChars: 120}
