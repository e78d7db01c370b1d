package syntax

import (
	"encoding/json"
	"strconv"
	"strings"
)

// class is what a plain scalar means by the rules of YAML 1.1, as kubectl's library applies them.
type class uint8

const (
	isString class = iota
	isNull
	isTrue
	isFalse
	isInteger
	isBigInteger // above the signed 64-bit range
	isFloat
	isUnsure // no number of JSON, or a rare form: declined
)

// First characters of plain scalars that may be something else than a string.
var mayBeWord, mayBeNumber = characterSet("yYnNtTfFoO~"), characterSet("+-.0123456789")

// numeric are the characters that numbers are made of.
var numeric = characterSet("0123456789abcdefABCDEF_xXoO.+-")

func characterSet(characters string) (set [256]bool) {
	for i := range len(characters) {
		set[characters[i]] = true
	}
	return set
}

// classify tells what a plain scalar is; for a number, text is how JSON writes it.
func classify(value string) (meaning class, text string) {
	if value == "" {
		return isNull, ""
	}
	switch first := value[0]; {
	case mayBeWord[first]:
		return classifyWord(value), ""
	case mayBeNumber[first]:
		return classifyNumber(value)
	}
	return isString, ""
}

func classifyWord(value string) class {
	if len(value) > 5 {
		return isString
	}
	switch value {
	case "y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON":
		return isTrue
	case "n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF":
		return isFalse
	case "~", "null", "Null", "NULL":
		return isNull
	}
	return isString
}

// classifyNumber decides about a scalar that starts with a digit, sign or dot.
func classifyNumber(value string) (class, string) {
	if isPlainInteger(value) {
		return isInteger, value
	}
	switch strings.TrimLeft(value, "+-") {
	case ".nan", ".NaN", ".NAN", ".inf", ".Inf", ".INF":
		return isUnsure, ""
	}
	for i := range len(value) {
		if !numeric[value[i]] {
			return isString, ""
		}
	}
	if value[0] == '.' {
		return classifyFloat(value)
	}
	return classifyInteger(strings.ReplaceAll(value, "_", ""))
}

// isPlainInteger recognises what JSON writes the same way: no sign but `-`, no leading zero, within 64 bits.
func isPlainInteger(value string) bool {
	digits := strings.TrimPrefix(value, "-")
	if digits == "" || len(digits) > 18 || digits[0] == '0' && value != "0" {
		return false
	}
	for i := range len(digits) {
		if digits[i] < '0' || digits[i] > '9' {
			return false
		}
	}
	return true
}

func classifyInteger(value string) (class, string) {
	if number, err := strconv.ParseInt(value, 0, 64); err == nil {
		return isInteger, strconv.FormatInt(number, 10)
	}
	if number, err := strconv.ParseUint(value, 0, 64); err == nil {
		return isBigInteger, strconv.FormatUint(number, 10)
	}
	if isDecimal(value) {
		return classifyFloat(value)
	}
	if strings.HasPrefix(value, "0b") || strings.HasPrefix(value, "-0b") {
		return isUnsure, ""
	}
	return isString, ""
}

// classifyFloat takes for a string what is out of range.
func classifyFloat(value string) (class, string) {
	number, err := strconv.ParseFloat(value, 64)
	if err != nil {
		return isString, ""
	}
	text, err := json.Marshal(number)
	if err != nil {
		return isUnsure, ""
	}
	return isFloat, string(text)
}

// JSONNumber writes a number of JSON as Kubernetes does once it has read it: a whole number with its digits, any other
// as the float of 64 bits that it is held in, so that 1e-400 is 0. It is false for what no float can hold.
func JSONNumber(text string) (string, bool) {
	if isPlainInteger(text) {
		return text, true
	}
	number, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return "", false
	}
	if number == 0 {
		return "0", true // -0 and what is too small for a float, too
	}
	if !strings.ContainsAny(text, ".eE") {
		return text, true
	}
	written, err := json.Marshal(number)
	return string(written), err == nil
}

// isDecimal recognises a decimal number: sign, digits with at most one dot and one digit at least, exponent.
func isDecimal(value string) bool {
	value = trimSign(value)
	whole, rest := cutDigits(value)
	if strings.HasPrefix(rest, ".") {
		var fraction int
		if fraction, rest = cutDigits(rest[1:]); whole == 0 && fraction == 0 {
			return false
		}
	} else if whole == 0 {
		return false
	}
	if rest == "" {
		return true
	}
	if rest[0]|0x20 != 'e' {
		return false
	}
	exponent, rest := cutDigits(trimSign(rest[1:]))
	return exponent > 0 && rest == ""
}

func trimSign(value string) string {
	if value != "" && (value[0] == '+' || value[0] == '-') {
		return value[1:]
	}
	return value
}

// cutDigits counts the digits at the start and returns what follows them.
func cutDigits(value string) (count int, rest string) {
	for count < len(value) && value[count] >= '0' && value[count] <= '9' {
		count++
	}
	return count, value[count:]
}

// Key is the text of a key as kubectl writes it to JSON, and false for keys that are rare or refused.
func (n *Node) Key() (string, bool) {
	if n.Kind != Plain {
		return n.Value, n.Kind == Text
	}
	switch meaning, text := classify(n.Value); meaning {
	case isString:
		return n.Value, true
	case isTrue:
		return "true", true
	case isFalse:
		return "false", true
	case isInteger:
		return text, true
	}
	return "", false
}
