package countersign

import (
	"context"
	"fmt"

	pb "countersign.dev/clients/go/countersign/v1"
)

const (
	pageSize = 50
	pagesMax = 1000
)

// StepNotCounted says that the run has stopped or is out of steps, so that a deterministic step was not recorded.
type StepNotCounted struct {
	Step    string
	Reasons []*pb.ReasonDetail
}

func (missing *StepNotCounted) Error() string {
	return fmt.Sprintf("countersign: step %s was not counted: %v", missing.Step, missing.Reasons)
}

// TakeStep records what a deterministic step found and returns the result that stands: this one, or, where the same run had recorded something
// else before, what it found the first time. A run goes on from its own record.
func (client *Client) TakeStep(ctx context.Context, request *pb.RecordStepRequest, patience Patience) ([]byte, error) {
	answer, err := client.RecordStepUntilAnswered(ctx, request, patience)
	if refusal, refused := AsRefusal(err); refused && refusal.Reason == pb.Reason_REASON_IDEMPOTENCY_KEY_REUSED {
		return client.firstResult(ctx, request, err)
	}
	if err != nil {
		return nil, err
	}
	if len(answer.GetReasons()) > 0 {
		return nil, &StepNotCounted{Step: request.GetStep(), Reasons: answer.GetReasons()}
	}
	return request.GetResult(), nil
}

// firstResult reads the one record of the step from the run's trace; without exactly one, refused stands.
func (client *Client) firstResult(ctx context.Context, request *pb.RecordStepRequest, refused error) ([]byte, error) {
	trace, err := client.Trace(ctx, request.GetWorkflow(), request.GetRunId())
	if err != nil {
		return nil, err
	}
	var results [][]byte
	for _, entry := range trace {
		if entry.GetKind() == pb.EntryKind_ENTRY_KIND_STEP_RECORDED && entry.GetStep() == request.GetStep() {
			results = append(results, entry.GetResult())
		}
	}
	if len(results) != 1 {
		return nil, refused
	}
	return results[0], nil
}

// Trace is everything that happened in a run, oldest first; it reads page after page.
func (client *Client) Trace(ctx context.Context, workflow, runID string) ([]*pb.TraceEntry, error) {
	request := &pb.GetRunRequest{Workflow: workflow, RunId: runID, PageSize: pageSize}
	var entries []*pb.TraceEntry
	for range pagesMax {
		page, err := client.GetRun(ctx, request)
		if err != nil {
			return nil, err
		}
		entries = append(entries, page.GetEntries()...)
		if page.GetNextPageToken() == "" {
			return entries, nil
		}
		request.PageToken = page.GetNextPageToken()
	}
	return nil, fmt.Errorf("countersign: the trace of run %s did not end within %d pages of %d", runID, pagesMax, pageSize)
}
