// Package compiled evaluates Rego several times as fast as OPA's own evaluator, with OPA's parser, compiler, values
// and builtins: the tree that OPA's compiler leaves is turned into Go closures once, and run for each input.
//
// One invariant makes it safe: it answers without any error, or it does not answer. Whatever is not known when a
// query is compiled (a Refusal), and whatever goes wrong when it runs (a conflict, an error of a builtin, a
// cancellation: Run says false), is left to OPA, whose answer and whose errors then count. So nothing here words an
// error, and an error can't be lost as long as no more is skipped than OPA skips: see exits.go.
package compiled
