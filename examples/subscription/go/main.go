// Command subscription picks the best plan and activates a subscription, like ../workflow.py: same flags, same steps, same keys, same answers.
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
	"fmt"
	"net/url"
	"os"
	"strings"

	"countersign.dev/clients/go/countersign"
	pb "countersign.dev/clients/go/countersign/v1"
)

const (
	workflowName   = "activate_subscription"
	answerBytesMax = 1 << 20

	codeSucceeded, codeError, codeUsage, codeDenied, codeFailed, codeNotKnown, codeNoDecision, codeNoPlan = 0, 1, 2, 3, 4, 5, 6, 7
)

type plan struct {
	Plan               string `json:"plan"`
	SeatsMax           int    `json:"seats_max"`
	MonthlyPriceMicros int64  `json:"monthly_price_micros"`
}

type offer struct {
	Currency string `json:"currency"`
	Plans    []plan `json:"plans"`
}

type account struct {
	Account  string `json:"account"`
	TeamSize int    `json:"team_size"`
	Plan     string `json:"plan"`
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

// question is what the agent is told, order what billing is asked to do.
type (
	question struct {
		Account  string `json:"account"`
		Plan     string `json:"plan"`
		TeamSize int    `json:"team_size"`
	}
	order struct {
		Account      string `json:"account"`
		Plan         string `json:"plan"`
		Seats        int    `json:"seats"`
		AmountMicros int64  `json:"amount_micros"`
		Currency     string `json:"currency"`
	}
)

type workflow struct {
	client   *countersign.Client
	billing  string
	runID    string
	patience countersign.Patience
}

func keepFitting(all offer, seats int) offer {
	kept := offer{Currency: all.Currency, Plans: []plan{}}
	for _, one := range all.Plans {
		if one.SeatsMax >= seats {
			kept.Plans = append(kept.Plans, one)
		}
	}
	return kept
}

// activate is the workflow: its exit code, and in facts what it came to.
func (flow *workflow) activate(ctx context.Context, facts *told, name string, seats int) (int, error) {
	team, err := take(ctx, flow, "read_account", func() (account, error) { return read[account](ctx, flow.billing, "/accounts/"+url.PathEscape(name)) })
	if err != nil {
		return codeError, err
	}
	fitting, err := take(ctx, flow, "keep_fitting", func() (offer, error) {
		all, err := read[offer](ctx, flow.billing, "/plans")
		return keepFitting(all, seats), err
	})
	if err != nil {
		return codeError, err
	}
	if len(fitting.Plans) == 0 {
		return codeNoPlan, flow.finish(ctx, facts, pb.RunStop_RUN_STOP_FAILED, "no plan fits")
	}
	chosen, code, err := flow.decide(ctx, facts, fitting, question{Account: name, Plan: team.Plan, TeamSize: seats})
	if chosen == nil || err != nil {
		return code, err
	}
	order := order{Account: name, Plan: chosen.Plan, Seats: seats, AmountMicros: chosen.MonthlyPriceMicros, Currency: fitting.Currency}
	return flow.commit(ctx, facts, order)
}

// decide asks which of the fitting plans is best; nil where there is no decision.
func (flow *workflow) decide(ctx context.Context, facts *told, fitting offer, about question) (*plan, int, error) {
	request := &pb.DecideRequest{
		IdempotencyKey: flow.runID + "/select_plan", RunId: flow.runID, Workflow: workflowName, Step: "select_plan", Context: document(about),
	}
	for _, one := range fitting.Plans {
		request.AllowedOptions = append(request.AllowedOptions, one.Plan)
	}
	answer, err := flow.client.DecideUntilEnded(ctx, request, flow.patience)
	if err != nil {
		return nil, codeError, err
	}
	decision := answer.GetDecision()
	facts.DecisionID, facts.Reasons = &decision.DecisionId, codesOf(decision.GetReasons())
	switch decision.GetStatus() {
	case pb.DecisionStatus_DECISION_STATUS_DECIDED:
		facts.Option = &decision.Option
		for _, one := range fitting.Plans {
			if one.Plan == decision.GetOption() {
				return &one, codeSucceeded, nil
			}
		}
		return nil, codeError, fmt.Errorf("the decision names %q, which was not among the options", decision.GetOption())
	case pb.DecisionStatus_DECISION_STATUS_ABSTAINED, pb.DecisionStatus_DECISION_STATUS_STOPPED:
		note := "no decision: " + strings.TrimPrefix(decision.GetStop().String(), "DECIDE_STOP_")
		return nil, codeNoDecision, flow.finish(ctx, facts, pb.RunStop_RUN_STOP_FAILED, note)
	default:
		return nil, codeNotKnown, nil
	}
}

// commit sends the one write, and finishes the run where that came to an end.
func (flow *workflow) commit(ctx context.Context, facts *told, what order) (int, error) {
	answer, err := flow.client.CommitUntilEnded(ctx, &pb.CommitRequest{
		IdempotencyKey: flow.runID + "/select_plan/activate_plan", RunId: flow.runID, Workflow: workflowName, Step: "select_plan",
		Action: "activate_plan", DecisionId: *facts.DecisionID, Payload: document(what),
	}, flow.patience)
	if err != nil {
		return codeError, err
	}
	commit := answer.GetCommit()
	outcome := strings.TrimPrefix(commit.GetOutcome().String(), "OUTCOME_")
	facts.CommitID, facts.Outcome, facts.Replayed, facts.Reasons = &commit.CommitId, &outcome, answer.GetReplayed(), codesOf(commit.GetReasons())
	switch commit.GetOutcome() {
	case pb.Outcome_OUTCOME_SUCCEEDED:
		return codeSucceeded, flow.finish(ctx, facts, pb.RunStop_RUN_STOP_FINAL_RESULT, "")
	case pb.Outcome_OUTCOME_DENIED:
		return codeDenied, flow.finish(ctx, facts, pb.RunStop_RUN_STOP_FAILED, outcome)
	case pb.Outcome_OUTCOME_FAILED:
		return codeFailed, flow.finish(ctx, facts, pb.RunStop_RUN_STOP_FAILED, outcome)
	default:
		return codeNotKnown, nil
	}
}

func (flow *workflow) finish(ctx context.Context, facts *told, stop pb.RunStop, note string) error {
	name := strings.TrimPrefix(stop.String(), "RUN_STOP_")
	answer, err := flow.client.FinishRunUntilAnswered(ctx, &pb.FinishRunRequest{
		IdempotencyKey: flow.runID + "/finish/" + name, RunId: flow.runID, Workflow: workflowName, Stop: stop, Note: note,
	}, flow.patience)
	if err == nil {
		first := strings.TrimPrefix(answer.GetRun().GetStop().String(), "RUN_STOP_") // a run stopped earlier keeps its first stop
		facts.Stop = &first
	}
	return err
}

// take takes a deterministic step: what it found is recorded, and what was recorded first stands.
func take[Found any](ctx context.Context, flow *workflow, name string, work func() (Found, error)) (Found, error) {
	found, err := work()
	if err != nil {
		return found, err
	}
	stands, err := flow.client.TakeStep(ctx, &pb.RecordStepRequest{
		IdempotencyKey: flow.runID + "/" + name, RunId: flow.runID, Workflow: workflowName, Step: name, Result: document(found),
	}, flow.patience)
	if err != nil {
		return found, err
	}
	var first Found
	return first, json.Unmarshal(stands, &first)
}

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}
