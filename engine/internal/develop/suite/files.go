package suite

import (
	"fmt"
	"os"

	"github.com/open-policy-agent/gatekeeper/v3/pkg/gator"
	"github.com/open-policy-agent/gatekeeper/v3/pkg/gator/reader"
	"github.com/open-policy-agent/opa/v1/ast"
	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"attest.continuu.ms/engine/internal/constraint/admission"
	"attest.continuu.ms/engine/internal/constraint/gatekeeper"
	"attest.continuu.ms/engine/internal/load"
	"attest.continuu.ms/engine/internal/model"
)

// readPolicies reads the Gatekeeper objects of a file with the lines of their fields.
func readPolicies(path string) ([]gatekeeper.Object, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	file := load.Read(load.Source{Path: path}, load.DefaultLimits)
	for _, p := range file.Problems {
		if p.Severity == model.Error {
			return nil, fmt.Errorf("%s:%d: %s", p.File, p.Line, p.Message)
		}
	}
	var out []gatekeeper.Object
	for _, d := range file.Documents {
		if object, ok := d.Native().(map[string]any); ok && gatekeeper.IsGatekeeper(object) {
			out = append(out, gatekeeper.Object{File: path, Line: d.Line, Value: object, Locate: d.Locate})
		}
	}
	return out, nil
}

// readObjects reads the objects of a case as gator does.
func readObjects(path string) ([]*unstructured.Unstructured, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	objects, err := reader.ReadUnstructureds(raw)
	if err != nil {
		return nil, fmt.Errorf("`%s`: %w", path, err)
	}
	if len(objects) == 0 {
		return nil, fmt.Errorf("%w: path %q defines no YAML objects", gator.ErrNoObjects, path)
	}
	return objects, nil
}

func isAdmissionReview(object *unstructured.Unstructured) bool {
	return object.GetKind() == "AdmissionReview" && object.GroupVersionKind().Group == admissionv1.SchemeGroupVersion.Group
}

// fromAdmissionReview makes a review of the request in an AdmissionReview, with gator's checks: no
// unknown fields, a request, and an object or an old object, each with a kind.
func fromAdmissionReview(object *unstructured.Unstructured, in *admission.Review) error {
	var review admissionv1.AdmissionReview
	if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(object.UnstructuredContent(), &review, true); err != nil {
		return fmt.Errorf("%w: unable to convert to an AdmissionReview object, error: %w", gator.ErrInvalidK8sAdmissionReview, err)
	}
	if review.Request == nil {
		return fmt.Errorf("%w: request did not actually pass in an AdmissionRequest", gator.ErrMissingK8sAdmissionRequest)
	}
	if review.Request.Object.Raw == nil && review.Request.OldObject.Raw == nil {
		return fmt.Errorf("%w: AdmissionRequest does not contain an \"object\" or \"oldObject\" to review", gator.ErrNoObjectForReview)
	}
	for _, part := range []struct {
		raw []byte
		to  **ast.Term
	}{{review.Request.Object.Raw, &in.Object}, {review.Request.OldObject.Raw, &in.OldObject}} {
		if part.raw == nil {
			continue
		}
		u := &unstructured.Unstructured{}
		if err := u.UnmarshalJSON(part.raw); err != nil {
			return fmt.Errorf("%w: %w", gator.ErrUnmarshallObject, err)
		}
		resource, err := termOf(u)
		if err != nil {
			return err
		}
		*part.to = resource
	}
	request, _, _ := unstructured.NestedMap(object.Object, "request")
	in.Operation = string(review.Request.Operation)
	var err error
	in.Request, err = termOf(&unstructured.Unstructured{Object: request})
	return err
}
