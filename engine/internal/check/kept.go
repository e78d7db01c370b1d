package check

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"maps"
	"slices"

	"attest.continuu.ms/engine/internal/model"
)

// format is that of a kept result; another one is read as nothing.
const format = "file result 1"

// encodeResult writes what a file came to, but for the name of the file and what is known without asking a policy.
func encodeResult(out *fileResult) ([]byte, error) {
	w := &recordWriter{}
	w.number(len(out.resources))
	for i := range out.resources {
		w.resource(&out.resources[i])
	}
	w.number(len(out.findings))
	for i := range out.findings {
		if err := w.finding(&out.findings[i]); err != nil {
			return nil, err
		}
	}
	w.number(len(out.skipped))
	for _, one := range out.skipped {
		w.number(one.Line)
		w.text(one.Reason)
	}
	w.number(len(out.judged))
	for i := range out.judged {
		w.resource(&out.judged[i].id)
		w.number(out.judged[i].line)
		w.texts(out.judged[i].constraints)
	}
	return w.bytes, nil
}

// decodeResult reads what encodeResult has written; it is false where the bytes are something else.
func decodeResult(value []byte, file string) (out fileResult, whole bool) {
	r := &recordReader{rest: string(value)}
	for range r.count() {
		out.resources = append(out.resources, r.resource())
	}
	for range r.count() {
		out.findings = append(out.findings, r.finding(file, len(out.resources)))
	}
	for range r.count() {
		out.skipped = append(out.skipped, model.Skipped{File: file, Line: r.number(), Reason: r.text()})
	}
	for range r.count() {
		out.judged = append(out.judged, judged{id: r.resource(), file: file, line: r.number(), constraints: r.texts()})
	}
	return out, !r.bad && r.rest == ""
}

// recordWriter writes numbers and texts one after the other.
type recordWriter struct{ bytes []byte }

func (w *recordWriter) number(n int) { w.bytes = binary.AppendVarint(w.bytes, int64(n)) }

func (w *recordWriter) text(s string) {
	w.number(len(s))
	w.bytes = append(w.bytes, s...)
}

func (w *recordWriter) texts(list []string) {
	w.number(len(list))
	for _, s := range list {
		w.text(s)
	}
}

func (w *recordWriter) pairs(m map[string]string) {
	w.number(len(m))
	for _, key := range slices.Sorted(maps.Keys(m)) {
		w.text(key)
		w.text(m[key])
	}
}

func (w *recordWriter) resource(one *model.Resource) {
	generated := 0
	if one.Generated {
		generated = 1
	}
	for _, s := range []string{one.APIVersion, one.Kind, one.Namespace, one.Name, one.Template, one.Fragment} {
		w.text(s)
	}
	w.number(generated)
	w.pairs(one.Labels)
	w.pairs(one.Annotations)
	w.texts(one.Images)
}

func (w *recordWriter) finding(one *model.Finding) error {
	for _, s := range []string{one.Policy, one.Engine, one.Rule, one.Severity, one.Enforcement, one.Message, one.Fix} {
		w.text(s)
	}
	at := one.Location
	for _, n := range []int{one.Resource, at.Line, at.Column, at.EndLine, at.EndColumn} {
		w.number(n)
	}
	w.text(at.Path)
	if len(one.Details) == 0 {
		w.text("")
		return nil
	}
	details, err := json.Marshal(one.Details)
	w.text(string(details))
	return err
}

// recordReader reads what a recordWriter has written. Once something makes no sense it is bad, and all the rest is empty.
type recordReader struct {
	rest string
	bad  bool
}

func (r *recordReader) number() int {
	n, size := binary.Varint([]byte(r.rest[:min(len(r.rest), binary.MaxVarintLen64)]))
	if size <= 0 {
		r.bad, r.rest = true, ""
		return 0
	}
	r.rest = r.rest[size:]
	return int(n)
}

// count is a number of things, each of which takes a byte at least.
func (r *recordReader) count() int {
	n := r.number()
	if n < 0 || n > len(r.rest) {
		r.bad, r.rest = true, ""
		return 0
	}
	return n
}

func (r *recordReader) text() string {
	n := r.count()
	s := r.rest[:n]
	r.rest = r.rest[n:]
	return s
}

func (r *recordReader) texts() (list []string) {
	for range r.count() {
		list = append(list, r.text())
	}
	return list
}

func (r *recordReader) pairs() map[string]string {
	n := r.count()
	if n == 0 {
		return nil
	}
	m := make(map[string]string, n)
	for range n {
		key := r.text()
		m[key] = r.text()
	}
	return m
}

func (r *recordReader) resource() (one model.Resource) {
	for _, s := range []*string{&one.APIVersion, &one.Kind, &one.Namespace, &one.Name, &one.Template, &one.Fragment} {
		*s = r.text()
	}
	one.Generated = r.number() != 0
	one.Labels, one.Annotations, one.Images = r.pairs(), r.pairs(), r.texts()
	return one
}

func (r *recordReader) finding(file string, resources int) (one model.Finding) {
	for _, s := range []*string{&one.Policy, &one.Engine, &one.Rule, &one.Severity, &one.Enforcement, &one.Message, &one.Fix} {
		*s = r.text()
	}
	at := &one.Location
	for _, n := range []*int{&one.Resource, &at.Line, &at.Column, &at.EndLine, &at.EndColumn} {
		*n = r.number()
	}
	at.File, at.Path = file, r.text()
	if one.Resource < 0 || one.Resource >= resources {
		r.bad, r.rest = true, ""
	}
	if details := r.text(); details != "" {
		decoder := json.NewDecoder(bytes.NewReader([]byte(details)))
		decoder.UseNumber() // numbers are told as they were
		r.bad = decoder.Decode(&one.Details) != nil || r.bad
	}
	return one
}
