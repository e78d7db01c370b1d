package policyset

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/open-policy-agent/opa/v1/util"

	"attest.continuu.ms/engine/internal/load"
	"attest.continuu.ms/engine/internal/model"
	"attest.continuu.ms/engine/internal/rego"
)

// maxKept bounds what a kept text may unpack to, in bytes.
const maxKept = 1 << 30

// kept is all that Load needs of its sources, so that a set can be made again whatever became of the files.
type kept struct {
	Modules   []rego.Module
	Manifests []load.Source
	Data      json.RawMessage
	Problems  []model.Problem
	Read      []load.Digest
}

// Keep is what the sources of the parameters hold, as a text for Kept, and the parameters with it. The text is empty where
// it could not say the same again: a file in it is no UTF-8, which is told when it is loaded.
func Keep(params Params) (Params, string) {
	all := gather(params, false)
	if !params.Gatekeeper {
		all.manifests = nil
	}
	all.readManifests()
	for _, module := range all.modules {
		if !utf8.ValidString(module.Text) {
			return params, ""
		}
	}
	data, err := json.Marshal(all.data)
	if err != nil {
		return params, ""
	}
	whole, err := json.Marshal(kept{all.modules, all.manifests, data, all.problems, all.reads.Digests()})
	if err != nil {
		return params, ""
	}
	var packed bytes.Buffer
	writer := gzip.NewWriter(&packed)
	if _, err = writer.Write(whole); err == nil {
		err = writer.Close()
	}
	if err != nil {
		return params, ""
	}
	params.Kept = base64.StdEncoding.EncodeToString(packed.Bytes())
	return params, params.Kept
}

// readManifests reads the files that may hold Gatekeeper objects. One that can't be read stays, and is told when it is
// loaded.
func (f *folder) readManifests() {
	for i, source := range f.manifests {
		if source.Text != nil {
			continue
		}
		if text, problem := f.reads.ReadFile(source.Path, load.DefaultLimits.FileBytes); problem == nil {
			f.manifests[i].Text = append([]byte{}, text...) // not nil, be it empty
		}
	}
}

// sourcesOf are those that the parameters keep, or else what is there now.
func sourcesOf(params Params) *folder {
	if params.Kept == "" {
		return gather(params, false)
	}
	all, err := unpacked(params.Kept)
	if err != nil {
		all = &folder{data: map[string]any{}, reads: &load.Reads{}}
		all.fail("", "kept_sources", fmt.Sprintf("the sources that were kept can't be read: %v", err), "load the policies anew")
	}
	return all
}

func unpacked(text string) (*folder, error) {
	packed, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, err
	}
	reader, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	whole, err := io.ReadAll(io.LimitReader(reader, maxKept))
	if err != nil {
		return nil, err
	}
	var found kept
	if err := json.Unmarshal(whole, &found); err != nil {
		return nil, err
	}
	all := &folder{modules: found.Modules, manifests: found.Manifests, problems: found.Problems, reads: load.Noted(found.Read)}
	if err := util.UnmarshalJSON(found.Data, &all.data); err != nil { // keeps the digits of numbers
		return nil, err
	}
	return all, nil
}
