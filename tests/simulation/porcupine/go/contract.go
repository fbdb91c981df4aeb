package main

import "strings"

// standing is one way a gateway may stand between two operations: a letter for each row of the history, for each halt, and for each unanswered switch.
type standing string

const (
	not   = '-' // a row that is not made, a halt that is not in force, a switch that has not happened
	open  = 'o' // a row that is made
	ended = 'e' // and known to have ended as it is stored
	on    = 'h'
	done  = 'd'
)

// contract is what a gateway may answer, one call after the other, given what its store holds in the end.
type contract struct {
	limit      int64
	rows       []Row
	unanswered []*Op
	halts      []string
}

func newContract(history *History, unanswered []*Op) *contract {
	law := &contract{limit: history.Limit, rows: history.Rows, unanswered: unanswered}
	for _, op := range history.Told {
		if op.Switch != nil && law.halt(op.Switch.Name) < 0 {
			law.halts = append(law.halts, op.Switch.Name)
		}
	}
	return law
}

func (law *contract) begins() standing {
	return standing(strings.Repeat(string(not), len(law.rows)+len(law.halts)+len(law.unanswered)))
}

// answer is the standing that an answered operation leads to, and whether it may be answered so.
func (law *contract) answer(now standing, op *Op) (standing, bool) {
	switch {
	case op.Claim != nil:
		return law.claim(now, op.Claim)
	case op.Look != nil:
		return law.look(now, op.Look)
	default:
		return law.turn(now, op.Switch)
	}
}

// unasked are the standings that may come next without anybody being told: an unanswered operation happens, or a write turns out to have failed.
func (law *contract) unasked(now standing, begun string) []standing {
	var found []standing
	for number, op := range law.unanswered {
		if begun[number] == not {
			continue
		}
		next, allowed := now, false
		switch {
		case op.Claim != nil: // its row is made once, so that it happens once
			next, allowed = law.claim(now, op.Claim)
		case op.Switch != nil && now[law.switched(number)] == not:
			next, allowed = law.turn(now.with(law.switched(number), done), op.Switch)
		}
		if allowed && next != now {
			found = append(found, next)
		}
	}
	for place, row := range law.rows {
		if row.State == "FAILED" && now[place] == open {
			found = append(found, now.with(place, ended))
		}
	}
	return found
}

// complete says whether everything that is stored has been made.
func (law *contract) complete(now standing) bool {
	return !strings.ContainsRune(string(now[:len(law.rows)]), not)
}

// claim follows the contract's table of what the same key is answered the second time.
func (law *contract) claim(now standing, asked *Claim) (standing, bool) {
	made, next := law.generations(now, asked.Key)
	if asked.Supersedes == "" && len(made) > 0 {
		for _, place := range made {
			if law.rows[place].Content == asked.Content {
				return now, asked.isTold(law.rows[made[len(made)-1]].Name)
			}
		}
		return now, asked.isTold("IDEMPOTENCY_KEY_REUSED")
	}
	if asked.Supersedes != "" {
		old := law.generation(made, asked.Supersedes)
		switch {
		case old < 0:
			return now, asked.isTold("SUPERSEDES_NOT_CURRENT")
		case old < len(made)-1 && law.rows[made[old+1]].Content == asked.Content:
			return now, asked.isTold(law.rows[made[old+1]].Name)
		case old < len(made)-1:
			return now, asked.isTold("IDEMPOTENCY_KEY_REUSED")
		case !law.supersedable(now, made[old]):
			return now, asked.isTold("SUPERSEDES_NOT_CURRENT")
		}
	}
	if next < 0 || law.rows[next].Content != asked.Content || !asked.isTold(law.rows[next].Name) || law.rows[next].Reason != law.denial(now, next) {
		return now, false
	}
	return now.with(next, open), true
}

// isTold says whether that was the answer; who was told nothing may have been meant to be told anything.
func (asked *Claim) isTold(answer string) bool {
	return asked.Told == "" || asked.Told == answer
}

// denial is what a claim of this row has to be denied for now, in the order of the guards; "" where it has to be admitted.
func (law *contract) denial(now standing, asked int) string {
	for halt := range law.halts {
		if now[len(law.rows)+halt] == on {
			return "HALTED"
		}
	}
	if reason := law.rows[asked].Reason; strings.HasPrefix(reason, "POLICY_") {
		return reason // what a policy says is its own
	}
	left := law.limit
	for place, row := range law.rows {
		if now[place] != not && row.State != "DENIED" && !(row.State == "FAILED" && now[place] == ended) {
			left -= row.Amount
		}
	}
	if law.rows[asked].Amount > left {
		return "BUDGET_EXHAUSTED"
	}
	return ""
}

// supersedable: denied, or definitely without effect and known to be so by now.
func (law *contract) supersedable(now standing, place int) bool {
	return law.rows[place].State == "DENIED" || (law.rows[place].State == "FAILED" && now[place] == ended)
}

// look is told how a commit stands. A success that nobody has been told of changes no answer: it may as well have come about just now.
func (law *contract) look(now standing, look *Look) (standing, bool) {
	made, _ := law.generations(now, look.Key)
	if look.Name == "" {
		return now, len(made) == 0
	}
	generation := law.generation(made, look.Name)
	if generation < 0 || (look.Newest && generation < len(made)-1) {
		return now, false
	}
	place := made[generation]
	stored := law.rows[place].State
	switch look.State {
	case "FORWARDING", "UNKNOWN", "IN_PROGRESS":
		return now, stored != "DENIED" && now[place] == open
	case "SUCCEEDED":
		return now.with(place, ended), stored == look.State
	case "FAILED":
		return now, stored == look.State && now[place] == ended
	case "DENIED":
		return now, stored == look.State
	default:
		return now, false
	}
}

// turn throws what is not in force, or lifts what is.
func (law *contract) turn(now standing, turned *Switch) (standing, bool) {
	place, letter := len(law.rows)+law.halt(turned.Name), byte(not)
	if turned.On {
		letter = on
	}
	return now.with(place, letter), now[place] != letter
}

// generations are the places of the rows of a key that are made, and that of the next one, or -1.
func (law *contract) generations(now standing, key string) ([]int, int) {
	var made []int
	for place, row := range law.rows {
		if row.Key != key {
			continue
		}
		if now[place] == not {
			return made, place
		}
		made = append(made, place)
	}
	return made, -1
}

func (law *contract) generation(made []int, name string) int {
	for generation, place := range made {
		if law.rows[place].Name == name {
			return generation
		}
	}
	return -1
}

func (law *contract) halt(name string) int {
	for place, halt := range law.halts {
		if halt == name {
			return place
		}
	}
	return -1
}

func (law *contract) switched(number int) int {
	return len(law.rows) + len(law.halts) + number
}

func (now standing) with(place int, letter byte) standing {
	letters := []byte(now)
	letters[place] = letter
	return standing(letters)
}
