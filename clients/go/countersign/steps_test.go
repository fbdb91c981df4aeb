package countersign

import (
	"context"
	"errors"
	"testing"

	"google.golang.org/grpc/codes"

	pb "countersign.dev/clients/go/countersign/v1"
)

func step() *pb.RecordStepRequest {
	return &pb.RecordStepRequest{IdempotencyKey: "r-1/read_account", RunId: "r-1", Workflow: "subscribe", Step: "read_account", Result: []byte(`"now"`)}
}

func recorded(name, result string) *pb.TraceEntry {
	return &pb.TraceEntry{Kind: pb.EntryKind_ENTRY_KIND_STEP_RECORDED, Step: name, Result: []byte(result)}
}

// TestTakeStep: what a step found stands; taken again, what it found first.
func TestTakeStep(t *testing.T) {
	reused := refusal(codes.FailedPrecondition, "IDEMPOTENCY_KEY_REUSED", 0)
	cases := map[string]struct {
		replies []any
		result  string // empty: refused
	}{
		"found now": {replies: []any{&pb.RecordStepResponse{}}, result: `"now"`},
		"found first, on the second page": {
			replies: []any{
				reused, &pb.GetRunResponse{Entries: []*pb.TraceEntry{recorded("keep_fitting", "[]")}, NextPageToken: "2"},
				&pb.GetRunResponse{Entries: []*pb.TraceEntry{recorded("read_account", `"first"`), {Kind: pb.EntryKind_ENTRY_KIND_DECISION, Step: "read_account"}}},
			},
			result: `"first"`,
		},
		"no record":   {replies: []any{reused, &pb.GetRunResponse{}}},
		"two records": {replies: []any{reused, &pb.GetRunResponse{Entries: []*pb.TraceEntry{recorded("read_account", "1"), recorded("read_account", "2")}}}},
	}
	for name, one := range cases {
		t.Run(name, func(t *testing.T) {
			gateway := newGateway(t, one.replies...)
			client, _ := connected(t, gateway)

			result, err := client.TakeStep(context.Background(), step(), Patience{})

			_, refused := AsRefusal(err)
			if string(result) != one.result || refused != (one.result == "") || len(gateway.sent()) != len(one.replies) {
				t.Fatalf("result %s, error %v, sent %s", result, err, methods(gateway.sent()))
			}
		})
	}
}

// TestStepNotCounted: once the run has stopped, the next step is an error with the gateway's reasons.
func TestStepNotCounted(t *testing.T) {
	gateway := newGateway(t, &pb.RecordStepResponse{Reasons: []*pb.ReasonDetail{because(pb.Reason_REASON_RUN_STOPPED, pb.Retry_RETRY_NEVER, 0)}})
	client, _ := connected(t, gateway)

	_, err := client.TakeStep(context.Background(), step(), Patience{})

	var missing *StepNotCounted
	if !errors.As(err, &missing) || missing.Step != "read_account" || missing.Reasons[0].GetReason() != pb.Reason_REASON_RUN_STOPPED {
		t.Fatalf("error %v", err)
	}
}
