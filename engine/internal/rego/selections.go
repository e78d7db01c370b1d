package rego

import (
	"bytes"
	"encoding/json"
	"unsafe"
)

// Selection names a policy of the set with the parameters that it gets.
type Selection struct {
	Name       string         `json:"name"`
	Parameters map[string]any `json:"parameters"`
	Level      string         `json:"level"`
	Severity   string         `json:"severity"` // of findings whose entry and METADATA state none
}

// Selections are the policies that a request asks about. A server asks about the same ones with each request: their JSON is read
// once, and what was read of one text is one list, which nobody changes.
type Selections []Selection

// readLately are the lists that were read last, with their texts. Of a longer text nothing is kept.
var readLately lately[readSelections]

const longestKept = 256 << 10

type readSelections struct {
	text string
	list Selections
}

// UnmarshalJSON reads a list, as strictly as parameters of a request are read: numbers keep their digits, and a member that is
// not known is refused.
func (s *Selections) UnmarshalJSON(text []byte) error {
	if known, found := readLately.find(func(one readSelections) bool { return one.text == string(text) }); found {
		*s = known.list
		return nil
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	decoder.DisallowUnknownFields()
	var list []Selection
	if err := decoder.Decode(&list); err != nil {
		return err
	}
	if *s = list; len(text) <= longestKept {
		readLately.keep(readSelections{string(text), list})
	}
	return nil
}

// text is the list as JSON. One that was read is nobody's to change, so that its text is what was read.
func (s Selections) text() (string, error) {
	same := func(one readSelections) bool {
		return len(one.list) == len(s) && unsafe.SliceData(one.list) == unsafe.SliceData(s)
	}
	if one, found := readLately.find(same); found {
		return one.text, nil
	}
	text, err := json.Marshal(s)
	return string(text), err
}
