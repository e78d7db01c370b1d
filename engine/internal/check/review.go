package check

import (
	"attest.continuu.ms/engine/internal/constraint/admission"
	"attest.continuu.ms/engine/internal/constraint/enforcement"
	"attest.continuu.ms/engine/internal/load"
	"attest.continuu.ms/engine/internal/rego"
	"attest.continuu.ms/engine/internal/rpc"
)

// takeReview reads the AdmissionReview of the parameters, which is then the one source of the run. Its error says that it
// is none: nothing of it may be judged then.
func (r *run) takeReview() error {
	if r.params.Review == nil {
		return nil
	}
	review, err := load.ReadReview(*r.params.Review, r.limits)
	if err != nil {
		return rpc.Fail(rpc.CodeInvalidInput, "the review can't be judged: %v", err)
	}
	r.review, r.sources, r.user = review, []load.Source{*r.params.Review}, review.User
	r.params.Operation = review.Operation
	if r.params.Point == "" {
		r.params.Point = enforcement.Webhook
	}
	return nil
}

// read decodes the source of a number, unless it is the review, which is at hand.
func (r *run) read(i int, source load.Source) load.File {
	if r.review != nil {
		return load.File{Documents: []*load.Document{r.review.Document}}
	}
	return r.once.Read(i, source, r.limits)
}

// asReviewed gives a plain policy the request as it came.
func (r *run) asReviewed(in *rego.Input) {
	if r.review != nil {
		in.Request, in.OldObject = r.review.Request, r.review.OldObject
	}
}

// reviewed gives constraints the request as it came.
func (r *run) reviewed(review *admission.Review) {
	if r.review != nil {
		review.Object, review.OldObject, review.Request = r.review.Object, r.review.OldObject, r.review.Request
	}
}
