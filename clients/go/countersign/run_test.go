package countersign

import (
	"context"
	"errors"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	pb "countersign.dev/clients/go/countersign/v1"
)

func decided(option string) *pb.DecideResponse {
	return &pb.DecideResponse{Decision: &pb.Decision{DecisionId: "d-7", Status: pb.DecisionStatus_DECISION_STATUS_DECIDED, Option: option}}
}

func undecided(status pb.DecisionStatus) *pb.Decision {
	return &pb.Decision{DecisionId: "d-7", Status: status, Stop: pb.DecideStop_DECIDE_STOP_ABSTAINED}
}

func finished(stop pb.RunStop) *pb.FinishRunResponse {
	return &pb.FinishRunResponse{Run: &pb.Run{Stop: stop}}
}

func finish(stop pb.RunStop, note string) *pb.FinishRunRequest {
	return &pb.FinishRunRequest{IdempotencyKey: "r-1/finish/" + Name(stop), RunId: "r-1", Workflow: "subscribe", Stop: stop, Note: note}
}

func walking(t *testing.T, replies ...any) (*Run, *scriptedGateway) {
	t.Helper()
	gateway := newGateway(t, replies...)
	client, _ := connected(t, gateway)
	return client.Run("subscribe", "r-1", Patience{}), gateway
}

// TestARunWalksTheStages: each call carries run, workflow and a key made of names alone; documents are compact and nothing in them is escaped.
func TestARunWalksTheStages(t *testing.T) {
	final := pb.RunStop_RUN_STOP_FINAL_RESULT
	run, gateway := walking(t, &pb.RecordStepResponse{}, decided("team_pro"), committed(pb.Outcome_OUTCOME_SUCCEEDED, "c-1"), finished(final))
	ctx := context.Background()

	seats, stepped := Step(ctx, run, "read_account", func() (map[string]int, error) { return map[string]int{"<seats>": 12}, nil })
	decision, chosen := run.Decide(ctx, "select_plan", seats, "team_pro", "enterprise")
	answer, wrote := run.Commit(ctx, "activate_plan", "select_plan", decision, map[string]string{"plan": decision.GetOption()})
	stop, ended := run.Conclude(ctx, decision, answer.GetCommit())

	if err := errors.Join(stepped, chosen, wrote, ended); err != nil || stop != final {
		t.Fatalf("stop %v, error %v", stop, err)
	}
	expected := []proto.Message{
		&pb.RecordStepRequest{IdempotencyKey: "r-1/read_account", RunId: "r-1", Workflow: "subscribe", Step: "read_account", Result: []byte(`{"<seats>":12}`)},
		&pb.DecideRequest{
			IdempotencyKey: "r-1/select_plan", RunId: "r-1", Workflow: "subscribe", Step: "select_plan", Context: []byte(`{"<seats>":12}`),
			AllowedOptions: []string{"team_pro", "enterprise"},
		},
		&pb.CommitRequest{
			IdempotencyKey: "r-1/select_plan/activate_plan", RunId: "r-1", Workflow: "subscribe", Step: "select_plan", Action: "activate_plan",
			DecisionId: "d-7", Payload: []byte(`{"plan":"team_pro"}`),
		},
		finish(final, ""),
	}
	for index, one := range gateway.sent() {
		if !proto.Equal(one.request, expected[index]) {
			t.Errorf("request %d is %v, expected %v", index, one.request, expected[index])
		}
	}
}

// TestAStepGoesOnFromTheRecord: the world has changed since; the run has not. A step that finds nothing records nothing.
func TestAStepGoesOnFromTheRecord(t *testing.T) {
	reused := refusal(codes.FailedPrecondition, "IDEMPOTENCY_KEY_REUSED", 0)
	run, gateway := walking(t, reused, &pb.GetRunResponse{Entries: []*pb.TraceEntry{recorded("read_account", `{"seats":12}`)}})
	lost := errors.New("no account")

	found, err := Step(context.Background(), run, "read_account", func() (map[string]int, error) { return map[string]int{"seats": 13}, nil })
	_, failed := Step(context.Background(), run, "read_account", func() (int, error) { return 0, lost })
	_, unwritable := Step(context.Background(), run, "read_account", func() (chan int, error) { return nil, nil })

	if err != nil || found["seats"] != 12 || !errors.Is(failed, lost) || unwritable == nil || len(gateway.sent()) != 2 {
		t.Fatalf("found %v, errors %v, %v, %v, sent %s", found, err, failed, unwritable, methods(gateway.sent()))
	}
}

// TestAnOptionThatWasNotOffered is no decision: whatever answered, it was no sound gateway. Where nothing was offered, the boundary's list is not known here.
func TestAnOptionThatWasNotOffered(t *testing.T) {
	run, _ := walking(t, decided("platinum"), decided("platinum"))

	_, err := run.Decide(context.Background(), "select_plan", nil, "team_pro")
	free, unknown := run.Decide(context.Background(), "select_plan", nil)

	var wrong *NotOffered
	if !errors.As(err, &wrong) || wrong.Option != "platinum" || wrong.Step != "select_plan" || unknown != nil || !Decided(free) {
		t.Fatalf("errors %v, %v", err, unknown)
	}
}

// TestConclude: ended where that is known, with the stop that stands; else nothing is sent and the run stays open.
func TestConclude(t *testing.T) {
	final, failed := pb.RunStop_RUN_STOP_FINAL_RESULT, pb.RunStop_RUN_STOP_FAILED
	plain := decided("team_pro").GetDecision()
	cases := map[string]struct {
		decision *pb.Decision
		commit   *pb.Commit
		finish   *pb.FinishRunRequest
	}{
		"succeeded":                  {plain, &pb.Commit{Outcome: pb.Outcome_OUTCOME_SUCCEEDED}, finish(final, "")},
		"succeeded without decision": {nil, &pb.Commit{Outcome: pb.Outcome_OUTCOME_SUCCEEDED}, finish(final, "")},
		"denied":                     {plain, &pb.Commit{Outcome: pb.Outcome_OUTCOME_DENIED}, finish(failed, "DENIED")},
		"failed":                     {plain, &pb.Commit{Outcome: pb.Outcome_OUTCOME_FAILED}, finish(failed, "FAILED")},
		"unknown":                    {plain, &pb.Commit{Outcome: pb.Outcome_OUTCOME_UNKNOWN}, nil},
		"an outcome newer than this": {plain, &pb.Commit{Outcome: 99}, nil},
		"decided":                    {plain, nil, finish(final, "")},
		"abstained":                  {undecided(pb.DecisionStatus_DECISION_STATUS_ABSTAINED), nil, finish(failed, "no decision: ABSTAINED")},
		"stopped":                    {undecided(pb.DecisionStatus_DECISION_STATUS_STOPPED), nil, finish(failed, "no decision: ABSTAINED")},
		"thinking":                   {undecided(pb.DecisionStatus_DECISION_STATUS_IN_PROGRESS), nil, nil},
		"nothing":                    {nil, nil, nil},
	}
	for name, one := range cases {
		t.Run(name, func(t *testing.T) {
			run, gateway := walking(t, finished(pb.RunStop_RUN_STOP_TIMEOUT))

			stop, err := run.Conclude(context.Background(), one.decision, one.commit)

			sent := gateway.sent()
			if one.finish == nil {
				if err != nil || stop != pb.RunStop_RUN_STOP_UNSPECIFIED || len(sent) != 0 {
					t.Fatalf("stop %v, error %v, sent %s", stop, err, methods(sent))
				}
				return
			}
			if err != nil || stop != pb.RunStop_RUN_STOP_TIMEOUT || len(sent) != 1 || !proto.Equal(sent[0].request, one.finish) {
				t.Fatalf("stop %v, error %v, sent %v", stop, err, sent)
			}
		})
	}
}

// TestLeave: an error of the workflow's own ends the run, with its type and not its text; not getting through leaves it open.
func TestLeave(t *testing.T) {
	own := errors.New("secret")
	passed, cancel := context.WithCancel(context.Background())
	cancel()
	cases := map[string]struct {
		ctx   context.Context
		err   error
		sends bool
	}{
		"no error":           {context.Background(), nil, false},
		"its own":            {context.Background(), own, true},
		"a refusal for good": {context.Background(), refusal(codes.InvalidArgument, "UNDECLARED", 0), true},
		"a passing refusal":  {context.Background(), refusal(codes.Unavailable, "NOT_READY", 0), false},
		"unclear":            {context.Background(), unstamped(codes.Unavailable), false},
		"given up":           {passed, own, false},
	}
	for name, one := range cases {
		t.Run(name, func(t *testing.T) {
			run, gateway := walking(t, finished(pb.RunStop_RUN_STOP_FAILED))

			err := run.Leave(one.ctx, one.err)

			sent := gateway.sent()
			if !errors.Is(err, one.err) || (len(sent) == 1) != one.sends {
				t.Fatalf("error %v, sent %s", err, methods(sent))
			}
			if !one.sends {
				return
			}
			request, ok := sent[0].request.(*pb.FinishRunRequest)
			if !ok || request.GetStop() != pb.RunStop_RUN_STOP_FAILED || !strings.HasPrefix(request.GetNote(), "*") || strings.Contains(request.GetNote(), "secret") {
				t.Fatalf("sent %v", sent[0].request)
			}
		})
	}
}

// TestLeaveUnfinished: a run that cannot be finished does not hide the error of the workflow.
func TestLeaveUnfinished(t *testing.T) {
	own := errors.New("own")
	run, _ := walking(t, refusal(codes.PermissionDenied, "NOT_ALLOWED", 0))

	err := run.Leave(context.Background(), own)

	if !errors.Is(err, own) || !strings.Contains(err.Error(), "r-1 could not be finished") {
		t.Fatalf("error %v", err)
	}
}

// TestName: every code loses its own prefix; one that is newer than this client is UNSPECIFIED.
func TestName(t *testing.T) {
	names := []string{Name(pb.RunStop_RUN_STOP_FINAL_RESULT), Name(pb.Outcome_OUTCOME_UNSPECIFIED), Name(pb.Reason_REASON_HOST_SILENT), Name(pb.Outcome(99))}

	if strings.Join(names, " ") != "FINAL_RESULT UNSPECIFIED HOST_SILENT UNSPECIFIED" {
		t.Fatalf("names %v", names)
	}
}
