// Command subscription picks the best plan and activates a subscription, like `python -m examples.subscription`: same flags, same steps, same keys,
// same answers. The workflow itself is workflow.go.
//
//  1. Reading the account and keeping the plans that fit are deterministic steps, recorded. Which of those is best an agent may say, and no more.
//  2. The one write leaves through Commit. Run again with the same run id, it is the same write: answered from the record, never done twice.
//  3. The run is finished where it came to an end (written, or definitely not); otherwise it stays open, to be run again.
//
// Exit code: 0 SUCCEEDED, 1 an error, 2 wrong usage, 3 DENIED, 4 FAILED, 5 not known yet: run it again, 6 no decision, 7 no plan fits.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"countersign.dev/clients/go/countersign"
	pb "countersign.dev/clients/go/countersign/v1"
)

const codeSucceeded, codeError, codeUsage, codeDenied, codeFailed, codeNotKnown, codeNoDecision, codeNoPlan = 0, 1, 2, 3, 4, 5, 6, 7

func main() {
	os.Exit(command(os.Args[1:], os.Stdout, os.Stderr))
}

// command is flags in, lines or one JSON object out, the exit code back.
func command(arguments []string, out, errors io.Writer) int {
	flags := flag.NewFlagSet("subscription", flag.ContinueOnError)
	flags.SetOutput(errors)
	gateway := flags.String("gateway", "", "unix:/path or 127.0.0.1:port")
	billing := flags.String("billing", "", "http://127.0.0.1:port")
	name := flags.String("account", "", "who subscribes")
	seats := flags.Int("seats", 0, "people who need a seat")
	runID := flags.String("run-id", "", "the same again is the same run: nothing is written twice")
	giveUpAfterS := flags.Float64("give-up-after-s", 60, "how long each call asks on")
	asJSON := flags.Bool("json", false, "one JSON object instead of lines")
	if err := flags.Parse(arguments); err != nil {
		return codeUsage
	}
	if *gateway == "" || *billing == "" || *name == "" || *seats < 1 || *runID == "" || flags.NArg() > 0 {
		_, _ = fmt.Fprintln(errors, "subscription: --gateway, --billing, --account, --seats and --run-id are all needed, and nothing else")
		return codeUsage
	}
	client, err := countersign.Connect(*gateway)
	if err != nil {
		_, _ = fmt.Fprintln(errors, "subscription:", err)
		return codeError
	}
	defer func() { _ = client.Close() }()
	ctx := context.Background()
	run := client.Run("activate_subscription", *runID, countersign.Patience{GiveUpAfter: time.Duration(*giveUpAfterS * float64(time.Second))})
	came, err := activate(ctx, run, *billing, *name, *seats)
	if err = run.Leave(ctx, err); err != nil {
		if refusal, refused := countersign.AsRefusal(err); refused {
			err = refusal
		}
		_, _ = fmt.Fprintln(errors, "subscription:", err)
		if countersign.IsUnclear(err) {
			return codeNotKnown
		}
		return codeError
	}
	tell(out, came, *runID, *asJSON)
	return codeOf(came)
}

func codeOf(came result) int {
	switch came.commit.GetCommit().GetOutcome() {
	case pb.Outcome_OUTCOME_SUCCEEDED:
		return codeSucceeded
	case pb.Outcome_OUTCOME_DENIED:
		return codeDenied
	case pb.Outcome_OUTCOME_FAILED:
		return codeFailed
	}
	switch {
	case came.decision == nil:
		return codeNoPlan
	case came.stop == pb.RunStop_RUN_STOP_UNSPECIFIED:
		return codeNotKnown
	default:
		return codeNoDecision
	}
}

// told is what a run came to; null for what it did not come to, a null stop is a run still open.
type told struct {
	RunID      string   `json:"run_id"`
	Option     *string  `json:"option"`
	DecisionID *string  `json:"decision_id"`
	CommitID   *string  `json:"commit_id"`
	Outcome    *string  `json:"outcome"`
	Replayed   bool     `json:"replayed"`
	Reasons    []string `json:"reasons"`
	Stop       *string  `json:"stop"`
}

func tell(out io.Writer, came result, runID string, asJSON bool) {
	facts, reasons := told{RunID: runID, Reasons: []string{}}, came.decision.GetReasons()
	if came.decision != nil {
		facts.DecisionID = &came.decision.DecisionId
	}
	if countersign.Decided(came.decision) {
		facts.Option = &came.decision.Option
	}
	if commit := came.commit.GetCommit(); commit != nil {
		outcome := countersign.Name(commit.GetOutcome())
		facts.CommitID, facts.Outcome, facts.Replayed, reasons = &commit.CommitId, &outcome, came.commit.GetReplayed(), commit.GetReasons()
	}
	for _, one := range reasons {
		facts.Reasons = append(facts.Reasons, countersign.Name(one.GetReason()))
	}
	if stop := countersign.Name(came.stop); came.stop != pb.RunStop_RUN_STOP_UNSPECIFIED {
		facts.Stop = &stop
	}
	if asJSON {
		_ = json.NewEncoder(out).Encode(facts)
		return
	}
	line := func(name string, value *string) {
		if value != nil && *value != "" {
			_, _ = fmt.Fprintf(out, "%-12s %s\n", name, *value)
		}
	}
	because, replayed := strings.Join(facts.Reasons, " "), strings.TrimPrefix(fmt.Sprint(facts.Replayed), "false")
	line("run_id", &facts.RunID)
	line("option", facts.Option)
	line("decision_id", facts.DecisionID)
	line("commit_id", facts.CommitID)
	line("outcome", facts.Outcome)
	line("replayed", &replayed)
	line("reasons", &because)
	line("stop", facts.Stop)
}
