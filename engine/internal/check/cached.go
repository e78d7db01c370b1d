package check

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash"
	"os"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"

	"attest.continuu.ms/engine/internal/load"
	"attest.continuu.ms/engine/internal/rego"
	"attest.continuu.ms/engine/internal/results"
	"attest.continuu.ms/engine/internal/version"
)

// known are the results of earlier runs for which nothing that they depend on has changed. Nil knows none.
type known struct {
	folder *results.Folder
	store  *results.Store
}

// openKnown opens the results of earlier runs, where the request names a folder for them, the folder can be trusted, and
// what policies answer depends on nothing but what the digest of the run and the keys of the files say.
func (r *run) openKnown(around []*ast.Term) {
	p := r.params
	if p.Results.Folder == "" || p.Debug || p.Timed || p.Watch != nil || r.review != nil || p.State != nil {
		return
	}
	if r.reads.Outside || r.set.Gatekeeper.Outside() { // which looks at all of the constraints' code
		return
	}
	run, err := r.digest(around)
	if err != nil {
		return // it could not be told from others: nothing is known of it
	}
	secret, err := results.ReadSecret(p.Results.Key)
	if err != nil {
		return // `policy cache info` says why
	}
	folder, err := results.Open(p.Results.Folder, results.MaxBytes)
	if err != nil {
		return // `policy cache info` says why
	}
	r.known = &known{folder, folder.Store(run, secret)}
}

func (k *known) close() {
	if k != nil {
		k.store.Close()
		_ = k.folder.Close() // it was only read through
	}
}

// digest is that of all that the results of the run share: the policies, what they are given, what they may look up beside
// the resource, and the programs that evaluate them.
func (r *run) digest(around []*ast.Term) (results.Digest, error) {
	params := r.params
	// What says which files are judged and how fast, and nothing of what one comes to.
	params.Set, params.Paths, params.Inputs, params.Inventory, params.Known = "", nil, nil, nil, nil
	params.Rendered, params.Within, params.LeaveOut, params.Jobs, params.FailFast, params.Timeout, params.Results = nil, nil, load.LeaveOut{}, 0, false, 0, results.Place{}
	given, err := json.Marshal(params)
	if err != nil {
		return results.Digest{}, err
	}
	program, err := program()
	if err != nil {
		return results.Digest{}, err
	}
	h := sha256.New()
	for _, part := range []string{format, program, string(r.set.Digest[:]), string(given)} {
		add(h, part)
	}
	for _, term := range around {
		add(h, term.String())
	}
	return results.Digest(h.Sum(nil)), nil
}

// program tells this build from others, also from those that have its version.
func program() (string, error) {
	path, err := os.Executable()
	if err != nil {
		return "", err
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s %d %d", version.Version, info.Size(), info.ModTime().UnixNano()), nil
}

// add hashes a part so that no two lists of parts are one text.
func add(h hash.Hash, part string) {
	var length [8]byte
	binary.LittleEndian.PutUint64(length[:], uint64(len(part)))
	h.Write(length[:])
	h.Write([]byte(part))
}

// orKnown is what a file came to in an earlier run, or what judging it comes to now.
func (r *run) orKnown(evaluator *rego.Evaluator, source load.Source, judge func(load.Source) fileResult) fileResult {
	if r.known == nil || r.patches.Lists(source) { // what a patch is depends on other files
		return judge(source)
	}
	source, text, problem := load.Fetch(source, r.limits)
	if problem != nil {
		return judge(source) // which says what is wrong
	}
	key := keyOf(source, text)
	if value, found := r.known.store.Get(key); found {
		if out, whole := decodeResult(value, source.Path); whole {
			r.complete(evaluator, &out)
			return out
		}
	}
	out := judge(source)
	if r.ctx.Err() == nil && out.lasts() {
		if value, err := encodeResult(&out); err == nil {
			r.known.store.Put(key, value)
		}
	}
	return out
}

// keyOf is the digest of all that the result of a file depends on, beside what the run shares: its name may say what it is
// no manifest of, and places are in it.
func keyOf(source load.Source, text []byte) results.Digest {
	h := sha256.New()
	add(h, fmt.Sprint(source.Hidden, source.Text == nil))
	add(h, source.Path)
	h.Write(text)
	return results.Digest(h.Sum(nil))
}

// lasts says whether the result may be kept: no problem kept a policy from an answer, and no policy asked what may answer
// otherwise the next time, and there is no secret in it.
func (f *fileResult) lasts() bool {
	return !f.asked.Yes() && len(f.problems) == 0 && len(f.secrets) == 0 && len(f.decisions) == 0
}

// complete adds what is known without asking a policy.
func (r *run) complete(evaluator *rego.Evaluator, out *fileResult) {
	for i := range out.judged {
		one := &out.judged[i]
		one.policies = evaluator.Policies(one.id)
		if r.params.Checked {
			out.checked = append(out.checked, Checked{one.id, one.file, one.line, slices.Concat(one.policies, one.constraints)})
		}
	}
}
