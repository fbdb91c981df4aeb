package countersign

import (
	"fmt"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pb "countersign.dev/clients/go/countersign/v1"
)

const errorDomain = "countersign.dev"

// Refusal is an error that the gateway itself stamped: it did not take this request; nothing was forwarded for it, nothing recorded
// against its key.
type Refusal struct {
	Reason     pb.Reason // REASON_UNSPECIFIED for one newer than this client
	Code       string    // the reason as sent, without prefix
	Status     codes.Code
	Message    string
	Violations []*errdetails.BadRequest_FieldViolation
	RetryAfter time.Duration // 0 where the moment is not known
	Facts      map[string]string
}

func (refusal *Refusal) Error() string {
	return fmt.Sprintf("countersign: %s (%s): %s", refusal.Code, refusal.Status, refusal.Message)
}

// Passing says that the same request, with the same key, can be taken later.
func (refusal *Refusal) Passing() bool {
	return refusal.Status == codes.Unavailable || refusal.Status == codes.ResourceExhausted
}

// IsUnclear says that an error of a call means nothing: it came without the gateway's stamp (a killed gateway, a mesh, the caller's own deadline),
// and the request may have been taken. Ask for the commit by key, or send the same request with the same key again.
func IsUnclear(err error) bool {
	state, ok := status.FromError(err)
	_, refused := AsRefusal(err)
	return ok && state.Code() != codes.OK && !refused
}

// AsRefusal reads the gateway's stamp from an error of a call. Only the stamp decides, never the text, which proxies and retries rewrite.
func AsRefusal(err error) (*Refusal, bool) {
	state, ok := status.FromError(err)
	if !ok || state.Code() == codes.OK {
		return nil, false
	}
	refusal := &Refusal{Status: state.Code(), Message: state.Message()}
	stamped := false
	for _, detail := range state.Details() {
		switch known := detail.(type) {
		case *errdetails.ErrorInfo:
			stamped = known.GetDomain() == errorDomain
			refusal.Code = known.GetReason()
			refusal.Reason = pb.Reason(pb.Reason_value["REASON_"+known.GetReason()])
			refusal.Facts = known.GetMetadata()
		case *errdetails.BadRequest:
			refusal.Violations = known.GetFieldViolations()
		case *errdetails.RetryInfo:
			refusal.RetryAfter = known.GetRetryDelay().AsDuration()
		}
	}
	if !stamped {
		return nil, false
	}
	return refusal, true
}
