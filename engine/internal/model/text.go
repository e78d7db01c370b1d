package model

import "strings"

// OneLine joins a text of several lines, as libraries word their errors, into one.
func OneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
