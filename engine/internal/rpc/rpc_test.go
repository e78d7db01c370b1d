package rpc

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sourcegraph/jsonrpc2"
)

// client connects to a server with the given methods.
func client(t *testing.T, methods map[string]Method, notified func(string, json.RawMessage)) *jsonrpc2.Conn {
	t.Helper()
	ours, theirs := net.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		Serve(context.Background(), theirs, methods)
	}()
	handle := jsonrpc2.HandlerWithError(func(_ context.Context, _ *jsonrpc2.Conn, r *jsonrpc2.Request) (any, error) {
		if notified != nil {
			notified(r.Method, *r.Params)
		}
		return nil, nil
	})
	conn := jsonrpc2.NewConn(context.Background(), jsonrpc2.NewBufferedStream(ours, jsonrpc2.VSCodeObjectCodec{}), handle)
	t.Cleanup(func() {
		_ = conn.Close()
		<-done
	})
	return conn
}

func waits(ctx context.Context, _ *Request) (any, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

type refusal struct {
	method string
	params any
	code   int64
}

// deadline of the request, in milliseconds.
func (r refusal) deadline() int {
	if r.code == CodeDeadline {
		return 1
	}
	return 60_000
}

func TestEachFailureHasItsCode(t *testing.T) {
	methods := map[string]Method{
		"waits":  waits,
		"panics": func(context.Context, *Request) (any, error) { panic("oh") },
		"fails":  func(context.Context, *Request) (any, error) { return nil, Fail(CodeUnknownSet, "set `%s`", "x") },
		"breaks": func(context.Context, *Request) (any, error) { return nil, io.ErrUnexpectedEOF },
		"reads": func(_ context.Context, r *Request) (any, error) {
			return Params[struct{ N int }](r)
		},
	}
	conn := client(t, methods, nil)
	cases := map[string]refusal{
		"an unknown method":    {"nothing", nil, CodeUnknownMethod},
		"a panic":              {"panics", nil, CodeInternal},
		"an error of its own":  {"fails", nil, CodeUnknownSet},
		"any other error":      {"breaks", nil, CodeInternal},
		"malformed parameters": {"reads", map[string]any{"N": "x"}, CodeInvalidInput},
		"unknown parameters":   {"reads", map[string]any{"M": 1}, CodeInvalidInput},
		"a passed deadline":    {"waits", nil, CodeDeadline},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var failure *jsonrpc2.Error
			err := conn.Call(context.Background(), c.method, c.params, nil, jsonrpc2.ExtraField("deadline", c.deadline()))
			if e, ok := err.(*jsonrpc2.Error); ok {
				failure = e
			}
			if failure == nil || failure.Code != c.code {
				t.Errorf("got %v, want code %d", err, c.code)
			}
		})
	}
}

func TestRequestsRunAtOnceAndCanBeCancelled(t *testing.T) {
	conn := client(t, map[string]Method{
		"waits": waits,
		"quick": func(context.Context, *Request) (any, error) { return "done", nil },
	}, nil)
	slow, err := conn.DispatchCall(context.Background(), "waits", map[string]any{}, jsonrpc2.PickID(jsonrpc2.ID{Num: 77}))
	if err != nil {
		t.Fatal(err)
	}
	var answer string
	if err := conn.Call(context.Background(), "quick", nil, &answer); err != nil || answer != "done" {
		t.Fatalf("%q, %v", answer, err)
	}
	if err := conn.Notify(context.Background(), "$/cancelRequest", map[string]any{"id": 77}); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(context.Background(), 10*time.Second)
	defer stop()
	failure, ok := slow.Wait(ctx, nil).(*jsonrpc2.Error)
	if !ok || failure.Code != CodeCancelled {
		t.Errorf("got %v", failure)
	}
}

func TestAClientHearsOfTheRequestsThatAreWorkedAt(t *testing.T) {
	defer func(before time.Duration) { heartbeat = before }(heartbeat)
	heartbeat = time.Millisecond
	heard := make(chan string, 1000)
	conn := client(t, map[string]Method{"waits": waits}, func(method string, params json.RawMessage) {
		select {
		case heard <- method + string(params):
		default: // a thousand are enough
		}
	})
	for _, id := range []uint64{9, 4} {
		if _, err := conn.DispatchCall(context.Background(), "waits", nil, jsonrpc2.PickID(jsonrpc2.ID{Num: id})); err != nil {
			t.Fatal(err)
		}
	}
	for said := range heard {
		if said == `$/alive{"requests":[4,9]}` {
			break
		}
		if said != `$/alive{"requests":[9]}` {
			t.Fatal(said)
		}
	}
	if err := conn.Notify(context.Background(), "$/cancelRequest", map[string]any{"id": 4}); err != nil {
		t.Fatal(err)
	}
	for said := range heard {
		if said == `$/alive{"requests":[9]}` {
			return
		}
	}
}

func TestResultsStreamBeforeTheAnswer(t *testing.T) {
	var mu sync.Mutex
	var seen []string
	conn := client(t, map[string]Method{
		"streams": func(ctx context.Context, r *Request) (any, error) {
			for range 3 {
				if err := r.Notify("part", map[string]any{"request": r.ID}); err != nil {
					return nil, err
				}
			}
			return "end", nil
		},
	}, func(method string, params json.RawMessage) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, method+string(params))
	})
	if err := conn.Call(context.Background(), "streams", nil, nil, jsonrpc2.PickID(jsonrpc2.ID{Num: 5})); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(seen) != 3 || seen[0] != `part{"request":5}` {
		t.Errorf("seen %v", seen)
	}
}

func TestWhatIsNoFrameEndsTheConversation(t *testing.T) {
	ours, theirs := net.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		Serve(context.Background(), theirs, nil)
	}()
	go func() { _, _ = io.Copy(io.Discard, ours) }()
	_, _ = ours.Write(bytes.Repeat([]byte("x"), 100))
	_ = ours.Close()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("the server goes on")
	}
}

// spoken is what a server answers to a stream of bytes.
func spoken(t *testing.T, methods map[string]Method, said string) string {
	t.Helper()
	ours, theirs := net.Pipe()
	go Serve(context.Background(), theirs, methods)
	go func() { _, _ = io.WriteString(ours, said) }()
	defer func() { _ = ours.Close() }()
	_ = ours.SetReadDeadline(time.Now().Add(time.Minute))
	answer, length := make([]byte, 1<<10), 0
	for !bytes.Contains(answer[:length], []byte("\r\n\r\n{")) || answer[length-1] != '}' {
		n, err := ours.Read(answer[length:])
		if length += n; err != nil {
			return err.Error()
		}
	}
	_, body, _ := strings.Cut(string(answer[:length]), "\r\n\r\n")
	return body
}

func TestATextIsAttachedToAMessage(t *testing.T) {
	methods := map[string]Method{
		"takes": func(_ context.Context, r *Request) (any, error) {
			params, text, err := Attached[struct{ N int }](r)
			return map[string]any{"n": params.N, "text": string(text)}, err
		},
		"reads": func(_ context.Context, r *Request) (any, error) { return Params[struct{ N int }](r) },
	}
	takes, reads := `{"id":7,"method":"takes","params":{"N":1}}`, `{"id":7,"method":"reads","params":{"N":1}}`
	for name, c := range map[string]struct{ said, answer string }{
		"as it is":                      {"Content-Length: 42\r\nAttached-Length: 3\r\n\r\n" + takes + "a\"\n", `"result":{"n":1,"text":"a\"\n"}`},
		"in the other order":            {"attached-length:1\ncontent-length: 42\n\n" + takes + "a", `"text":"a"`},
		"none":                          {"Content-Length: 42\r\n\r\n" + takes, `"text":""`},
		"of no bytes":                   {"Content-Length: 42\r\nAttached-Length: 0\r\n\r\n" + takes, `"text":""`},
		"before another message":        {"Content-Length: 17\r\nAttached-Length: 2\r\n\r\n" + `{"method":"none"}` + "ab" + "Content-Length: 42\r\n\r\n" + takes, `"text":""`},
		"to a method that takes none":   {"Content-Length: 42\r\nAttached-Length: 1\r\n\r\n" + reads + "a", `"error":{"code":-32602,"message":"parameters: nothing may be attached"}`},
		"of a length below nothing":     {"Content-Length: 42\r\nAttached-Length: -1\r\n\r\n" + takes, "EOF"},
		"of a length above all bounds":  {"Content-Length: 42\r\nAttached-Length: 1073741825\r\n\r\n" + takes, "EOF"},
		"of a length that is no number": {"Content-Length: 42\r\nAttached-Length: x\r\n\r\n" + takes, "EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := spoken(t, methods, c.said); !strings.Contains(got, c.answer) {
				t.Errorf("%s", got)
			}
		})
	}
}
