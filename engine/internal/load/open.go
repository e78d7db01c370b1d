package load

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"attest.continuu.ms/engine/internal/model"
)

// readSource returns the bytes of a source, or why they can't be had.
func readSource(source Source, limit int64) ([]byte, *model.Problem) {
	if source.content != nil {
		return source.content, nil
	}
	if source.Text == nil {
		return ReadFile(source.Path, limit)
	}
	if int64(len(source.Text)) > limit {
		return nil, refused(source.Path, tooLarge("text", limit))
	}
	return source.Text, nil
}

// ReadFile reads a regular file of at most limit bytes. It is opened so that a pipe put in its place
// can't block us, and checked only then.
func ReadFile(path string, limit int64) ([]byte, *model.Problem) { return readFile(path, path, limit) }

// readFile reads the file at name; problems call it path.
func readFile(name, path string, limit int64) ([]byte, *model.Problem) {
	file, err := os.OpenFile(name, os.O_RDONLY|openFlags, 0)
	if err != nil {
		return nil, unreadable(path, err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, unreadable(path, err)
	}
	if !info.Mode().IsRegular() {
		return nil, irregular(path, info.Mode())
	}
	if info.Size() > limit {
		return nil, refused(path, tooLarge("file", limit))
	}
	return readAll(file, path, info.Size(), limit)
}

// readAll reads at most limit bytes. The size is believed when that much is there at once; files of /proc say that
// they are empty.
func readAll(file *os.File, path string, size, limit int64) ([]byte, *model.Problem) {
	content := make([]byte, 0, size+512)
	for {
		count, err := file.Read(content[len(content):cap(content)])
		content = content[:len(content)+count]
		switch {
		case int64(len(content)) > limit:
			return nil, refused(path, tooLarge("file", limit))
		case errors.Is(err, io.EOF), size > 0 && int64(len(content)) == size:
			return content, nil
		case err != nil:
			return nil, unreadable(path, err)
		case len(content) == cap(content):
			content = append(content, 0)[:len(content)]
		}
	}
}

// unreadable explains an error of the operating system.
func unreadable(path string, err error) *model.Problem {
	problem := model.Problem{Severity: model.Error, Code: CodeUnreadable, File: path}
	var system *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		problem.Message = "no such file or folder"
		problem.Hint = "check the path, relative to the working directory"
	case errors.Is(err, fs.ErrPermission):
		problem.Message = "not permitted to read this"
		problem.Hint = "give your user the permission to read it, or leave it out"
	case errors.As(err, &system):
		problem.Message = fmt.Sprintf("can't be read: %s", system.Err)
	default:
		problem.Message = "can't be read: " + model.OneLine(err.Error())
	}
	return &problem
}

// irregular explains why a pipe, device, socket or folder is not read as a file.
func irregular(path string, mode fs.FileMode) *model.Problem {
	return &model.Problem{
		Severity: model.Error, Code: CodeUnreadable, File: path,
		Message: fmt.Sprintf("this is %s, not a regular file", modeName(mode)),
		Hint:    "give a file or folder, or pipe manifests to `-`",
	}
}

func modeName(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "a folder"
	case mode&fs.ModeNamedPipe != 0:
		return "a pipe"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	case mode&fs.ModeDevice != 0:
		return "a device"
	}
	return "a special file"
}

func refused(path string, failure *Failure) *model.Problem {
	return &model.Problem{
		Severity: model.Error, Code: failure.Code, Message: failure.Message, Hint: failure.Hint, File: path,
	}
}

// tooLarge says that a file or document passes a limit of bytes.
func tooLarge(what string, limit int64) *Failure {
	return &Failure{
		Code: CodeLimit, Message: fmt.Sprintf("the %s is larger than %s", what, byteSize(limit)),
		Hint: "split it",
	}
}

func byteSize(bytes int64) string {
	if bytes >= 1<<20 && bytes%(1<<20) == 0 {
		return fmt.Sprintf("%d MiB", bytes>>20)
	}
	return fmt.Sprintf("%d bytes", bytes)
}
