package countersign

import (
	"context"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	pb "countersign.dev/clients/go/countersign/v1"
)

// CommitUntilEnded asks on until the commit SUCCEEDED, FAILED or was DENIED, or until patience ends: then it returns what is known, possibly
// UNKNOWN or IN_PROGRESS. No answer, or a refusal that can pass: the same request again. UNKNOWN and IN_PROGRESS: only waited for.
func (client *Client) CommitUntilEnded(ctx context.Context, request *pb.CommitRequest, patience Patience) (*pb.CommitResponse, error) {
	loop, err := client.loop(ctx, patience)
	if err != nil {
		return nil, err
	}
	request = proto.CloneOf(request)
	send := func(ctx context.Context) (*pb.CommitResponse, error) { return client.Commit(ctx, request) }
	then := func(known *pb.CommitResponse) *ask[*pb.CommitResponse] {
		commit := known.GetCommit()
		switch commit.GetOutcome() {
		case pb.Outcome_OUTCOME_SUCCEEDED:
			return nil
		case pb.Outcome_OUTCOME_FAILED, pb.Outcome_OUTCOME_DENIED:
			if !patience.Supersede || !canPass(commit.GetReasons()) {
				return nil
			}
			request.Supersedes = commit.GetCommitId() // the one field that moves
			return &ask[*pb.CommitResponse]{question: send, sends: true, advice: longest(commit.GetReasons())}
		default: // UNKNOWN, IN_PROGRESS, or an outcome newer than this client: it may have happened
			return &ask[*pb.CommitResponse]{question: client.waiting(known)}
		}
	}
	return untilEnded(ctx, loop, ask[*pb.CommitResponse]{question: send, sends: true}, then)
}

func (client *Client) waiting(known *pb.CommitResponse) func(context.Context) (*pb.CommitResponse, error) {
	name := &pb.WaitCommitRequest{Name: &pb.WaitCommitRequest_CommitId{CommitId: known.GetCommit().GetCommitId()}}
	return func(ctx context.Context) (*pb.CommitResponse, error) {
		answer, err := client.WaitCommit(ctx, name)
		if err != nil {
			return nil, err
		}
		return &pb.CommitResponse{Commit: answer.GetCommit(), Replayed: known.GetReplayed()}, nil
	}
}

// DecideUntilEnded asks on until the decision is DECIDED, ABSTAINED or STOPPED, or until patience ends: then it returns what is known, possibly
// IN_PROGRESS. While thinking goes on the same request asks again.
func (client *Client) DecideUntilEnded(ctx context.Context, request *pb.DecideRequest, patience Patience) (*pb.DecideResponse, error) {
	loop, err := client.loop(ctx, patience)
	if err != nil {
		return nil, err
	}
	request = proto.CloneOf(request)
	send := func(ctx context.Context) (*pb.DecideResponse, error) { return client.Decide(ctx, request) }
	then := func(known *pb.DecideResponse) *ask[*pb.DecideResponse] {
		decision := known.GetDecision()
		switch decision.GetStatus() {
		case pb.DecisionStatus_DECISION_STATUS_DECIDED, pb.DecisionStatus_DECISION_STATUS_ABSTAINED:
			return nil
		case pb.DecisionStatus_DECISION_STATUS_STOPPED:
			if !patience.Supersede || !passingStop(decision.GetStop()) {
				return nil
			}
			request.Supersedes = decision.GetDecisionId() // the one field that moves
			return &ask[*pb.DecideResponse]{question: send, sends: true, advice: longest(decision.GetReasons())}
		default: // thinking goes on, or a status newer than this client
			return &ask[*pb.DecideResponse]{question: send}
		}
	}
	return untilEnded(ctx, loop, ask[*pb.DecideResponse]{question: send, sends: true}, then)
}

// RecordStepUntilAnswered sends the same request until it is answered. An answer with reasons says that the step was not counted.
func (client *Client) RecordStepUntilAnswered(ctx context.Context, request *pb.RecordStepRequest, patience Patience) (*pb.RecordStepResponse, error) {
	return untilAnswered(ctx, client, patience, request, client.RecordStep)
}

// FinishRunUntilAnswered sends the same request until it is answered. A run stopped earlier keeps its first stop: read it from the answer.
func (client *Client) FinishRunUntilAnswered(ctx context.Context, request *pb.FinishRunRequest, patience Patience) (*pb.FinishRunResponse, error) {
	return untilAnswered(ctx, client, patience, request, client.FinishRun)
}

func canPass(reasons []*pb.ReasonDetail) bool {
	for _, reason := range reasons {
		if reason.GetRetry() != pb.Retry_RETRY_AFTER {
			return false
		}
	}
	return len(reasons) > 0
}

func longest(reasons []*pb.ReasonDetail) time.Duration {
	var advice time.Duration
	for _, reason := range reasons {
		advice = max(advice, reason.GetRetryAfter().AsDuration())
	}
	return advice
}

func passingStop(stop pb.DecideStop) bool {
	switch stop {
	case pb.DecideStop_DECIDE_STOP_TIMEOUT, pb.DecideStop_DECIDE_STOP_MODEL_FAULT, pb.DecideStop_DECIDE_STOP_LOST, pb.DecideStop_DECIDE_STOP_CANCELLED:
		return true
	default:
		return false
	}
}

func untilAnswered[Request, Response any](
	ctx context.Context, client *Client, patience Patience, request *Request,
	call func(context.Context, *Request, ...grpc.CallOption) (*Response, error),
) (*Response, error) {
	loop, err := client.loop(ctx, patience)
	if err != nil {
		return nil, err
	}
	first := ask[*Response]{sends: true, question: func(ctx context.Context) (*Response, error) { return call(ctx, request) }}
	return untilEnded(ctx, loop, first, func(*Response) *ask[*Response] { return nil })
}
