package main

import (
	"context"
	"encoding/json"
	"strconv"

	"attest.continuu.ms/engine/internal/constraint/admission"
	"attest.continuu.ms/engine/internal/load"
	"attest.continuu.ms/engine/internal/rpc"
)

// inventoryBytes bounds an inventory where the request does not say.
const inventoryBytes = 256 << 20

type openInventoryParams struct {
	Bytes int64 `json:"bytes"`
}

type inventoryParams struct {
	Inventory string `json:"inventory"`
}

type applyParams struct {
	inventoryParams
	Objects []json.RawMessage `json:"objects"`
	Gone    []admission.Named `json:"gone"`
}

type applyResult struct {
	Objects int   `json:"objects"`
	Bytes   int64 `json:"bytes"`
}

func (s *service) openInventory(_ context.Context, r *rpc.Request) (any, error) {
	params, err := rpc.Params[openInventoryParams](r)
	if err != nil {
		return nil, err
	}
	if params.Bytes <= 0 {
		params.Bytes = inventoryBytes
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last++
	name := strconv.Itoa(s.last)
	s.inventories[name] = admission.NewHeld(params.Bytes)
	return inventoryParams{name}, nil
}

func (s *service) applyInventory(_ context.Context, r *rpc.Request) (any, error) {
	params, err := rpc.Params[applyParams](r)
	if err != nil {
		return nil, err
	}
	held, err := s.inventory(params.Inventory)
	if err != nil {
		return nil, err
	}
	objects := make([]admission.Object, len(params.Objects))
	for i, text := range params.Objects {
		term, err := load.Decode(text, load.DefaultLimits)
		if err != nil {
			return nil, rpc.Fail(rpc.CodeInvalidInput, "object %d can't be read: %v", i, err)
		}
		objects[i] = admission.Object{Term: term, Bytes: int64(len(text))}
	}
	state, err := held.Apply(objects, params.Gone)
	if err != nil {
		return nil, rpc.Fail(rpc.CodeInvalidInput, "%v", err)
	}
	return applyResult{state.Objects, state.Bytes}, nil
}

func (s *service) closeInventory(_ context.Context, r *rpc.Request) (any, error) {
	params, err := rpc.Params[inventoryParams](r)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.inventories, params.Inventory)
	return nil, nil
}

func (s *service) inventory(name string) (*admission.Held, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	held, ok := s.inventories[name]
	if !ok {
		return nil, rpc.Fail(rpc.CodeUnknownInventory, "inventory `%s` is not open", name)
	}
	return held, nil
}

// snapshot is the newest state of an inventory; nil where none is named.
func (s *service) snapshot(name string) (*admission.Snapshot, error) {
	if name == "" {
		return nil, nil
	}
	held, err := s.inventory(name)
	if err != nil {
		return nil, err
	}
	return held.Now(), nil
}
