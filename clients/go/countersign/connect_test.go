package countersign

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pb "countersign.dev/clients/go/countersign/v1"
)

// TestRetriesAreOff: even a caller's own retry policy does not make the library send a Commit twice.
func TestRetriesAreOff(t *testing.T) {
	policy := `{"methodConfig": [{"name": [{}], "retryPolicy": {"maxAttempts": 4, "initialBackoff": "0.01s", "maxBackoff": "0.01s",
		"backoffMultiplier": 1, "retryableStatusCodes": ["UNAVAILABLE"]}}]}`
	gateway := newGateway(t, repeated(unstamped(codes.Unavailable), 9)...)
	client, _ := connected(t, gateway, WithDialOptions(grpc.WithDefaultServiceConfig(policy)))

	_, err := client.Commit(context.Background(), write(""))

	if err == nil || len(gateway.sent()) != 1 {
		t.Fatalf("%d requests, error %v, expected 1", len(gateway.sent()), err)
	}
}

// TestDeadline: every call has one, the caller's own where there is one.
func TestDeadline(t *testing.T) {
	gateway := newGateway(t, committed(succeeded, "c-1"), committed(succeeded, "c-1"))
	client, _ := connected(t, gateway)
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()

	_, first := client.Commit(context.Background(), write(""))
	_, second := client.Commit(ctx, write(""))

	sent := gateway.sent()
	if first != nil || second != nil || sent[0].remaining.Round(time.Second) != 10*time.Second || sent[1].remaining.Round(time.Second) != 3*time.Second {
		t.Fatalf("sent %v, errors %v, %v", sent, first, second)
	}
}

// TestLateGateway: a call made before the gateway listens goes through once it does, within its deadline.
func TestLateGateway(t *testing.T) {
	gateway := lateGateway(t, committed(succeeded, "c-1"))
	client, _ := connected(t, gateway)
	short, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()

	_, nobodyThere := client.Commit(short, write(""))
	gateway.start(t)
	answer, err := client.Commit(context.Background(), write(""))

	if status.Code(nobodyThere) != codes.DeadlineExceeded || err != nil || answer.GetCommit().GetOutcome() != succeeded {
		t.Fatalf("errors %v, %v", nobodyThere, err)
	}
}

// TestToken: read anew for each call; what is no token stops the call and is not shown.
func TestToken(t *testing.T) {
	gateway := newGateway(t, committed(succeeded, "c-1"), committed(succeeded, "c-1"))
	file := filepath.Join(t.TempDir(), "token")
	client, _ := connected(t, gateway, WithTokenFile(file))
	for _, content := range []string{"first-token\n", "second-token"} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := client.Commit(context.Background(), write("")); err != nil {
			t.Fatal(err)
		}
	}
	for _, content := range []string{"", "two\nlines", "tökén", strings.Repeat("x", tokenBytesMax+1)} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}

		_, err := client.CommitUntilEnded(context.Background(), write(""), Patience{})

		if err == nil || !strings.HasSuffix(err.Error(), "expected one line of visible ASCII, at most 4096 bytes") {
			t.Fatalf("content of %d bytes: error %v", len(content), err)
		}
	}
	sent := gateway.sent()
	if len(sent) != 2 || sent[0].token != "Bearer first-token" || sent[1].token != "Bearer second-token" {
		t.Fatalf("sent %v", sent)
	}
}

// TestAddresses: a socket by its absolute path or a loopback port; nothing that leaves the machine.
func TestAddresses(t *testing.T) {
	good := []string{"unix:/run/cs.sock", "127.0.0.1:8443", "127.9.9.9:1", "[::1]:65535", "localhost:80"}
	bad := []string{"", "gateway:8443", "10.0.0.1:8443", "0.0.0.0:8443", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:65536", "unix:run/cs.sock", "dns:///127.0.0.1:1"}
	for _, address := range good {
		if client, err := Connect(address); err != nil || client.Close() != nil {
			t.Errorf("%q: %v", address, err)
		}
	}
	for _, address := range bad {
		if _, err := Connect(address); err == nil {
			t.Errorf("%q was taken", address)
		}
	}
}

// TestAsRefusal: only the stamp makes a refusal.
func TestAsRefusal(t *testing.T) {
	gateway := newGateway(t, refusal(codes.Unavailable, "STORE_UNAVAILABLE", time.Second), refusal(codes.FailedPrecondition, "MOON_IS_FULL", 0), unstamped(codes.Unavailable),
		stamped(codes.Unavailable, "STORE_UNAVAILABLE", "mesh.example", 0))
	client, _ := connected(t, gateway)
	var errors []error
	for range 4 {
		_, err := client.Commit(context.Background(), write(""))
		errors = append(errors, err)
	}

	store, first := AsRefusal(errors[0])
	moon, second := AsRefusal(errors[1])
	_, third := AsRefusal(errors[2])

	if !first || store.Reason != pb.Reason_REASON_STORE_UNAVAILABLE || !store.Passing() || store.RetryAfter != time.Second || store.Facts["seen"] != "x" || len(store.Violations) != 1 {
		t.Errorf("store: %v %+v", first, store)
	}
	if !second || moon.Reason != pb.Reason_REASON_UNSPECIFIED || moon.Code != "MOON_IS_FULL" || moon.Passing() {
		t.Errorf("moon: %v %+v", second, moon)
	}
	if _, fourth := AsRefusal(errors[3]); third || fourth {
		t.Error("text alone, or another's stamp, made a refusal")
	}
}
