package bundle

import (
	"errors"
	"fmt"
	"io/fs"

	"attest.continuu.ms/engine/internal/model"
)

// Codes of what a bundle is refused for.
const (
	Unreadable = "bundle_unreadable"
	Archive    = "bundle_archive"
	Signature  = "bundle_signature"
	Content    = "bundle_content"
	Key        = "bundle_key"
)

// Error says why a bundle is refused.
type Error struct {
	Code, Message, File, Hint string
}

func (e *Error) Error() string {
	if e.File == "" {
		return e.Message
	}
	return e.File + ": " + e.Message
}

// Problem words an error of this package for the other side.
func Problem(err error) model.Problem {
	var refused *Error
	if !errors.As(err, &refused) {
		refused = &Error{Code: Unreadable, Message: err.Error()}
	}
	return model.Problem{
		Severity: model.Error, Code: refused.Code, Message: refused.Message, File: refused.File, Hint: refused.Hint,
	}
}

func refuse(code, file, message, hint string) *Error {
	return &Error{Code: code, File: file, Message: message, Hint: hint}
}

func unreadable(file string, err error) *Error {
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return refuse(Unreadable, file, err.Error(), "check the path and its permissions")
}

func archiveError(format string, args ...any) *Error {
	return refuse(Archive, "", fmt.Sprintf(format, args...), "make the bundle with `attest policy bundle build` or `opa build`")
}

func signatureError(format string, args ...any) *Error {
	return refuse(Signature, "", fmt.Sprintf(format, args...), "get the bundle from who publishes it, or correct the key, scope and excluded files")
}

func contentError(format string, args ...any) *Error {
	return refuse(Content, "", fmt.Sprintf(format, args...), "mend the bundle and build it again")
}
