package countersign

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	pb "countersign.dev/clients/go/countersign/v1"
)

// scriptedGateway is a real server on a unix socket: one reply a request, in order, and every request kept.
type scriptedGateway struct {
	pb.UnimplementedGatewayServiceServer
	address string
	mutex   sync.Mutex
	replies []any // a message of the method's answer, or an error
	seen    []seen
}

type seen struct {
	method    string
	request   proto.Message
	token     string
	remaining time.Duration
}

func newGateway(t *testing.T, replies ...any) *scriptedGateway {
	t.Helper()
	gateway := lateGateway(t, replies...)
	gateway.start(t)
	return gateway
}

// lateGateway does not listen before start.
func lateGateway(t *testing.T, replies ...any) *scriptedGateway {
	t.Helper()
	folder, err := os.MkdirTemp("", "cs-") // short: the name of a socket has at most 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	return &scriptedGateway{address: "unix:" + filepath.Join(folder, "gateway.sock"), replies: replies}
}

func (gateway *scriptedGateway) start(t *testing.T) {
	t.Helper()
	listener, err := net.Listen("unix", strings.TrimPrefix(gateway.address, "unix:"))
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(grpc.UnaryInterceptor(gateway.answer))
	pb.RegisterGatewayServiceServer(server, gateway)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
}

func (gateway *scriptedGateway) answer(ctx context.Context, request any, info *grpc.UnaryServerInfo, _ grpc.UnaryHandler) (any, error) {
	gateway.mutex.Lock()
	defer gateway.mutex.Unlock()
	one := seen{method: info.FullMethod[len("/countersign.v1.GatewayService/"):], request: request.(proto.Message)}
	if deadline, ok := ctx.Deadline(); ok {
		one.remaining = time.Until(deadline)
	}
	if sent, ok := metadata.FromIncomingContext(ctx); ok && len(sent.Get("authorization")) == 1 {
		one.token = sent.Get("authorization")[0]
	}
	gateway.seen = append(gateway.seen, one)
	if len(gateway.replies) == 0 {
		return nil, status.Error(codes.OutOfRange, "the script has ended")
	}
	reply := gateway.replies[0]
	gateway.replies = gateway.replies[1:]
	if err, failed := reply.(error); failed {
		return nil, err
	}
	return reply, nil
}

func (gateway *scriptedGateway) sent() []seen {
	gateway.mutex.Lock()
	defer gateway.mutex.Unlock()
	return gateway.seen
}

// stillClock moves only by resting.
type stillClock struct {
	at    time.Time
	rests []time.Duration
}

func (clock *stillClock) now() time.Time  { return clock.at }
func (clock *stillClock) spread() float64 { return 0 }
func (clock *stillClock) rest(_ context.Context, pause time.Duration) error {
	clock.rests = append(clock.rests, pause)
	clock.at = clock.at.Add(pause)
	return nil
}

func connected(t *testing.T, gateway *scriptedGateway, options ...Option) (*Client, *stillClock) {
	t.Helper()
	client, err := Connect(gateway.address, append([]Option{WithDeadline(10 * time.Second)}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	clock := &stillClock{at: time.Now()}
	client.clock = clock
	return client, clock
}

func unstamped(code codes.Code) error {
	return status.Error(code, "STORE_UNAVAILABLE countersign.dev: but only in the text")
}

func refusal(code codes.Code, reason string, after time.Duration) error {
	return stamped(code, reason, "countersign.dev", after)
}

func stamped(code codes.Code, reason, domain string, after time.Duration) error {
	state, err := status.New(code, "as the script says").WithDetails(
		&errdetails.ErrorInfo{Reason: reason, Domain: domain, Metadata: map[string]string{"seen": "x"}},
		&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{{Field: "payload", Description: "duplicate key"}}},
		&errdetails.RetryInfo{RetryDelay: durationpb.New(after)},
	)
	if err != nil {
		panic(err)
	}
	return state.Err()
}

func because(reason pb.Reason, retry pb.Retry, after time.Duration) *pb.ReasonDetail {
	return &pb.ReasonDetail{Reason: reason, Retry: retry, RetryAfter: durationpb.New(after)}
}

func committed(outcome pb.Outcome, id string, reasons ...*pb.ReasonDetail) *pb.CommitResponse {
	return &pb.CommitResponse{Commit: &pb.Commit{CommitId: id, Outcome: outcome, Reasons: reasons}}
}

func waited(outcome pb.Outcome, id string) *pb.WaitCommitResponse {
	return &pb.WaitCommitResponse{Commit: &pb.Commit{CommitId: id, Outcome: outcome}}
}
