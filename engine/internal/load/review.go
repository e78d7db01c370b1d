package load

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/load/syntax"
)

// Review is an AdmissionReview as an API server sends it.
type Review struct {
	// Document is the object that the request is about: of a deletion what is deleted, as Gatekeeper judges it.
	Document *Document
	// Object and OldObject are those of the request; nil where it has none.
	Object, OldObject *ast.Term
	// Request is the rest of the request.
	Request *ast.Term
	// Operation is CREATE, UPDATE, DELETE or CONNECT.
	Operation string
	// User is the request's `userInfo`; nil where it has none.
	User *ast.Term
}

// operations are what an API server asks about, each with the member that is judged.
var operations = map[string]string{"CREATE": "object", "UPDATE": "object", "CONNECT": "object", "DELETE": "oldObject"}

// reviewVersion is the one that is answered.
const reviewVersion = "admission.k8s.io/v1"

// ReadReview decodes an AdmissionReview. Its error is a *Failure that says what is wrong with it: nothing is skipped or
// guessed, since what is not judged would be admitted.
func ReadReview(source Source, limits Limits) (*Review, error) {
	limits, text := limits.orDefault(), string(source.Text)
	request, tree, err := requestOf(text, limits)
	if err != nil {
		return nil, err
	}
	review := &Review{
		Object: present(request.Get(termObject)), OldObject: present(request.Get(termOldObject)), User: present(request.Get(termUserInfo)),
		Request: without(request, termObject, termOldObject),
	}
	var wrong *misshapen
	if review.Operation, wrong = required(request, termOperation, "operation"); wrong != nil {
		return nil, failureOf("request", wrong)
	}
	judged, known := operations[review.Operation]
	if !known {
		return nil, invalid("`request.operation` must be CREATE, UPDATE, DELETE or CONNECT, not `%s`", review.Operation)
	}
	place := &positions{text: text, isJSON: true, line: 1, lent: tree}
	review.Document = &Document{Term: review.Object, File: source.Path, prefix: []any{"request", judged}, positions: place}
	if judged == "oldObject" {
		review.Document.Term = review.OldObject
	}
	return review, review.identify(request, judged)
}

// requestOf reads as far as the request. The tree is that of the review, nil where it was not made.
func requestOf(text string, limits Limits) (ast.Object, *syntax.Tree, error) {
	if int64(len(text)) > limits.DocumentBytes {
		return nil, nil, tooLarge("document", limits.DocumentBytes)
	}
	if !utf8.ValidString(text) {
		return nil, nil, invalid("it is no UTF-8")
	}
	value, end, err := decodeJSON(text, limits)
	switch {
	case err != nil:
		return nil, nil, invalid("it can't be read: %v", err)
	case value.warning != nil:
		return nil, nil, invalid("a key is given twice: line %d, column %d", value.warning.Line, value.warning.Column)
	case strings.TrimSpace(text[end:]) != "":
		return nil, nil, invalid("something follows the review")
	}
	request, err := requestIn(value.term)
	return request, value.tree, err
}

func requestIn(term *ast.Term) (ast.Object, error) {
	review, ok := term.Value.(ast.Object)
	if !ok {
		return nil, invalid("it must be an object, not %s", typeName(term))
	}
	version, _ := stringOf(review.Get(termAPIVersion))
	if kind, _ := stringOf(review.Get(termKind)); kind != "AdmissionReview" || version != reviewVersion {
		return nil, invalid("it must be an AdmissionReview of %s, not `%s` of `%s`", reviewVersion, kind, version)
	}
	if member := review.Get(termRequest); member != nil {
		if request, ok := member.Value.(ast.Object); ok {
			return request, nil
		}
	}
	return nil, invalid("it has no `request`")
}

// identify reads what the object says of itself. What it leaves out the request says: an API server fills in both before
// it stores an object.
func (r *Review) identify(request ast.Object, judged string) error {
	if r.Document.Term == nil {
		return invalid("`request.%s` is absent, which is what would be judged", judged)
	}
	object, ok := r.Document.Term.Value.(ast.Object)
	if !ok {
		return invalid("`request.%s` must be an object, not %s", judged, typeName(r.Document.Term))
	}
	resource, wrong := identify(object)
	if wrong != nil {
		return failureOf("request."+judged, wrong)
	}
	for field, key := range map[*string]*ast.Term{&resource.Name: termName, &resource.Namespace: termNamespace} {
		said, wrong := text(request, key, fmt.Sprint(key.Value))
		if wrong != nil {
			return failureOf("request", wrong)
		}
		if *field == "" {
			*field = said
		}
	}
	r.Document.Resource, r.Document.Line = resource, 1
	return nil
}

func present(term *ast.Term) *ast.Term {
	if isAbsent(term) {
		return nil
	}
	return term
}

// without is an object less some members.
func without(object ast.Object, keys ...*ast.Term) *ast.Term {
	rest := ast.NewObject()
	object.Foreach(func(key, member *ast.Term) {
		for _, left := range keys {
			if key.Equal(left) {
				return
			}
		}
		rest.Insert(key, member)
	})
	return ast.NewTerm(rest)
}

func invalid(format string, args ...any) *Failure {
	return &Failure{Code: CodeInvalid, Message: fmt.Sprintf(format, args...)}
}

func failureOf(where string, wrong *misshapen) *Failure {
	return invalid("%s in `%s`", wrong.message, where)
}
