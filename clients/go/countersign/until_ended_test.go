package countersign

import (
	"context"
	"fmt"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	pb "countersign.dev/clients/go/countersign/v1"
)

const (
	succeeded  = pb.Outcome_OUTCOME_SUCCEEDED
	failed     = pb.Outcome_OUTCOME_FAILED
	denied     = pb.Outcome_OUTCOME_DENIED
	unknown    = pb.Outcome_OUTCOME_UNKNOWN
	inProgress = pb.Outcome_OUTCOME_IN_PROGRESS
)

func write(supersedes string) *pb.CommitRequest {
	return &pb.CommitRequest{
		IdempotencyKey: "r-1/select_plan/activate_plan", Supersedes: supersedes, RunId: "r-1", Workflow: "subscribe",
		Step: "select_plan", Action: "activate_plan", DecisionId: "d-1", Payload: []byte(`{"plan":"team_pro"}`),
	}
}

func wait(id string) *pb.WaitCommitRequest {
	return &pb.WaitCommitRequest{Name: &pb.WaitCommitRequest_CommitId{CommitId: id}}
}

func notReached() *pb.ReasonDetail {
	return because(pb.Reason_REASON_HOST_NOT_REACHED, pb.Retry_RETRY_AFTER, 2*time.Second)
}

func repeated(reply any, times int) []any {
	replies := make([]any, times)
	for index := range replies {
		replies[index] = reply
	}
	return replies
}

// TestCommitUntilEnded: what the loop sends, with which key, and what it ends with.
func TestCommitUntilEnded(t *testing.T) {
	busy := refusal(codes.ResourceExhausted, "OVERLOADED", 3*time.Second)
	cases := map[string]struct {
		replies  []any
		patience Patience
		outcome  pb.Outcome // unspecified: an error
		refused  string
		sent     []proto.Message
	}{
		"success is one request": {replies: []any{committed(succeeded, "c-1")}, outcome: succeeded, sent: []proto.Message{write("")}},
		"in progress is waited for": {
			replies: []any{committed(inProgress, "c-1"), waited(inProgress, "c-1"), waited(succeeded, "c-1")},
			outcome: succeeded, sent: []proto.Message{write(""), wait("c-1"), wait("c-1")},
		},
		"unknown is waited for, never sent again": {
			replies: []any{committed(unknown, "c-1"), waited(unknown, "c-1"), waited(succeeded, "c-1")}, patience: Patience{Supersede: true},
			outcome: succeeded, sent: []proto.Message{write(""), wait("c-1"), wait("c-1")},
		},
		"an outcome newer than this client is waited for": {
			replies: []any{committed(pb.Outcome(99), "c-1"), waited(succeeded, "c-1")},
			outcome: succeeded, sent: []proto.Message{write(""), wait("c-1")},
		},
		"unknown to the end is returned": {
			replies: append([]any{committed(unknown, "c-1")}, repeated(waited(unknown, "c-1"), 9)...), patience: Patience{GiveUpAfter: 300 * time.Millisecond},
			outcome: unknown, sent: []proto.Message{write(""), wait("c-1"), wait("c-1")},
		},
		"waiting without an answer returns what is known": {
			replies: append([]any{committed(unknown, "c-1")}, repeated(unstamped(codes.Unavailable), 9)...), patience: Patience{GiveUpAfter: 300 * time.Millisecond},
			outcome: unknown, sent: []proto.Message{write(""), wait("c-1"), wait("c-1")},
		},
		"no answer means the same request again": {
			replies: []any{unstamped(codes.Unavailable), unstamped(codes.DeadlineExceeded), unstamped(codes.Internal), committed(succeeded, "c-1")},
			outcome: succeeded, sent: []proto.Message{write(""), write(""), write(""), write("")},
		},
		"a passing refusal is asked again": {
			replies: []any{busy, committed(succeeded, "c-1")}, outcome: succeeded, sent: []proto.Message{write(""), write("")},
		},
		"a refusal for good is returned at once": {
			replies: []any{refusal(codes.InvalidArgument, "MALFORMED", 0)}, refused: "MALFORMED", sent: []proto.Message{write("")},
		},
		"a refusal after a send without answer is no refusal of the whole": {
			replies: []any{unstamped(codes.Unavailable), refusal(codes.Unauthenticated, "NOT_AUTHENTICATED", 0)},
			sent:    []proto.Message{write(""), write("")},
		},
		"advice beyond the end ends at once": {
			replies: []any{busy}, patience: Patience{GiveUpAfter: 2 * time.Second}, refused: "OVERLOADED", sent: []proto.Message{write("")},
		},
		"sends are bounded": {
			replies: repeated(unstamped(codes.Unavailable), 9), patience: Patience{GiveUpAfter: time.Hour, SendsMax: 3},
			sent: []proto.Message{write(""), write(""), write("")},
		},
		"who is no gateway is not asked again": {replies: []any{unstamped(codes.Unimplemented)}, sent: []proto.Message{write("")}},
		"a denial for good is the end": {
			replies: []any{committed(denied, "c-1", because(pb.Reason_REASON_RUN_STOPPED, pb.Retry_RETRY_NEVER, 0))}, patience: Patience{Supersede: true},
			outcome: denied, sent: []proto.Message{write("")},
		},
		"one reason that needs a change is the end": {
			replies: []any{committed(denied, "c-1", notReached(), because(pb.Reason_REASON_HALTED, pb.Retry_RETRY_WHEN_CHANGED, 0))}, patience: Patience{Supersede: true},
			outcome: denied, sent: []proto.Message{write("")},
		},
		"a failure without a reason is the end": {
			replies: []any{committed(failed, "c-1")}, patience: Patience{Supersede: true}, outcome: failed, sent: []proto.Message{write("")},
		},
		"superseding is opted in": {replies: []any{committed(failed, "c-1", notReached())}, outcome: failed, sent: []proto.Message{write("")}},
		"superseding keeps the key and names the generation": {
			replies: []any{
				committed(failed, "c-1", notReached()), unstamped(codes.Unavailable), committed(inProgress, "c-2"), waited(succeeded, "c-2"),
			},
			patience: Patience{Supersede: true}, outcome: succeeded, sent: []proto.Message{write(""), write("c-1"), write("c-1"), wait("c-2")},
		},
		"a superseding send without answer does not return the old failure": {
			replies: append([]any{committed(failed, "c-1", notReached())}, repeated(unstamped(codes.Unavailable), 9)...), patience: Patience{Supersede: true, SendsMax: 3},
			sent: []proto.Message{write(""), write("c-1"), write("c-1")},
		},
	}
	for name, one := range cases {
		t.Run(name, func(t *testing.T) {
			gateway := newGateway(t, one.replies...)
			client, _ := connected(t, gateway)
			request := write("")

			answer, err := client.CommitUntilEnded(context.Background(), request, one.patience)

			if one.outcome == pb.Outcome_OUTCOME_UNSPECIFIED && err == nil {
				t.Fatalf("answer %v, expected an error", answer)
			}
			if one.outcome != pb.Outcome_OUTCOME_UNSPECIFIED && (err != nil || answer.GetCommit().GetOutcome() != one.outcome) {
				t.Fatalf("answer %v, error %v, expected %v", answer, err, one.outcome)
			}
			if refusal, refused := AsRefusal(err); refused != (one.refused != "") || (refused && refusal.Code != one.refused) {
				t.Fatalf("refusal %v, expected %q", refusal, one.refused)
			}
			if IsUnclear(err) != (err != nil && one.refused == "") {
				t.Fatalf("error %v, unclear %v", err, IsUnclear(err))
			}
			expectSent(t, gateway, one.sent)
			if !proto.Equal(request, write("")) {
				t.Fatal("the caller's request was changed")
			}
		})
	}
}

// TestAdvice: never sooner than the gateway said.
func TestAdvice(t *testing.T) {
	gateway := newGateway(t, refusal(codes.Unavailable, "NOT_READY", 3*time.Second), committed(failed, "c-1", notReached()), committed(succeeded, "c-2"))
	client, clock := connected(t, gateway)

	_, err := client.CommitUntilEnded(context.Background(), write(""), Patience{Supersede: true})

	if err != nil || len(clock.rests) != 2 || clock.rests[0] <= 3*time.Second || clock.rests[1] <= 2*time.Second {
		t.Fatalf("rests %v, error %v", clock.rests, err)
	}
}

// TestTimeLeft: a question has no more time than the loop has left.
func TestTimeLeft(t *testing.T) {
	gateway := newGateway(t, refusal(codes.Unavailable, "NOT_READY", 4*time.Second), committed(succeeded, "c-1"))
	client, _ := connected(t, gateway)

	_, err := client.CommitUntilEnded(context.Background(), write(""), Patience{GiveUpAfter: 6 * time.Second})

	sent := gateway.sent()
	if err != nil || len(sent) != 2 || sent[0].remaining.Round(time.Second) != 6*time.Second || sent[1].remaining.Round(time.Second) != 2*time.Second {
		t.Fatalf("sent %v, error %v", sent, err)
	}
}

// TestCancelled: a caller that leaves gets its own error, and nothing more is sent.
func TestCancelled(t *testing.T) {
	gateway := newGateway(t, committed(unknown, "c-1"))
	client, _ := connected(t, gateway)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()

	_, err := client.CommitUntilEnded(ctx, write(""), Patience{})

	if err == nil || len(gateway.sent()) != 0 {
		t.Fatalf("sent %v, error %v", gateway.sent(), err)
	}
}

func question(supersedes string) *pb.DecideRequest {
	return &pb.DecideRequest{IdempotencyKey: "r-1/select_plan", Supersedes: supersedes, RunId: "r-1", Workflow: "subscribe", Step: "select_plan"}
}

func decision(status pb.DecisionStatus, stop pb.DecideStop, id string) *pb.DecideResponse {
	return &pb.DecideResponse{Decision: &pb.Decision{DecisionId: id, Status: status, Stop: stop}}
}

// TestDecideUntilEnded: the same key to the end, a new generation only on demand and for a passing cause.
func TestDecideUntilEnded(t *testing.T) {
	const (
		decided = pb.DecisionStatus_DECISION_STATUS_DECIDED
		stopped = pb.DecisionStatus_DECISION_STATUS_STOPPED
		think   = pb.DecisionStatus_DECISION_STATUS_IN_PROGRESS
	)
	final, lost, halted := pb.DecideStop_DECIDE_STOP_FINAL_RESULT, pb.DecideStop_DECIDE_STOP_LOST, pb.DecideStop_DECIDE_STOP_HALTED
	cases := map[string]struct {
		replies  []any
		patience Patience
		status   pb.DecisionStatus
		sent     []proto.Message
	}{
		"thinking is asked after with the same request": {
			replies: []any{decision(think, 0, "d-1"), unstamped(codes.Unavailable), decision(decided, final, "d-1")}, patience: Patience{SendsMax: 1},
			status: decided, sent: []proto.Message{question(""), question(""), question("")},
		},
		"a lost decision is superseded on demand": {
			replies: []any{decision(stopped, lost, "d-1"), decision(think, 0, "d-2"), decision(decided, final, "d-2")}, patience: Patience{Supersede: true},
			status: decided, sent: []proto.Message{question(""), question("d-1"), question("d-1")},
		},
		"only on demand":    {replies: []any{decision(stopped, lost, "d-1")}, status: stopped, sent: []proto.Message{question("")}},
		"a halt is the end": {replies: []any{decision(stopped, halted, "d-1")}, patience: Patience{Supersede: true}, status: stopped, sent: []proto.Message{question("")}},
	}
	for name, one := range cases {
		t.Run(name, func(t *testing.T) {
			gateway := newGateway(t, one.replies...)
			client, _ := connected(t, gateway)

			answer, err := client.DecideUntilEnded(context.Background(), question(""), one.patience)

			if err != nil || answer.GetDecision().GetStatus() != one.status {
				t.Fatalf("answer %v, error %v, expected %v", answer, err, one.status)
			}
			expectSent(t, gateway, one.sent)
		})
	}
}

// TestRecordsAreSentAgain: RecordStep and FinishRun carry keys, so no answer means the same request again.
func TestRecordsAreSentAgain(t *testing.T) {
	step := &pb.RecordStepRequest{IdempotencyKey: "r-1/read_account", RunId: "r-1", Workflow: "subscribe", Step: "read_account", Result: []byte("12")}
	end := &pb.FinishRunRequest{IdempotencyKey: "r-1/finish/FINAL_RESULT", RunId: "r-1", Workflow: "subscribe", Stop: pb.RunStop_RUN_STOP_FINAL_RESULT}
	gateway := newGateway(t, unstamped(codes.Unavailable), &pb.RecordStepResponse{StepsLeft: 4}, unstamped(codes.Unavailable), &pb.FinishRunResponse{})
	client, _ := connected(t, gateway)

	recorded, stepErr := client.RecordStepUntilAnswered(context.Background(), step, Patience{})
	_, endErr := client.FinishRunUntilAnswered(context.Background(), end, Patience{})

	if stepErr != nil || endErr != nil || recorded.GetStepsLeft() != 4 {
		t.Fatalf("recorded %v, errors %v, %v", recorded, stepErr, endErr)
	}
	expectSent(t, gateway, []proto.Message{step, step, end, end})
}

func expectSent(t *testing.T, gateway *scriptedGateway, expected []proto.Message) {
	t.Helper()
	sent := gateway.sent()
	if len(sent) != len(expected) {
		t.Fatalf("%d requests, expected %d: %v", len(sent), len(expected), methods(sent))
	}
	for index, one := range sent {
		if !proto.Equal(one.request, expected[index]) {
			t.Fatalf("request %d is %v, expected %v", index, one.request, expected[index])
		}
	}
}

func methods(sent []seen) string {
	names := make([]string, 0, len(sent))
	for _, one := range sent {
		names = append(names, one.method)
	}
	return fmt.Sprint(names)
}
