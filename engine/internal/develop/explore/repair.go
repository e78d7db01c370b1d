package explore

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// repairs say, for each operator, which edits might make it hold.
var repairs map[string]func(a *advisor, operands []operand)

func init() {
	repairs = map[string]func(*advisor, []operand){
		"eq": equalize, "equal": equalize, "assign": equalize, "unify": equalize,
		"neq": differ,
		"lt":  order(-1, 0), "lte": order(0, -1), "gt": order(1, 0), "gte": order(0, 1),
		"startswith":            embed("%[2]s", "%[2]s%[1]s", "%[2]sexample"),
		"endswith":              embed("%[2]s", "%[1]s%[2]s", "example%[2]s"),
		"contains":              embed("%[2]s", "%[1]s%[2]s", "%[2]s%[1]s"),
		"internal.member_2":     join,
		"internal.member_3":     func(a *advisor, o []operand) { join(a, o[1:]) },
		"regex.match":           match(0, 1),
		"re_match":              match(0, 1),
		"glob.match":            glob,
		"json.unmarshal":        document,
		"count":                 grow,
		"net.cidr_contains":     network,
		"regex.find_n":          match(0, 1),
		"time.parse_rfc3339_ns": moment,
		"object.get":            lookUp,
	}
	repairs["regex.find_all_string_submatch_n"] = match(0, 1)
}

func number(n int) json.Number { return json.Number(strconv.Itoa(n)) }

// equalize makes two operands equal; where one has no value yet, the other gets any.
func equalize(a *advisor, o []operand) {
	for i, one := range o[:2] {
		other := o[1-i]
		if other.known {
			a.set(one, other.value)
		} else {
			a.invent(one)
		}
	}
}

func differ(a *advisor, o []operand) {
	for _, one := range o[:2] {
		switch value := one.value.(type) {
		case string:
			a.set(one, value+"-other")
			a.set(one, "example")
		case bool:
			a.set(one, !value)
		default:
			a.invent(one)
		}
	}
}

// order makes the first operand smaller (by less than zero) or larger than the second.
func order(strict, equal int) func(*advisor, []operand) {
	return func(a *advisor, o []operand) {
		step := strict
		if step == 0 {
			step = equal
		}
		for _, by := range []int{strict, step, 2 * step} {
			a.shift(o[0], o[1], by)
			a.shift(o[1], o[0], -by)
		}
		for _, one := range o[:2] {
			a.quantities(one)
			a.resize(one)
		}
	}
}

// shift sets one operand to the other's number and a little more or less.
func (a *advisor) shift(one, other operand, by int) {
	n, ok := other.value.(json.Number)
	if !ok {
		if !one.known {
			a.invent(one)
		}
		return
	}
	if whole, err := n.Int64(); err == nil {
		a.set(one, json.Number(strconv.FormatInt(whole+int64(by), 10)))
	} else if float, err := n.Float64(); err == nil {
		a.set(one, json.Number(strconv.FormatFloat(float+float64(by)/2, 'g', -1, 64)))
	}
}

// quantities tries amounts as Kubernetes writes them, since their numbers stand nowhere in the world.
func (a *advisor) quantities(o operand) {
	if _, ok := o.value.(json.Number); ok && len(o.places) > 0 {
		return
	}
	a.world.Walk(func(path Path, value any) {
		if text, ok := value.(string); ok && amount.MatchString(text) {
			for _, other := range []string{"1", "2", "100m", "4", "1Gi", "8Gi", "0"} {
				a.add(Edit{Path: path, Value: other})
			}
		}
	})
}

var amount = regexp.MustCompile(`^[0-9.]+[A-Za-z]{0,2}$`)

// resize changes how long collections are: a count is a number that stands nowhere either.
func (a *advisor) resize(o operand) {
	if len(o.places) > 0 {
		return
	}
	a.world.Walk(func(path Path, value any) {
		if list, ok := value.([]any); ok && len(list) > 0 && len(path) > 1 {
			a.add(Edit{Path: append(append(Path{}, path...), len(list)), Value: list[len(list)-1]})
		}
	})
}

func embed(formats ...string) func(*advisor, []operand) {
	return func(a *advisor, o []operand) {
		part, _ := o[1].value.(string)
		whole, _ := o[0].value.(string)
		if !o[1].known {
			a.invent(o[1])
		}
		for _, format := range formats {
			if part != "" {
				a.set(o[0], fmt.Sprintf(format+"%.0[1]s%.0[2]s", whole, part))
			}
		}
		if whole != "" {
			a.set(o[1], whole)
		}
	}
}

// join makes the first operand an element of the second.
func join(a *advisor, o []operand) {
	elements, _ := o[1].value.([]any)
	if object, ok := o[1].value.(map[string]any); ok {
		for _, key := range keysOf(object) {
			elements = append(elements, object[key])
		}
	}
	for _, element := range elements[:min(len(elements), 8)] {
		a.set(o[0], element)
	}
	if !o[0].known {
		a.invent(o[0])
		return
	}
	for _, p := range o[1].places {
		a.add(Edit{Path: p.path, Value: []any{o[0].value}})
	}
}

func match(pattern, subject int) func(*advisor, []operand) {
	return func(a *advisor, o []operand) {
		text, _ := o[pattern].value.(string)
		for _, example := range Examples(text) {
			a.set(o[subject], example)
		}
		if !o[subject].known {
			a.invent(o[subject])
		}
	}
}

func glob(a *advisor, o []operand) {
	if pattern, ok := o[0].value.(string); ok {
		a.set(o[len(o)-1], strings.NewReplacer("**", "example", "*", "example", "?", "x").Replace(pattern))
	}
}

// document gives a text that holds JSON, with the fields that the policy speaks of.
func document(a *advisor, o []operand) {
	a.set(o[0], "{}")
	a.set(o[0], "[]")
	for _, field := range a.subject.Words.Fields {
		a.set(o[0], Text(map[string]any{field: []any{"example"}}))
	}
}

func grow(a *advisor, o []operand) { a.invent(o[0]) }

func network(a *advisor, o []operand) {
	if block, ok := o[0].value.(string); ok {
		address, _, _ := strings.Cut(block, "/")
		a.set(o[1], address)
	}
}

func moment(a *advisor, o []operand) {
	a.set(o[0], "2025-01-01T00:00:00Z")
	a.set(o[0], "2027-01-01T00:00:00Z")
}

func lookUp(a *advisor, o []operand) {
	key, ok := o[1].value.(string)
	if !ok {
		return
	}
	for _, p := range o[0].places {
		for _, value := range inventions(Path{key}) {
			a.add(Edit{Path: append(append(Path{}, p.path...), key), Value: value})
		}
	}
}
