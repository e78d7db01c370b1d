// Command attest-render renders one chart or one kustomization: a request on standard input, an answer on standard output
// (engine/README.md). A template can't be stopped, so each rendering is a process that can be killed, behind walls.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"
	"path/filepath"

	"attest.continuu.ms/render/internal/answer"
	"attest.continuu.ms/render/internal/chart"
	"attest.continuu.ms/render/internal/overlay"
	"attest.continuu.ms/render/internal/rooted"
	"attest.continuu.ms/render/internal/walls"
)

// Version is set by the build.
var Version = "dev"

func main() {
	version := flag.Bool("version", false, "print the versions and end")
	flag.Parse()
	if *version {
		fmt.Println(versions())
		return
	}
	log.SetOutput(io.Discard) // libraries warn of what their own users should know
	slog.SetDefault(slog.New(slog.DiscardHandler))
	if err := serve(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve(in io.Reader, out io.Writer) error {
	var request answer.Request
	decoder := json.NewDecoder(in)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&request); err != nil {
		return fmt.Errorf("the request can't be read: %w", err)
	}
	if err := walls.Raise(request.Limits.Memory); err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(rendered(request))
}

// rendered is the answer to a request; what is wrong with the folder is a part of it.
func rendered(request answer.Request) *answer.Answer {
	made, err := render(request)
	if err == nil && made.Size() > request.Limits.Output {
		message := fmt.Sprintf("it renders to more than %d MiB", request.Limits.Output>>20)
		err = &answer.Error{Message: message, File: request.Folder, Hint: "nothing of it is judged"}
	}
	var known *answer.Error
	switch {
	case errors.As(err, &known):
		return &answer.Answer{Error: known}
	case err != nil:
		return &answer.Answer{Error: &answer.Error{Message: err.Error(), File: request.Folder}}
	}
	return made
}

func render(request answer.Request) (*answer.Answer, error) {
	files := rooted.New(request.Root, request.Limits.Files, request.Limits.Bytes)
	if request.Tool == "kustomize" {
		return overlay.Render(files, request.Folder, request.Chart)
	}
	texts, err := chart.Render(files, request.Folder, chart.Options{Chart: request.Chart})
	if err != nil {
		return nil, err
	}
	out := &answer.Answer{Read: []string{filepath.Clean(request.Folder)}}
	for _, one := range texts {
		out.Add(one.Text, one.Places, nil, files.Lines)
		if file, yes := one.Covers(); yes {
			out.Templates = append(out.Templates, file)
		}
	}
	return out, nil
}
