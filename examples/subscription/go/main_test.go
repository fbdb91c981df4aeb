package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	pb "countersign.dev/clients/go/countersign/v1"
)

// scripted is a gateway that gives its replies in order and keeps every request; with none left nobody answers.
type scripted struct {
	pb.UnimplementedGatewayServiceServer
	address string
	mutex   sync.Mutex
	replies []any
	sent    []proto.Message
}

func gateway(t *testing.T, replies ...any) *scripted {
	t.Helper()
	folder, err := os.MkdirTemp("", "cs-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	path := filepath.Join(folder, "gateway.sock")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	one := &scripted{address: "unix:" + path, replies: replies}
	server := grpc.NewServer(grpc.UnaryInterceptor(one.answer))
	pb.RegisterGatewayServiceServer(server, one)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	return one
}

func (one *scripted) answer(_ context.Context, request any, _ *grpc.UnaryServerInfo, _ grpc.UnaryHandler) (any, error) {
	one.mutex.Lock()
	defer one.mutex.Unlock()
	one.sent = append(one.sent, request.(proto.Message))
	if len(one.replies) == 0 {
		return nil, status.Error(codes.Unavailable, "nobody there")
	}
	reply := one.replies[0]
	one.replies = one.replies[1:]
	if err, failed := reply.(error); failed {
		return nil, err
	}
	return reply, nil
}

func billing(t *testing.T) string {
	t.Helper()
	answers := http.NewServeMux()
	answers.HandleFunc("GET /accounts/harbour", func(out http.ResponseWriter, _ *http.Request) {
		_, _ = out.Write([]byte(`{"account": "harbour", "team_size": 12, "plan": "team_basic"}`))
	})
	answers.HandleFunc("GET /plans", func(out http.ResponseWriter, _ *http.Request) {
		_, _ = out.Write([]byte(`{"currency": "USD", "plans": [{"plan": "team_basic", "seats_max": 5, "monthly_price_micros": 25000000},
			{"plan": "team_pro", "seats_max": 25, "monthly_price_micros": 99000000},
			{"plan": "enterprise", "seats_max": 500, "monthly_price_micros": 1200000000}]}`))
	})
	server := httptest.NewServer(answers)
	t.Cleanup(server.Close)
	return server.URL
}

func workflowWith(t *testing.T, one *scripted, changes ...string) (int, string, string) {
	t.Helper()
	var out, errors bytes.Buffer
	flags := []string{"--gateway", one.address, "--billing", billing(t), "--account", "harbour", "--seats", "12", "--run-id", "r-1", "--give-up-after-s", "0.5"}
	return command(append(flags, changes...), &out, &errors), out.String(), errors.String()
}

func decided(status pb.DecisionStatus, option string) *pb.DecideResponse {
	return &pb.DecideResponse{Decision: &pb.Decision{DecisionId: "d-1", Status: status, Option: option, Stop: pb.DecideStop_DECIDE_STOP_ABSTAINED}}
}

func committed(outcome pb.Outcome, reasons ...*pb.ReasonDetail) *pb.CommitResponse {
	return &pb.CommitResponse{Commit: &pb.Commit{CommitId: "c-1", Outcome: outcome, Reasons: reasons}}
}

func finished(stop pb.RunStop) *pb.FinishRunResponse {
	return &pb.FinishRunResponse{Run: &pb.Run{Stop: stop}}
}

var (
	recorded = &pb.RecordStepResponse{}
	teamPro  = decided(pb.DecisionStatus_DECISION_STATUS_DECIDED, "team_pro")
)

// TestKeepFitting: exactly enough seats is enough; the price list's order stays.
func TestKeepFitting(t *testing.T) {
	all := offer{Currency: "USD", Plans: []plan{{Plan: "small", SeatsMax: 11}, {Plan: "fits", SeatsMax: 12}, {Plan: "large", SeatsMax: 500}}}

	kept := keepFitting(all, 12)

	if !reflect.DeepEqual(kept, offer{Currency: "USD", Plans: []plan{{Plan: "fits", SeatsMax: 12}, {Plan: "large", SeatsMax: 500}}}) {
		t.Fatalf("kept %v", kept)
	}
}

// TestWalk: every request of a run that succeeds, byte for byte what the Python workflow sends, and what is told of it.
func TestWalk(t *testing.T) {
	one := gateway(t, recorded, recorded, teamPro, committed(pb.Outcome_OUTCOME_SUCCEEDED), finished(pb.RunStop_RUN_STOP_FINAL_RESULT))

	code, out, errors := workflowWith(t, one, "--json")

	expected := []proto.Message{
		&pb.RecordStepRequest{
			IdempotencyKey: "r-1/read_account", RunId: "r-1", Workflow: "activate_subscription", Step: "read_account",
			Result: []byte(`{"account":"harbour","team_size":12,"plan":"team_basic"}`),
		},
		&pb.RecordStepRequest{
			IdempotencyKey: "r-1/keep_fitting", RunId: "r-1", Workflow: "activate_subscription", Step: "keep_fitting",
			Result: []byte(`{"currency":"USD","plans":[{"plan":"team_pro","seats_max":25,"monthly_price_micros":99000000},` +
				`{"plan":"enterprise","seats_max":500,"monthly_price_micros":1200000000}]}`),
		},
		&pb.DecideRequest{
			IdempotencyKey: "r-1/select_plan", RunId: "r-1", Workflow: "activate_subscription", Step: "select_plan",
			Context: []byte(`{"account":"harbour","team_size":12,"plan":"team_basic"}`), AllowedOptions: []string{"team_pro", "enterprise"},
		},
		&pb.CommitRequest{
			IdempotencyKey: "r-1/select_plan/activate_plan", RunId: "r-1", Workflow: "activate_subscription", Step: "select_plan", Action: "activate_plan",
			DecisionId: "d-1", Payload: []byte(`{"account":"harbour","plan":"team_pro","seats":12,"amount_micros":99000000,"currency":"USD"}`),
		},
		&pb.FinishRunRequest{
			IdempotencyKey: "r-1/finish/FINAL_RESULT", RunId: "r-1", Workflow: "activate_subscription", Stop: pb.RunStop_RUN_STOP_FINAL_RESULT,
		},
	}
	if code != codeSucceeded || errors != "" || len(one.sent) != len(expected) {
		t.Fatalf("code %d, %d requests, %s", code, len(one.sent), errors)
	}
	for index, request := range one.sent {
		if !proto.Equal(request, expected[index]) {
			t.Errorf("request %d is %v, expected %v", index, request, expected[index])
		}
	}
	want := `{"run_id":"r-1","option":"team_pro","decision_id":"d-1","commit_id":"c-1","outcome":"SUCCEEDED","replayed":false,"reasons":[],"stop":"FINAL_RESULT"}`
	if strings.TrimSpace(out) != want {
		t.Errorf("told %s", out)
	}
}

// TestEnds: each end has its exit code; the run is finished where it came to an end and left open where it did not.
func TestEnds(t *testing.T) {
	denied := committed(pb.Outcome_OUTCOME_DENIED, &pb.ReasonDetail{Reason: pb.Reason_REASON_POLICY_DENIED, Retry: pb.Retry_RETRY_WHEN_CHANGED})
	undeclared, err := status.New(codes.InvalidArgument, "no").WithDetails(&errdetails.ErrorInfo{Reason: "UNDECLARED", Domain: "countersign.dev"})
	if err != nil {
		t.Fatal(err)
	}
	stopped := finished(pb.RunStop_RUN_STOP_FAILED)
	cases := map[string]struct {
		replies []any
		flags   []string
		code    int
		told    string
		last    proto.Message
	}{
		"denied":  {[]any{recorded, recorded, teamPro, denied, finished(pb.RunStop_RUN_STOP_POLICY_DENIAL)}, nil, codeDenied, "POLICY_DENIAL", &pb.FinishRunRequest{}},
		"failed":  {[]any{recorded, recorded, teamPro, committed(pb.Outcome_OUTCOME_FAILED), stopped}, nil, codeFailed, "FAILED", &pb.FinishRunRequest{}},
		"unknown": {[]any{recorded, recorded, teamPro, committed(pb.Outcome_OUTCOME_UNKNOWN)}, nil, codeNotKnown, "UNKNOWN", &pb.WaitCommitRequest{}},
		"abstained": {
			[]any{recorded, recorded, decided(pb.DecisionStatus_DECISION_STATUS_ABSTAINED, ""), stopped}, nil, codeNoDecision, "d-1", &pb.FinishRunRequest{},
		},
		"thinking": {
			[]any{recorded, recorded, decided(pb.DecisionStatus_DECISION_STATUS_IN_PROGRESS, "")}, nil, codeNotKnown, "d-1", &pb.DecideRequest{},
		},
		"an option that was not offered": {
			[]any{recorded, recorded, decided(pb.DecisionStatus_DECISION_STATUS_DECIDED, "team_basic"), stopped}, nil, codeError, "", &pb.FinishRunRequest{},
		},
		"no plan fits": {[]any{recorded, recorded, stopped}, []string{"--seats", "501"}, codeNoPlan, "FAILED", &pb.FinishRunRequest{}},
		"no account":   {[]any{stopped}, []string{"--account", "nobody"}, codeError, "", &pb.FinishRunRequest{}},
		"refused":      {[]any{recorded, recorded, undeclared.Err(), stopped}, nil, codeError, "", &pb.FinishRunRequest{}},
		"nobody there": {[]any{recorded, recorded}, nil, codeNotKnown, "", &pb.DecideRequest{}},
		"wrong usage":  {nil, []string{"--seats", "0"}, codeUsage, "", nil},
	}
	for name, one := range cases {
		t.Run(name, func(t *testing.T) {
			gateway := gateway(t, one.replies...)

			code, out, errors := workflowWith(t, gateway, one.flags...)

			if code != one.code || !strings.Contains(out, one.told) || (one.told == "") != (errors != "") {
				t.Fatalf("code %d, expected %d; told %q, %q", code, one.code, out, errors)
			}
			if one.last == nil {
				return
			}
			last := gateway.sent[len(gateway.sent)-1]
			if last.ProtoReflect().Descriptor() != one.last.ProtoReflect().Descriptor() {
				t.Fatalf("the last request is a %T, expected a %T", last, one.last)
			}
		})
	}
}

// TestAgain: where its own write has changed the account since, the run goes on from what it had recorded.
func TestAgain(t *testing.T) {
	reused, err := status.New(codes.FailedPrecondition, "no").WithDetails(&errdetails.ErrorInfo{Reason: "IDEMPOTENCY_KEY_REUSED", Domain: "countersign.dev"})
	if err != nil {
		t.Fatal(err)
	}
	first := &pb.TraceEntry{
		Kind: pb.EntryKind_ENTRY_KIND_STEP_RECORDED, Step: "read_account", Result: []byte(`{"account":"harbour","team_size":12,"plan":"enterprise"}`),
	}
	replayed := committed(pb.Outcome_OUTCOME_SUCCEEDED)
	replayed.Replayed = true
	one := gateway(t, reused.Err(), &pb.GetRunResponse{Entries: []*pb.TraceEntry{first}}, recorded, teamPro, replayed, finished(pb.RunStop_RUN_STOP_FINAL_RESULT))

	code, out, _ := workflowWith(t, one, "--json")

	var facts told
	if err := json.Unmarshal([]byte(out), &facts); err != nil || code != codeSucceeded || !facts.Replayed {
		t.Fatalf("code %d, told %s", code, out)
	}
	about, ok := one.sent[3].(*pb.DecideRequest)
	if !ok || string(about.GetContext()) != `{"account":"harbour","team_size":12,"plan":"enterprise"}` {
		t.Fatalf("asked %v", one.sent[3])
	}
}
