package optimize

import (
	"context"
	"encoding/json"

	"attest.continuu.ms/engine/internal/develop/explore"
	"attest.continuu.ms/engine/internal/load"
	"attest.continuu.ms/engine/internal/model"
)

// Made are resources to measure a policy with, as `optimize` makes them where there is no sample data.
type Made struct {
	Resources []any           `json:"resources,omitempty"`
	Problems  []model.Problem `json:"problems,omitempty"`
}

// Make makes resources from a policy's own conditions. What is wrong with the policy is a problem of the result; an error
// means that the time was up, or that nobody listens.
func Make(ctx context.Context, params Params, tell func(string) error) (Made, error) {
	o, problems := open(ctx, params)
	if o == nil {
		return Made{Problems: problems}, nil
	}
	defer o.close()
	if err := tell("making inputs"); err != nil {
		return Made{}, err
	}
	o.explore(nil)
	if len(o.pool.Tried) == 0 {
		return Made{Problems: []model.Problem{o.failure(o.pool.Failure)}}, ctx.Err()
	}
	made, seen := Made{}, map[string]bool{}
	for _, one := range o.generated() {
		if resource, text := o.manifest(one); text != "" && !seen[text] {
			seen[text] = true
			made.Resources = append(made.Resources, resource)
		}
	}
	return made, ctx.Err()
}

// manifest is the resource of a sample, and its text where a check would read it; else that is empty.
func (o *optimizer) manifest(one sample) (any, string) {
	resource, isObject := o.subject.Resource(one.world).(map[string]any)
	if !isObject || o.subject.Run(o.ctx, one.world).Err != nil {
		return nil, ""
	}
	whole := explore.Whole(resource)
	text, err := json.Marshal(whole)
	if err != nil {
		return nil, ""
	}
	read := load.Read(load.Source{Path: o.params.File, Text: text}, load.DefaultLimits)
	if len(read.Documents) != 1 || len(read.Problems) > 0 {
		return nil, ""
	}
	return whole, string(text)
}
