package rpc

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"sync"
)

// Appender is a value that writes its own JSON. What a check streams is most of what crosses the boundary, and
// encoding it by reflection, message within message, takes a fifth of the time of a run.
type Appender interface {
	AppendJSON(to []byte) ([]byte, error)
}

// maxFrame bounds a message: no request of ours is near this, and a longer one means that the stream is garbage.
const maxFrame = 1 << 30

// message is a request, or a notification where it has no ID.
type message struct {
	ID       *uint64         `json:"id"`
	Method   string          `json:"method"`
	Params   json.RawMessage `json:"params"`
	Deadline json.Number     `json:"deadline"` // milliseconds in which the request may be worked at
	Attached []byte          `json:"-"`        // a text that came behind it
}

// frames are messages in a stream, each after a header that says its length, and that of the text that is attached to it.
type frames struct {
	stream io.ReadWriteCloser
	in     *bufio.Reader
	mu     sync.Mutex // one message at a time
}

func newFrames(stream io.ReadWriteCloser) *frames {
	return &frames{stream: stream, in: bufio.NewReader(stream)}
}

// read is the next message; its error says that there is none any more, or that what came is none.
func (f *frames) read() (message, error) {
	length, attached, err := f.header()
	if err != nil {
		return message{}, err
	}
	body := make([]byte, length+attached)
	if _, err := io.ReadFull(f.in, body); err != nil {
		return message{}, err
	}
	m := message{Attached: body[length:]}
	return m, json.Unmarshal(body[:length], &m)
}

// header is the length of the message behind it, and of the text that is attached to that.
func (f *frames) header() (length, attached int, err error) {
	length = -1
	for {
		line, err := f.in.ReadSlice('\n') // longer than the buffer it is no header of ours
		if err != nil {
			return 0, 0, err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		var of *int
		switch {
		case bytes.EqualFold(name, []byte("Content-Length")):
			of = &length
		case bytes.EqualFold(name, []byte("Attached-Length")):
			of = &attached
		default:
			continue
		}
		if *of, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
			return 0, 0, err
		}
	}
	if min(length, attached) < 0 || max(length, attached) > maxFrame {
		return 0, 0, fmt.Errorf("a message of %d bytes, with %d", length, attached)
	}
	return length, attached, nil
}

// notify writes a notification.
func (f *frames) notify(method string, params any) error {
	return f.write(append([]byte(`{"jsonrpc":"2.0","method":`), strconv.Quote(method)...), "params", params)
}

// answer writes the result of a request.
func (f *frames) answer(id uint64, result any) error {
	return f.write(strconv.AppendUint([]byte(`{"jsonrpc":"2.0","id":`), id, 10), "result", result)
}

// refuse writes what became of a request that has no result.
func (f *frames) refuse(id uint64, failure *Error) error {
	return f.write(strconv.AppendUint([]byte(`{"jsonrpc":"2.0","id":`), id, 10), "error", failure)
}

// longestHeader has room for the header of any message.
const longestHeader = len("Content-Length: 18446744073709551615\r\n\r\n")

// mostPooled is how large the memory of a message may be that waits for the next one, in bytes.
const mostPooled = 1 << 20

// messages are memory for messages: what is streamed would be most of the garbage of a run.
var messages = sync.Pool{New: func() any { return new([]byte) }}

// write ends a message with a member, and writes it behind its header.
func (f *frames) write(begun []byte, name string, value any) error {
	memory := messages.Get().(*[]byte)
	frame := append((*memory)[:0], make([]byte, longestHeader)...)
	frame = append(append(append(append(frame, begun...), `,"`...), name...), `":`...)
	frame, err := appendJSON(frame, value)
	if err == nil {
		frame = append(frame, '}')
		header := fmt.Sprintf("Content-Length: %d\r\n\r\n", len(frame)-longestHeader)
		from := longestHeader - len(header)
		copy(frame[from:], header)
		f.mu.Lock()
		_, err = f.stream.Write(frame[from:])
		f.mu.Unlock()
	}
	if cap(frame) <= mostPooled {
		*memory = frame
		messages.Put(memory)
	}
	return err
}

func appendJSON(to []byte, value any) ([]byte, error) {
	if own, ok := value.(Appender); ok {
		return own.AppendJSON(to)
	}
	encoded, err := json.Marshal(value)
	return append(to, encoded...), err
}
