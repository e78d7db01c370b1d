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

	"github.com/sourcegraph/jsonrpc2"
)

// Error codes beyond those of JSON-RPC itself (engine/README.md).
const (
	CodeInternal     = -32000
	CodeDeadline     = -32001
	CodeProtocol     = -32002
	CodeUnknownSet   = -32003
	CodeCancelled    = -32800
	CodeInvalidInput = jsonrpc2.CodeInvalidParams
)

// Request is what a method gets: its parameters, and a way to stream results back.
type Request struct {
	ID     uint64
	Params json.RawMessage
	conn   *jsonrpc2.Conn
	frames *frames
}

// Notify streams part of the result of this request.
func (r *Request) Notify(ctx context.Context, method string, params any) error {
	if own, ok := params.(Appender); ok {
		return r.frames.notify(method, own)
	}
	return r.conn.Notify(ctx, method, params)
}

// Method answers one kind of request.
type Method func(ctx context.Context, r *Request) (any, error)

// heartbeat is how often the other side hears that its requests are being worked at.
var heartbeat = 2 * time.Second

// Fail is an error with a code of its own.
func Fail(code int64, format string, args ...any) error {
	return &jsonrpc2.Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

type server struct {
	methods map[string]Method
	frames  *frames
	mu      sync.Mutex
	running map[uint64]context.CancelFunc
}

// Serve answers requests until the stream ends. It returns when the other side is gone.
func Serve(ctx context.Context, stream io.ReadWriteCloser, methods map[string]Method) {
	s := &server{methods: methods, running: map[uint64]context.CancelFunc{}, frames: newFrames(stream)}
	conn := jsonrpc2.NewConn(ctx, s.frames, handler{s}, jsonrpc2.SetLogger(silent{}))
	s.live(ctx, conn)
}

// live tells the other side from time to time which requests are being worked at, until it is gone: a client that
// hears nothing of its request knows that it waits in vain, however long the work may rightly take.
func (s *server) live(ctx context.Context, conn *jsonrpc2.Conn) {
	every := time.NewTicker(heartbeat)
	defer every.Stop()
	for {
		select {
		case <-conn.DisconnectNotify():
			return
		case <-every.C:
			if running := s.requests(); len(running) > 0 {
				_ = conn.Notify(ctx, "$/alive", alive{running}) // fails only when the other side is gone
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

type silent struct{}

func (silent) Printf(string, ...any) {}

type handler struct{ *server }

// Handle runs in the reading goroutine: requests are started in order and answered as they finish.
func (h handler) Handle(ctx context.Context, conn *jsonrpc2.Conn, req *jsonrpc2.Request) {
	if req.Method == "$/cancelRequest" {
		h.cancel(req)
		return
	}
	if req.Notif {
		return
	}
	params := json.RawMessage("{}")
	if req.Params != nil {
		params = *req.Params
	}
	ctx, stop := h.begin(ctx, req.ID.Num, deadlineOf(req))
	go func() {
		defer stop()
		r := &Request{ID: req.ID.Num, Params: params, conn: conn, frames: h.frames}
		result, err := h.call(ctx, req.Method, r)
		reply(ctx, conn, req.ID, result, err)
	}()
}

// deadlineOf is how long a request may be worked at; 0 where it does not say.
func deadlineOf(req *jsonrpc2.Request) time.Duration {
	for _, field := range req.ExtraFields {
		if number, ok := field.Value.(json.Number); ok && field.Name == "deadline" {
			milliseconds, _ := number.Int64() // what is no whole number is no deadline
			return time.Duration(milliseconds) * time.Millisecond
		}
	}
	return 0
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

func (s *server) cancel(req *jsonrpc2.Request) {
	var params struct {
		ID uint64 `json:"id"`
	}
	if req.Params == nil || json.Unmarshal(*req.Params, &params) != nil {
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
		return nil, Fail(jsonrpc2.CodeMethodNotFound, "method `%s` is not known", name)
	}
	defer func() {
		if p := recover(); p != nil {
			result, err = nil, Fail(CodeInternal, "%s: %v\n%s", name, p, debug.Stack())
		}
	}()
	return method(ctx, r)
}

func reply(ctx context.Context, conn *jsonrpc2.Conn, id jsonrpc2.ID, result any, err error) {
	// The request's own context may be over: the answer still has to leave.
	out := context.WithoutCancel(ctx)
	if err == nil {
		err = conn.Reply(out, id, result)
		if err == nil || errors.Is(err, jsonrpc2.ErrClosed) {
			return
		}
	}
	_ = conn.ReplyWithError(out, id, coded(ctx, err)) // fails only when the other side is gone
}

func coded(ctx context.Context, err error) *jsonrpc2.Error {
	var own *jsonrpc2.Error
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return &jsonrpc2.Error{Code: CodeDeadline, Message: "the deadline of the request has passed"}
	case errors.Is(ctx.Err(), context.Canceled):
		return &jsonrpc2.Error{Code: CodeCancelled, Message: "the request was cancelled"}
	case errors.As(err, &own):
		return own
	}
	return &jsonrpc2.Error{Code: CodeInternal, Message: err.Error()}
}

// Params reads the parameters of a request. One that the method does not know is refused: what it asks for would
// not be done.
func Params[T any](r *Request) (T, error) {
	var params T
	decoder := json.NewDecoder(bytes.NewReader(r.Params))
	decoder.UseNumber() // policies see the digits that were written, as in OPA: a float changes long ones
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&params); err != nil {
		return params, Fail(CodeInvalidInput, "parameters: %v", err)
	}
	return params, nil
}
