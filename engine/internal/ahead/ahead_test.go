package ahead

import "testing"

func TestWorkIsTakenByWhoAsksForTheSame(t *testing.T) {
	for name, c := range map[string]struct {
		begun []string
		asked string
		want  int
	}{
		"the same":         {[]string{"ab"}, "ab", 2},
		"another":          {[]string{"ab"}, "abc", 0},
		"the last":         {[]string{"abc", "ab"}, "ab", 2},
		"one before":       {[]string{"ab", "abc"}, "ab", 0},
		"what fails":       {[]string{""}, "", 0},
		"what nobody made": {nil, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			var w Work[string, int]
			for _, of := range c.begun {
				w.Begin(of, func() int { return len(of[:2]) })
			}
			got, ok := w.Take(func(of string) bool { return of == c.asked })
			if got != c.want || ok != (c.want > 0) {
				t.Errorf("got %d, %v", got, ok)
			}
			if _, again := w.Take(func(string) bool { return true }); again {
				t.Error("it was given twice, or kept in vain")
			}
		})
	}
}
