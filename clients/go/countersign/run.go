package countersign

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	pb "countersign.dev/clients/go/countersign/v1"
)

// Run is one execution of a workflow. Its keys are made of its id and names of the workflow's own, never of a clock, a counter or chance, and are those
// of the Python client: RUN/STEP for a decision and a recorded step, RUN/STEP/ACTION for a commit, RUN/finish/STOP for the end. The same run, started
// again, asks the same questions and gets the same answers; nothing is written twice. Choose an id that is unique in the tenant.
type Run struct {
	client       *Client
	patience     Patience
	workflow, id string
}

// Run names one execution of a workflow. Nothing is sent yet.
func (client *Client) Run(workflow, id string, patience Patience) *Run {
	return &Run{client: client, patience: patience, workflow: workflow, id: id}
}

// NotOffered says that a decision names an option that was not among those the workflow offered: nothing may be done with it.
type NotOffered struct{ Step, Option string }

func (wrong *NotOffered) Error() string {
	return fmt.Sprintf("countersign: the decision of step %s names %q, which was not among the options", wrong.Step, wrong.Option)
}

// Step takes a deterministic step: calls work and records what it found. Taken again in the same run and finding something else, it returns what
// it found the first time: a run goes on from its own record.
func Step[Found any](ctx context.Context, run *Run, name string, work func() (Found, error)) (Found, error) {
	var first, none Found
	found, err := work()
	if err != nil {
		return none, err
	}
	result, err := document(found)
	if err != nil {
		return none, err
	}
	stands, err := run.client.TakeStep(ctx, &pb.RecordStepRequest{
		IdempotencyKey: run.id + "/" + name, RunId: run.id, Workflow: run.workflow, Step: name, Result: result,
	}, run.patience)
	if err != nil {
		return none, err
	}
	return first, json.Unmarshal(stands, &first)
}

// Decide lets the bounded agent decide an agentic step, among options (all that the step declares where there are none). Branch on the decision's
// status: only DECIDED has an option.
func (run *Run) Decide(ctx context.Context, step string, about any, options ...string) (*pb.Decision, error) {
	told, err := document(about)
	if err != nil {
		return nil, err
	}
	answer, err := run.client.DecideUntilEnded(ctx, &pb.DecideRequest{
		IdempotencyKey: run.id + "/" + step, RunId: run.id, Workflow: run.workflow, Step: step, Context: told, AllowedOptions: options,
	}, run.patience)
	if err != nil {
		return nil, err
	}
	decision := answer.GetDecision()
	if Decided(decision) && len(options) > 0 && !slices.Contains(options, decision.GetOption()) {
		return nil, &NotOffered{Step: step, Option: decision.GetOption()}
	}
	return decision, nil
}

// Decided says that one allowed option was chosen.
func Decided(decision *pb.Decision) bool {
	return decision.GetStatus() == pb.DecisionStatus_DECISION_STATUS_DECIDED
}

// Commit has one write judged and forwarded, as decision (nil where none is needed) says. Branch on the outcome.
func (run *Run) Commit(ctx context.Context, action, step string, decision *pb.Decision, payload any) (*pb.CommitResponse, error) {
	written, err := document(payload)
	if err != nil {
		return nil, err
	}
	return run.client.CommitUntilEnded(ctx, &pb.CommitRequest{
		IdempotencyKey: run.id + "/" + step + "/" + action, RunId: run.id, Workflow: run.workflow, Step: step, Action: action,
		DecisionId: decision.GetDecisionId(), Payload: written,
	}, run.patience)
}

// Finish ends the run and returns the stop that stands: a run stopped earlier keeps its first.
func (run *Run) Finish(ctx context.Context, stop pb.RunStop, note string) (pb.RunStop, error) {
	answer, err := run.client.FinishRunUntilAnswered(ctx, &pb.FinishRunRequest{
		IdempotencyKey: run.id + "/finish/" + Name(stop), RunId: run.id, Workflow: run.workflow, Stop: stop, Note: note,
	}, run.patience)
	return answer.GetRun().GetStop(), err
}

// Conclude ends the run as its last answer says: FINAL_RESULT for a commit that succeeded (without one: for a decision), FAILED for what definitely did
// not come. UNSPECIFIED where that is not known yet: the run stays open, and run again with the same id it goes on. A commit is nil where there was none.
func (run *Run) Conclude(ctx context.Context, decision *pb.Decision, commit *pb.Commit) (pb.RunStop, error) {
	outcome, status := commit.GetOutcome(), decision.GetStatus()
	switch {
	case outcome == pb.Outcome_OUTCOME_SUCCEEDED, commit == nil && Decided(decision):
		return run.Finish(ctx, pb.RunStop_RUN_STOP_FINAL_RESULT, "")
	case outcome == pb.Outcome_OUTCOME_FAILED, outcome == pb.Outcome_OUTCOME_DENIED:
		return run.Finish(ctx, pb.RunStop_RUN_STOP_FAILED, Name(outcome))
	case commit == nil && (status == pb.DecisionStatus_DECISION_STATUS_ABSTAINED || status == pb.DecisionStatus_DECISION_STATUS_STOPPED):
		return run.Finish(ctx, pb.RunStop_RUN_STOP_FAILED, "no decision: "+Name(decision.GetStop()))
	default:
		return pb.RunStop_RUN_STOP_UNSPECIFIED, nil
	}
}

// Leave is for when the workflow is left by err: it finishes the run FAILED, noting the error's type and nothing of its text, and returns err. Where the
// workflow only could not get through (IsUnclear, a refusal that can pass, ctx ended) the run stays open: started again with the same id, it goes on.
// Leaving it without an error sends nothing.
func (run *Run) Leave(ctx context.Context, err error) error {
	refusal, refused := AsRefusal(err)
	if err == nil || ctx.Err() != nil || IsUnclear(err) || (refused && refusal.Passing()) {
		return err
	}
	if _, unfinished := run.Finish(ctx, pb.RunStop_RUN_STOP_FAILED, fmt.Sprintf("%T", err)); unfinished != nil {
		return fmt.Errorf("%w (run %s could not be finished: %v)", err, run.id, unfinished)
	}
	return err
}

// Name is a code of the contract without its prefix: RUN_STOP_FAILED is FAILED. UNSPECIFIED is also a code newer than this client.
func Name(code protoreflect.Enum) string {
	values := code.Descriptor().Values()
	unspecified := string(values.ByNumber(0).Name())
	known := values.ByNumber(code.Number())
	if known == nil {
		return "UNSPECIFIED"
	}
	return strings.TrimPrefix(string(known.Name()), strings.TrimSuffix(unspecified, "UNSPECIFIED"))
}

// document is the value as compact JSON: made once, the bytes that travel.
func document(value any) ([]byte, error) {
	var written bytes.Buffer
	encoder := json.NewEncoder(&written)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, fmt.Errorf("countersign: %w", err)
	}
	return bytes.TrimSuffix(written.Bytes(), []byte("\n")), nil
}
