// Package constraint evaluates Gatekeeper's templates and constraints with Gatekeeper's own packages:
// the constraint framework's client decides which constraints apply, what their enforcement is and how
// templates and constraints are validated; Gatekeeper matches, expands and reads CEL. The drivers are
// ours: a resource is decoded once, all templates in Rego share one compiler, and CEL is evaluated on one
// conversion of the resource (docs/adr/0017-own-cel-driver.md).
//
// Load makes an immutable Set, admission.NewInventory an immutable view of the resources that policies may
// look up, and Set.Review judges one resource. All three may be used from many goroutines. The packages
// below do the work, each knowing only those beneath it: load fills a set, match and the drivers in cel and
// rego judge, and admission is what they judge.
package constraint
