package countersign

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const (
	backoffFirst    = 100 * time.Millisecond
	backoffMax      = 5 * time.Second
	askMin          = 50 * time.Millisecond // a question with less time than this is not worth sending
	sendsMaxDefault = 10
	giveUpDefault   = 60 * time.Second
)

// Patience is how long and how often to ask on. The zero value: 60 s, 10 sends, no superseding.
type Patience struct {
	GiveUpAfter time.Duration
	SendsMax    int
	// Supersede also asks for a new generation of the same key and content: of a commit, when every reason of its FAILED or DENIED says AFTER; of a
	// decision, when thinking stopped for TIMEOUT, MODEL_FAULT, LOST or CANCELLED (steps and money count again).
	Supersede bool
}

// clock is the outside world of a loop.
type clock interface {
	now() time.Time
	rest(ctx context.Context, pause time.Duration) error
	spread() float64 // evenly random in [0, 1)
}

type systemClock struct{}

func (systemClock) now() time.Time  { return time.Now() }
func (systemClock) spread() float64 { return rand.Float64() }
func (systemClock) rest(ctx context.Context, pause time.Duration) error {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// ask is one question of a loop.
type ask[T any] struct {
	question func(context.Context) (T, error)
	sends    bool // a request that can start something; otherwise it only asks after what is known
	advice   time.Duration
}

// loop is what one loop may still spend.
type loop struct {
	clock     clock
	deadline  time.Duration
	end       time.Time
	sendsLeft int
	asked     int
	askedAt   time.Time
}

func (client *Client) loop(ctx context.Context, patience Patience) (*loop, error) {
	if patience.GiveUpAfter < 0 || patience.SendsMax < 0 {
		return nil, errors.New("countersign: GiveUpAfter and SendsMax must not be below 0")
	}
	if patience.GiveUpAfter == 0 {
		patience.GiveUpAfter = giveUpDefault
	}
	if patience.SendsMax == 0 {
		patience.SendsMax = sendsMaxDefault
	}
	end := client.clock.now().Add(patience.GiveUpAfter)
	if bound, ok := ctx.Deadline(); ok && bound.Before(end) {
		end = bound
	}
	return &loop{clock: client.clock, deadline: client.deadline, end: end, sendsLeft: patience.SendsMax - 1}, nil
}

// again rests until the next question is due; false, at once, when there is to be none.
func (loop *loop) again(ctx context.Context, sends bool, advice time.Duration) bool {
	now := loop.clock.now()
	pause := loop.pause(now, advice)
	if ctx.Err() != nil || (sends && loop.sendsLeft == 0) || now.Add(pause+askMin).After(loop.end) {
		return false
	}
	if sends {
		loop.sendsLeft--
	}
	return pause <= 0 || loop.clock.rest(ctx, pause) == nil
}

// pause is a jittered backoff from question to question (a long wait for an answer counts as rest), on top of advice where there is some.
func (loop *loop) pause(now time.Time, advice time.Duration) time.Duration {
	ceiling := min(backoffMax, backoffFirst<<min(loop.asked-1, 16))
	backoff := time.Duration(float64(ceiling) * (1 + loop.clock.spread()) / 2)
	if advice > 0 {
		return advice + backoff
	}
	return backoff - now.Sub(loop.askedAt)
}

func put[T any](ctx context.Context, loop *loop, question func(context.Context) (T, error)) (T, error) {
	loop.asked++
	loop.askedAt = loop.clock.now()
	ctx, cancel := context.WithTimeout(ctx, min(loop.deadline, max(askMin, loop.end.Sub(loop.askedAt))))
	defer cancel()
	return question(ctx)
}

// untilEnded asks, and follows each answer with what then says, until it says nothing or patience ends. An end with an answer that still
// stands returns it; an end without one returns the last error. A refusal that ends a loop in which a send stayed without an answer is no
// refusal of the whole: it is sure, the fate of the earlier send is not.
func untilEnded[T any](ctx context.Context, loop *loop, first ask[T], then func(T) *ask[T]) (T, error) {
	var known, none T
	next, answered, inDoubt := first, false, false
	for {
		answer, err := put(ctx, loop, next.question)
		if err == nil {
			known, answered, inDoubt = answer, true, false
			following := then(known)
			if following == nil || !loop.again(ctx, following.sends, following.advice) {
				return known, nil
			}
			next = *following
			continue
		}
		refusal, refused := AsRefusal(err)
		inDoubt = next.sends && (inDoubt || IsUnclear(err))
		advice := time.Duration(0)
		if refused {
			advice = refusal.RetryAfter
		}
		if passing(err) && loop.again(ctx, next.sends, advice) {
			continue
		}
		if passing(err) && !next.sends && answered {
			return known, nil
		}
		if inDoubt && refused {
			return none, status.Errorf(refusal.Status, "countersign: an earlier send had no answer, the last one was refused: %v", refusal)
		}
		return none, err
	}
}

// passing says that asking the same again can help.
func passing(err error) bool {
	if refusal, refused := AsRefusal(err); refused {
		return refusal.Passing()
	}
	if !IsUnclear(err) {
		return false
	}
	switch status.Code(err) {
	case codes.Unavailable, codes.DeadlineExceeded, codes.ResourceExhausted, codes.Internal, codes.Unknown, codes.Aborted:
		return true
	default:
		return false
	}
}
