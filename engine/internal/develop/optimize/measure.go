package optimize

import (
	"time"

	"attest.continuu.ms/engine/internal/develop/explore"
)

// Cost is what a policy costs over the sample data.
type Cost struct {
	Time        int64 `json:"time"`            // nanoseconds: the sum over resources of the best time of each
	Evaluations int   `json:"evaluations"`     // of expressions
	Calls       int   `json:"calls,omitempty"` // of http.send, for advice about it
}

// How long a comparison may take, and how many rounds it has.
const (
	compareTime = 250 * time.Millisecond
	leastRounds = 7
	mostRounds  = 60
)

// What a change must gain to be worth saying: a share of the policy's time, in nearly every round. Advice that
// costs a person's time must gain more than a rewrite that costs none.
const (
	rewriteGain = 0.03
	adviceGain  = 0.10
	leastShare  = 0.6
)

// comparison is two ways to judge the samples.
type comparison struct {
	before, after Cost
	wins, rounds  int
}

// less says whether the second way evaluates less.
func (c comparison) less() bool { return c.after.Evaluations < c.before.Evaluations }

// faster says whether the second way is faster by a share, and by more than noise.
func (c comparison) faster(gain float64) bool {
	return float64(c.before.Time-c.after.Time) >= gain*float64(c.before.Time) && float64(c.wins) >= leastShare*float64(c.rounds)
}

// chooser names the policy that judges a sample.
type chooser func(sample int) *explore.Subject

func always(s *explore.Subject) chooser { return func(int) *explore.Subject { return s } }

// compare measures two ways to judge samples, and says whether the second one evaluates less and is faster by a
// share of the time.
func (o *optimizer) compare(samples []sample, before, after chooser, gain float64) (comparison, bool) {
	pairs, out, ok := o.pair(samples, before, after)
	if !ok || !out.less() {
		return out, false
	}
	o.time(pairs, &out)
	return out, o.ctx.Err() == nil && out.faster(gain)
}

// costs are what two policies cost over samples.
func (o *optimizer) costs(samples []sample, before, after *explore.Subject) (Cost, Cost) {
	pairs, out, ok := o.pair(samples, always(before), always(after))
	if ok {
		o.time(pairs, &out)
	}
	return out.before, out.after
}

// pair prepares samples for both ways, and counts what each evaluates.
func (o *optimizer) pair(samples []sample, before, after chooser) ([]pair, comparison, bool) {
	pairs := make([]pair, len(samples))
	var out comparison
	for i, s := range samples {
		for side, which := range []chooser{before, after} {
			question, err := o.prepare(which(i), s.world)
			if err != nil {
				return nil, out, false
			}
			pairs[i].questions[side] = question
		}
		out.before.Evaluations += o.count(pairs[i].questions[0])
		out.after.Evaluations += o.count(pairs[i].questions[1])
	}
	return pairs, out, true
}

// time measures both ways in turns, so that what disturbs one disturbs the other.
func (o *optimizer) time(pairs []pair, out *comparison) {
	began := time.Now()
	for out.rounds < mostRounds && (out.rounds < leastRounds || time.Since(began) < compareTime) && o.ctx.Err() == nil {
		if first, second := o.round(pairs, out.rounds%2); second < first {
			out.wins++
		}
		out.rounds++
	}
	for _, p := range pairs {
		out.before.Time += p.best[0]
		out.after.Time += p.best[1]
	}
}

// pair is a sample judged in two ways.
type pair struct {
	questions [2]*question
	best      [2]int64
}

func (o *optimizer) round(pairs []pair, first int) (before, after int64) {
	var total [2]int64
	for i := range pairs {
		for turn := range 2 {
			side := (first + turn) % 2
			began := time.Now()
			pairs[i].questions[side].ask(o.ctx)
			took := time.Since(began).Nanoseconds()
			total[side] += took
			if pairs[i].best[side] == 0 || took < pairs[i].best[side] {
				pairs[i].best[side] = took
			}
		}
	}
	return total[0], total[1]
}

func (o *optimizer) count(q *question) int {
	counting := &counter{}
	q.ask(o.ctx, counting)
	return counting.total
}
