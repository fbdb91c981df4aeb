package main

import (
	"errors"
	"slices"

	"github.com/anishathalye/porcupine"
)

// History is one line of input: what a store held in the end, and what its callers were told along the way.
type History struct {
	Limit int64 `json:"limit"`
	Rows  []Row `json:"rows"` // of one key the oldest generation first
	Told  []Op  `json:"told"`
}

// Row is one generation of a key, as it is stored in the end.
type Row struct {
	Key     string `json:"key"`
	Name    string `json:"name"`
	Content string `json:"content"`
	Amount  int64  `json:"amount"`
	State   string `json:"state"`
	Reason  string `json:"reason"` // of a denial
}

// Op is one of Claim, Look and Switch. Without Ends it has no answer: it happened at some time after it began, or never.
type Op struct {
	Begins float64  `json:"begins"`
	Ends   *float64 `json:"ends"`

	Claim  *Claim  `json:"claim"`
	Look   *Look   `json:"look"`
	Switch *Switch `json:"switch"`
}

// Claim asks for a write. Told is the row it was answered with, or the reason it was refused for.
type Claim struct {
	Key        string `json:"key"`
	Content    string `json:"content"`
	Supersedes string `json:"supersedes"`
	Told       string `json:"told"`
}

// Look was told how a commit stands, or, without a name, that its key has none. Newest asked how the key stands, which is how its newest commit does.
type Look struct {
	Key    string `json:"key"`
	Name   string `json:"name"`
	State  string `json:"state"`
	Newest bool   `json:"newest"`
}

// Switch throws a halt or lifts it.
type Switch struct {
	Name string `json:"name"`
	On   bool   `json:"on"`
}

// What Porcupine puts in order: an answered operation, the moment from which one without an answer may happen, or the end, when all has happened.
type (
	answered  struct{ op *Op }
	beginning struct{ number int } // of the unanswered
	over      struct{}
)

// operations is the history as Porcupine takes it, and what in it has no answer.
func (history *History) operations() ([]porcupine.Operation, []*Op, error) {
	var made []porcupine.Operation
	var unanswered []*Op
	ranks := history.ranks()
	for place := range history.Told {
		op := &history.Told[place]
		call := ranks[op.Begins]
		switch {
		case op.Ends == nil && history.repeats(place):
		case op.Ends == nil:
			made = append(made, porcupine.Operation{Input: beginning{len(unanswered)}, Call: call, Return: call})
			unanswered = append(unanswered, op)
		case *op.Ends < op.Begins:
			return nil, nil, errors.New("an operation ends before it begins")
		default:
			made = append(made, porcupine.Operation{Input: answered{op}, Call: call, Return: ranks[*op.Ends]})
		}
	}
	end := int64(len(ranks))
	return append(made, porcupine.Operation{Input: over{}, Call: end, Return: end}), unanswered, nil
}

// repeats: an unanswered claim that says what another said before it. A claim takes effect once under its key, whoever repeats it, and the first to begin
// may be the one wherever a later one may.
func (history *History) repeats(place int) bool {
	op := &history.Told[place]
	for earlier := range history.Told {
		other := &history.Told[earlier]
		if op.Claim == nil || other.Claim == nil || other.Ends != nil || *other.Claim != *op.Claim {
			continue
		}
		if other.Begins < op.Begins || (other.Begins == op.Begins && earlier < place) {
			return true
		}
	}
	return false
}

// ranks numbers the moments in their order: equal ones alike, so that what meets in one instant still does.
func (history *History) ranks() map[float64]int64 {
	var moments []float64
	for _, op := range history.Told {
		moments = append(moments, op.Begins)
		if op.Ends != nil {
			moments = append(moments, *op.Ends)
		}
	}
	slices.Sort(moments)
	ranks := make(map[float64]int64, len(moments))
	for _, moment := range moments {
		if _, known := ranks[moment]; !known {
			ranks[moment] = int64(len(ranks))
		}
	}
	return ranks
}
