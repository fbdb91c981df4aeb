package main

import (
	"slices"
	"strings"

	"github.com/anishathalye/porcupine"
)

const (
	linearizable    = "linearizable"
	notLinearizable = "not linearizable"
	gaveUp          = "gave up"
)

// Verdict is one line of output.
type Verdict struct {
	Verdict   string `json:"verdict"`
	Standings int    `json:"standings"` // looked at
}

// place is where the search is: which unanswered operations have begun, a letter each, and every way the gateway may stand, a line each, sorted, so that
// equal places are equal.
type place struct {
	begun     string
	standings string
}

// search is Porcupine's, over one history. What nobody was told of is no operation in it: it is a choice that the gateway has at any time once it has
// begun, and need never make; so after each step the gateway stands in every way that those choices allow.
type search struct {
	law    *contract
	looked int // at standings
}

// judged looks at no more standings than it may: beyond them nothing is allowed, so that the search ends, and nothing was found out.
func judged(history *History, standingsMax int) (Verdict, error) {
	operations, unanswered, err := history.operations()
	if err != nil {
		return Verdict{}, err
	}
	of := &search{law: newContract(history, unanswered)}
	first := of.place(strings.Repeat(string(not), len(unanswered)), of.law.begins())
	found := porcupine.CheckOperations(porcupine.Model{
		Init: func() interface{} { return first },
		Step: func(now, operation, _ interface{}) (bool, interface{}) {
			next, allowed := of.step(now.(place), operation)
			return allowed && of.looked <= standingsMax, next
		},
	}, operations)
	switch {
	case found:
		return Verdict{linearizable, of.looked}, nil
	case of.looked > standingsMax:
		return Verdict{gaveUp, of.looked}, nil
	default:
		return Verdict{notLinearizable, of.looked}, nil
	}
}

func (of *search) step(now place, operation interface{}) (place, bool) {
	begun, next := now.begun, []standing{}
	if one, begins := operation.(beginning); begins {
		begun = begun[:one.number] + string(done) + begun[one.number+1:]
	}
	for _, line := range strings.Split(now.standings, "\n") {
		after, allowed := standing(line), true
		switch one := operation.(type) {
		case answered:
			after, allowed = of.law.answer(after, one.op)
		case over:
			allowed = of.law.complete(after)
		}
		if allowed {
			next = append(next, after)
		}
	}
	return of.place(begun, next...), len(next) > 0
}

// place has every standing that may come of these with nobody being told.
func (of *search) place(begun string, from ...standing) place {
	known := make(map[standing]bool, len(from))
	for len(from) > 0 {
		one := from[len(from)-1]
		from = from[:len(from)-1]
		if !known[one] {
			known[one] = true
			from = append(from, of.law.unasked(one, begun)...)
		}
	}
	of.looked += len(known)
	lines := make([]string, 0, len(known))
	for one := range known {
		lines = append(lines, string(one))
	}
	slices.Sort(lines)
	return place{begun: begun, standings: strings.Join(lines, "\n")}
}
