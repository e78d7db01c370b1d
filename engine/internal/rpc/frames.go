package rpc

import (
	"bufio"
	"encoding/json"
	"io"
	"strconv"
	"sync"

	"github.com/sourcegraph/jsonrpc2"
)

// Appender is a value that writes its own JSON. What a check streams is most of what crosses the boundary, and
// encoding it by reflection, message within message, takes a fifth of the time of a run.
type Appender interface {
	AppendJSON(to []byte) ([]byte, error)
}

// frames are messages in a stream, each after a header that says its length.
type frames struct {
	stream io.ReadWriteCloser
	in     *bufio.Reader
	mu     sync.Mutex // one message at a time
}

func newFrames(stream io.ReadWriteCloser) *frames {
	return &frames{stream: stream, in: bufio.NewReader(stream)}
}

// ReadObject reads a message.
func (f *frames) ReadObject(v any) error { return jsonrpc2.VSCodeObjectCodec{}.ReadObject(f.in, v) }

// WriteObject writes a message.
func (f *frames) WriteObject(v any) error {
	message, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return f.write(message)
}

// Close ends the stream.
func (f *frames) Close() error { return f.stream.Close() }

// notify writes a notification.
func (f *frames) notify(method string, params Appender) error {
	message := append([]byte(`{"jsonrpc":"2.0","method":`), strconv.Quote(method)...)
	message, err := params.AppendJSON(append(message, `,"params":`...))
	if err != nil {
		return err
	}
	return f.write(append(message, '}'))
}

func (f *frames) write(message []byte) error {
	header := append([]byte("Content-Length: "), strconv.Itoa(len(message))...)
	frame := append(append(header, "\r\n\r\n"...), message...)
	f.mu.Lock()
	defer f.mu.Unlock()
	_, err := f.stream.Write(frame)
	return err
}
