package main

import (
	"strings"
	"testing"
)

var rows = []Row{
	{Key: "K", Name: "c-1", Content: "x", Amount: 60, State: "FAILED"},
	{Key: "L", Name: "c-2", Content: "y", Amount: 60, State: "SUCCEEDED"},
}

func at(begins, ends float64, op Op) Op {
	op.Begins, op.Ends = begins, &ends
	return op
}

func lost(begins float64, op Op) Op {
	op.Begins = begins
	return op
}

func claim(key, content, told string) Op {
	return Op{Claim: &Claim{Key: key, Content: content, Told: told}}
}

func look(key, name, state string) Op {
	return Op{Look: &Look{Key: key, Name: name, State: state}}
}

func turn(name string, on bool) Op {
	return Op{Switch: &Switch{Name: name, On: on}}
}

// What Porcupine has to say of histories whose calls are all answered, and of those that are not: each may have happened since it began, once, or never.
func TestVerdicts(t *testing.T) {
	histories := map[string]struct {
		rows    []Row
		told    []Op
		verdict string
	}{
		"nothing":                                  {nil, nil, linearizable},
		"only a look at nothing":                   {nil, []Op{at(0, 1, look("K", "", ""))}, linearizable},
		"a row that nobody asked for":              {rows[:1], nil, notLinearizable},
		"made, and seen":                           {rows[:1], []Op{at(0, 1, claim("K", "x", "c-1")), at(2, 3, look("K", "c-1", "UNKNOWN"))}, linearizable},
		"seen before it was made":                  {rows[:1], []Op{at(0, 1, look("K", "c-1", "UNKNOWN")), at(2, 3, claim("K", "x", "c-1"))}, notLinearizable},
		"they meet in one instant":                 {rows[:1], []Op{at(0, 1, look("K", "c-1", "UNKNOWN")), at(1, 2, claim("K", "x", "c-1"))}, linearizable},
		"what has failed gives back, unseen":       {rows, []Op{at(0, 1, claim("K", "x", "c-1")), at(2, 3, claim("L", "y", "c-2"))}, linearizable},
		"what is under way holds":                  {rows, []Op{at(0, 1, claim("K", "x", "c-1")), at(2, 3, claim("L", "y", "c-2")), at(4, 5, look("K", "c-1", "UNKNOWN"))}, notLinearizable},
		"lost, and it happened":                    {rows[:1], []Op{lost(0, claim("K", "x", "")), at(2, 3, look("K", "c-1", "FAILED"))}, linearizable},
		"lost, and it happened before it was sent": {rows[:1], []Op{at(0, 1, look("K", "c-1", "FAILED")), lost(2, claim("K", "x", ""))}, notLinearizable},
		"lost, and it never happened":              {nil, []Op{lost(0, claim("K", "x", "")), at(2, 3, look("K", "", ""))}, linearizable},
		"a lost halt that never came":              {rows[:1], []Op{lost(0, turn("h", true)), at(1, 2, claim("K", "x", "c-1"))}, linearizable},
		"a lost halt that was lifted":              {nil, []Op{lost(0, turn("h", true)), at(1, 2, turn("h", false))}, linearizable},
		"a lost halt that was lifted twice":        {nil, []Op{lost(0, turn("h", true)), at(1, 2, turn("h", false)), at(3, 4, turn("h", false))}, notLinearizable},
		"lifted, and nobody had thrown it":         {nil, []Op{at(1, 2, turn("h", false))}, notLinearizable},
		"admitted under a halt":                    {rows[:1], []Op{at(0, 1, turn("h", true)), at(2, 3, claim("K", "x", "c-1"))}, notLinearizable},
	}
	for name, history := range histories {
		verdict, err := judged(&History{Limit: 100, Rows: history.rows, Told: history.told}, standingsMax)
		if err != nil || verdict.Verdict != history.verdict {
			t.Errorf("%s: %q %v, expected %q", name, verdict.Verdict, err, history.verdict)
		}
	}
}

// What is too much to look at is neither linearizable nor not.
func TestGivesUp(t *testing.T) {
	verdict, err := judged(&History{Limit: 100, Rows: rows, Told: []Op{at(0, 9, claim("K", "x", "c-1")), at(0, 9, claim("L", "y", "c-2"))}}, 3)
	if err != nil || verdict.Verdict != gaveUp {
		t.Errorf("%q %v, expected %q", verdict.Verdict, err, gaveUp)
	}
}

// One line of each, in order; what cannot be read or cannot be is no verdict.
func TestAnswersLines(t *testing.T) {
	var told strings.Builder
	lines := `{"limit":1,"rows":[],"told":[]}` + "\n" + `{"limit":1,"rows":[],"told":[{"begins":0,"ends":1,"switch":{"name":"h","on":false}}]}` + "\n"
	if err := answer(strings.NewReader(lines), &told); err != nil {
		t.Fatal(err)
	}
	if expected := `{"verdict":"linearizable","standings":2}` + "\n" + `{"verdict":"not linearizable","standings":1}` + "\n"; told.String() != expected {
		t.Errorf("%s, expected %s", told.String(), expected)
	}
	for _, wrong := range []string{"{", `{"told":[{"begins":2,"ends":1,"look":{"key":"K"}}]}`} {
		if answer(strings.NewReader(wrong), &told) == nil {
			t.Errorf("%s was answered", wrong)
		}
	}
}
