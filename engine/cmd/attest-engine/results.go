package main

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"attest.continuu.ms/engine/internal/model"
	"attest.continuu.ms/engine/internal/results"
	"attest.continuu.ms/engine/internal/rpc"
)

type resultsParams struct {
	results.Place
	Clear bool `json:"clear"`
}

// resultsAnswer is what a folder of results holds, or held before it was cleared.
type resultsAnswer struct {
	results.Held
	Unused string `json:"unused,omitempty"` // why checks don't use the folder
}

// results says what the folder of results holds, and clears it.
func (s *service) results(_ context.Context, r *rpc.Request) (any, error) {
	params, err := rpc.Params[resultsParams](r)
	if err != nil {
		return nil, err
	}
	if _, err := os.Lstat(params.Folder); errors.Is(err, fs.ErrNotExist) {
		return resultsAnswer{Held: results.Held{Max: results.MaxBytes}}, nil // looking makes no folder
	}
	folder, err := results.Open(params.Folder, results.MaxBytes)
	if err != nil {
		return resultsAnswer{Held: results.Held{Max: results.MaxBytes}, Unused: model.OneLine(err.Error())}, nil
	}
	defer folder.Close()
	if !params.Clear {
		answer := resultsAnswer{Held: folder.Held()}
		if _, err := results.ReadSecret(params.Key); err != nil {
			answer.Unused = model.OneLine(err.Error())
		}
		return answer, nil
	}
	held, err := folder.Clear()
	return resultsAnswer{Held: held}, err
}
