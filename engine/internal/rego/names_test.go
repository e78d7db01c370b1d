package rego

import (
	"slices"
	"testing"
)

func TestThePackageOfAModuleIsToldFromItsClause(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"the first line":          {"package shop.web\n\ndeny contains 1\n", "data.shop.web"},
		"after comments":          {"# package other\n\n  # METADATA\npackage shop # a shop\n", "data.shop"},
		"a byte order mark":       {"\ufeffpackage shop\ndeny contains 1\n", "data.shop"},
		"a part in quotes":        {"package shop[\"we-b\"].x\ndeny contains 1\n", `data.shop["we-b"].x`},
		"on two lines":            {"package\n shop\ndeny contains 1\n", "data.shop"},
		"of an older dialect":     {"package shop\ndeny[x] { x := 1 }\n", "data.shop"},
		"lines end as on Windows": {"# x\r\npackage shop\r\ndeny contains 1\r\n", "data.shop"},
		"nothing":                 {"", ""},
		"comments alone":          {"# package shop\n", ""},
		"no clause":               {"deny contains 1\npackage shop\n", ""},
		"a word like it":          {"packages shop\n", ""},
		"a name that is none":     {"package 1shop\n", ""},
	} {
		if got := PackageOf(Source{File: "p.rego", Text: c.text}); got != c.want {
			t.Errorf("%s: %q, expected %q", name, got, c.want)
		}
	}
}

func TestNamesThatPoliciesMayHave(t *testing.T) {
	named := "# METADATA\n# scope: package\n# custom:\n#   name: teams\npackage shop.web\n\ndeny contains 1\n"
	names := NamesOf([]Module{
		{Source: Source{File: "a.rego", Text: named}},
		{Source: Source{File: "b.rego", Text: "package shop.web\n\nwarn contains 1\n"}},
		{Source: Source{File: "c.rego", Text: "package other\n\ndeny contains 1\n"}, Name: "given"},
		{Source: Source{File: "d.rego", Text: "package lib\n\nx := 1\n"}, Library: true},
		{Source: Source{File: "e.rego", Text: "package broken\n\ndeny contains {\n"}},
	})
	if web := names["data.shop.web"]; !slices.Contains(web, "teams") || !slices.Contains(web, "shop-web") {
		t.Errorf("%v", web)
	}
	if other := names["data.other"]; !slices.Equal(slices.Compact(other), []string{"given"}) || len(names) != 2 {
		t.Errorf("%v", names)
	}
}
