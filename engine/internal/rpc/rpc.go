// Package rpc is the process boundary: JSON-RPC 2.0 over a byte stream, with concurrent requests,
// cancellation and deadlines. What the methods do is no concern of it.
package rpc

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"runtime/debug"
	"slices"
	"sync"
	"time"
)

// Error codes: those of JSON-RPC itself, and ours beyond them (engine/README.md).
const (
	CodeUnknownMethod    = -32601
	CodeInvalidInput     = -32602
	CodeInternal         = -32000
	CodeDeadline         = -32001
	CodeProtocol         = -32002
	CodeUnknownSet       = -32003
	CodeUnknownInventory = -32004
	CodeCancelled        = -32800
)

// Error is why a request has no result.
type Error struct {
	Code    int64  `json:"code"`
	Message string `json:"message"`
}

func (e *Error) Error() string { return e.Message }

// Request is what a method gets: its parameters, and a way to stream results back.
type Request struct {
	ID       uint64
	Params   json.RawMessage
	attached []byte
	frames   *frames
}

// Notify streams part of the result of this request.
func (r *Request) Notify(method string, params any) error { return r.frames.notify(method, params) }

// Method answers one kind of request.
type Method func(ctx context.Context, r *Request) (any, error)

// heartbeat is how often the other side hears that its requests are being worked at.
var heartbeat = 2 * time.Second

// Fail is an error with a code of its own.
func Fail(code int64, format string, args ...any) error {
	return &Error{code, fmt.Sprintf(format, args...)}
}

type server struct {
	methods map[string]Method
	frames  *frames
	mu      sync.Mutex
	running map[uint64]context.CancelFunc
	jobs    chan func() // to goroutines that wait for the next one
}

// Serve answers requests until the stream ends: the other side is gone, or it sent what is no message.
func Serve(ctx context.Context, stream io.ReadWriteCloser, methods map[string]Method) {
	s := &server{methods: methods, running: map[uint64]context.CancelFunc{}, frames: newFrames(stream), jobs: make(chan func())}
	ctx, gone := context.WithCancel(ctx)
	defer gone()
	go s.live(ctx)
	defer func() { _ = stream.Close() }()
	for {
		m, err := s.frames.read()
		if err != nil {
			return
		}
		s.take(ctx, m)
	}
}

// live tells the other side from time to time which requests are being worked at, until it is gone: a client that
// hears nothing of its request knows that it waits in vain, however long the work may rightly take.
func (s *server) live(ctx context.Context) {
	every := time.NewTicker(heartbeat)
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
			if running := s.requests(); len(running) > 0 {
				_ = s.frames.notify("$/alive", alive{running}) // fails only when the other side is gone
			}
		}
	}
}

// alive is the notification `$/alive`.
type alive struct {
	Requests []uint64 `json:"requests"`
}

func (s *server) requests() []uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.running))
}

// take runs in the reading goroutine: requests are started in order and answered as they finish.
func (s *server) take(ctx context.Context, m message) {
	switch {
	case m.Method == "$/cancelRequest":
		s.cancel(m.Params)
	case m.ID != nil && m.Method != "":
		if m.Params == nil {
			m.Params = json.RawMessage("{}")
		}
		milliseconds, _ := m.Deadline.Int64() // what is no whole number is no deadline
		within, stop := s.begin(ctx, *m.ID, time.Duration(milliseconds)*time.Millisecond)
		s.start(ctx, func() {
			defer stop()
			result, err := s.call(within, m.Method, &Request{ID: *m.ID, Params: m.Params, attached: m.Attached, frames: s.frames})
			s.reply(within, *m.ID, result, err)
		})
	}
}

// start does a job beside others, in a goroutine that has done one before where there is one: its stack has grown to what an
// evaluation takes.
func (s *server) start(ctx context.Context, job func()) {
	select {
	case s.jobs <- job:
	default:
		go func() {
			for {
				job()
				job = nil // it holds what it was asked
				select {
				case job = <-s.jobs:
				case <-ctx.Done():
					return
				}
			}
		}()
	}
}

func (s *server) begin(ctx context.Context, id uint64, deadline time.Duration) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	stopTimer := context.CancelFunc(func() {})
	if deadline > 0 {
		ctx, stopTimer = context.WithTimeout(ctx, deadline)
	}
	s.mu.Lock()
	s.running[id] = cancel
	s.mu.Unlock()
	return ctx, func() {
		s.mu.Lock()
		delete(s.running, id)
		s.mu.Unlock()
		stopTimer()
		cancel()
	}
}

func (s *server) cancel(given json.RawMessage) {
	var params struct {
		ID uint64 `json:"id"`
	}
	if json.Unmarshal(given, &params) != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if cancel, ok := s.running[params.ID]; ok {
		cancel()
	}
}

// call turns a panic of a method into an error: one bad request must not take down the others.
func (s *server) call(ctx context.Context, name string, r *Request) (result any, err error) {
	method, ok := s.methods[name]
	if !ok {
		return nil, Fail(CodeUnknownMethod, "method `%s` is not known", name)
	}
	defer func() {
		if p := recover(); p != nil {
			result, err = nil, Fail(CodeInternal, "%s: %v\n%s", name, p, debug.Stack())
		}
	}()
	return method(ctx, r)
}

func (s *server) reply(ctx context.Context, id uint64, result any, err error) {
	if err == nil {
		err = s.frames.answer(id, result)
	}
	if err != nil {
		_ = s.frames.refuse(id, coded(ctx, err)) // fails only when the other side is gone
	}
}

func coded(ctx context.Context, err error) *Error {
	var own *Error
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return &Error{CodeDeadline, "the deadline of the request has passed"}
	case errors.Is(ctx.Err(), context.Canceled):
		return &Error{CodeCancelled, "the request was cancelled"}
	case errors.As(err, &own):
		return own
	}
	return &Error{CodeInternal, err.Error()}
}

// Params reads the parameters of a request. One that the method does not know is refused, and so is a text that is attached
// to it: what it asks for would not be done.
func Params[T any](r *Request) (T, error) {
	if len(r.attached) > 0 {
		var none T
		return none, Fail(CodeInvalidInput, "parameters: nothing may be attached")
	}
	return decode[T](r.Params)
}

// Attached is Params of a method that takes a text with them.
func Attached[T any](r *Request) (params T, text []byte, err error) {
	params, err = decode[T](r.Params)
	return params, r.attached, err
}

func decode[T any](given json.RawMessage) (T, error) {
	var params T
	decoder := json.NewDecoder(bytes.NewReader(given))
	decoder.UseNumber() // policies see the digits that were written, as in OPA: a float changes long ones
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&params); err != nil {
		return params, Fail(CodeInvalidInput, "parameters: %v", err)
	}
	return params, nil
}
