// Package countersign is the thin layer over the generated stubs of the Countersign gateway.
//
//  1. One call is one request: the library below never sends anything twice.
//  2. A denial, a failure and an unknown are answers. An error for which AsRefusal says true means that the gateway did not take this
//     request; any other gRPC error means nothing: ask for the commit by key, or send the same request with the same key again.
//  3. CommitUntilEnded and DecideUntilEnded ask on. They never make a key, and never send again what may have happened.
package countersign

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	pb "countersign.dev/clients/go/countersign/v1"
)

const (
	deadlineDefault = 30 * time.Second
	sendBytesMax    = 1 << 20  // the documented ceiling of a wire message
	receiveBytesMax = 16 << 20 // a page of a trace; every other answer is far below
	tokenBytesMax   = 4096
	reconnectFirst  = 100 * time.Millisecond
	reconnectMax    = time.Second
)

// Client is a line to one gateway: every call of the contract, and the two that ask on. Safe for concurrent use.
type Client struct {
	pb.GatewayServiceClient
	connection *grpc.ClientConn
	deadline   time.Duration
	tokenFile  string
	dial       []grpc.DialOption
	clock      clock
}

// Option changes how Connect makes a Client.
type Option func(*Client)

// WithDeadline bounds each single call whose context has no deadline of its own. 30 s unless told.
func WithDeadline(deadline time.Duration) Option {
	return func(client *Client) { client.deadline = deadline }
}

// WithTokenFile sends the token in the file with every call. It is read anew each time, so that it can be rotated.
func WithTokenFile(path string) Option {
	return func(client *Client) { client.tokenFile = path }
}

// WithDialOptions adds to what the connection is made with (tracing, say). Retries stay off.
func WithDialOptions(options ...grpc.DialOption) Option {
	return func(client *Client) { client.dial = append(client.dial, options...) }
}

// Connect makes a client of the gateway at "unix:/absolute/path" or "127.0.0.1:port". Nothing is sent yet: it connects at the first call, and
// again whenever it must; a gateway that is starting is waited for within the call's deadline. The line is not encrypted, so it does not leave
// the machine: other addresses are an error.
func Connect(address string, options ...Option) (*Client, error) {
	target, err := targetOf(address)
	if err != nil {
		return nil, err
	}
	client := &Client{deadline: deadlineDefault, clock: systemClock{}}
	for _, option := range options {
		option(client)
	}
	if client.deadline <= 0 {
		return nil, fmt.Errorf("countersign: deadline is %v; every call needs one above 0", client.deadline)
	}
	connection, err := grpc.NewClient(target, append(client.dial,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDisableRetry(),
		grpc.WithDisableServiceConfig(),
		grpc.WithNoProxy(),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: reconnectFirst, Multiplier: 1.6, Jitter: 0.2, MaxDelay: reconnectMax},
			MinConnectTimeout: reconnectMax,
		}),
		grpc.WithDefaultCallOptions(grpc.WaitForReady(true), grpc.MaxCallSendMsgSize(sendBytesMax), grpc.MaxCallRecvMsgSize(receiveBytesMax)),
		grpc.WithChainUnaryInterceptor(client.accompany),
	)...)
	if err != nil {
		return nil, fmt.Errorf("countersign: %w", err)
	}
	client.connection = connection
	client.GatewayServiceClient = pb.NewGatewayServiceClient(connection)
	return client, nil
}

// Close ends the line; calls under way end with an error that means nothing.
func (client *Client) Close() error {
	return client.connection.Close()
}

// accompany gives each call the deadline it needs and the token it may need.
func (client *Client) accompany(
	ctx context.Context, method string, request, reply any, connection *grpc.ClientConn, invoke grpc.UnaryInvoker, options ...grpc.CallOption,
) error {
	if _, bounded := ctx.Deadline(); !bounded {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, client.deadline)
		defer cancel()
	}
	if client.tokenFile != "" {
		token, err := tokenIn(client.tokenFile)
		if err != nil {
			return err
		}
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
	}
	return invoke(ctx, method, request, reply, connection, options...)
}

func targetOf(address string) (string, error) {
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		if !filepath.IsAbs(path) {
			return "", fmt.Errorf("countersign: address %q: a socket is named by its absolute path, as in unix:/run/countersign/workflow.sock", address)
		}
		return address, nil
	}
	host, port, err := net.SplitHostPort(address)
	number, notNumber := strconv.ParseUint(port, 10, 16)
	if err != nil || notNumber != nil || number == 0 || !isLoopback(host) {
		return "", fmt.Errorf("countersign: address %q: expected unix:/path or 127.0.0.1:port; a line that is not encrypted stays on this machine", address)
	}
	return "passthrough:///" + address, nil
}

func isLoopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return (err == nil && address.IsLoopback()) || host == "localhost"
}

// tokenIn is the one line of the file. An error never shows its content.
func tokenIn(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("countersign: token file: %w", err)
	}
	content, err := io.ReadAll(io.LimitReader(file, tokenBytesMax+1))
	if err = errors.Join(err, file.Close()); err != nil {
		return "", fmt.Errorf("countersign: token file: %w", err)
	}
	token := strings.TrimSpace(string(content))
	invisible := func(character rune) bool { return character <= ' ' || character > '~' }
	if token == "" || len(content) > tokenBytesMax || strings.ContainsFunc(token, invisible) {
		return "", fmt.Errorf("countersign: token file %s: expected one line of visible ASCII, at most %d bytes", path, tokenBytesMax)
	}
	return token, nil
}
