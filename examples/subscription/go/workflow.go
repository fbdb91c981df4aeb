package main

import (
	"context"
	"net/url"
	"slices"

	"countersign.dev/clients/go/countersign"
	pb "countersign.dev/clients/go/countersign/v1"
)

// result is nil for what the run did not come to; a stop of UNSPECIFIED is a run still open.
type result struct {
	stop     pb.RunStop
	decision *pb.Decision
	commit   *pb.CommitResponse
}

// keepFitting is the plans with room for seats, in the order of the price list.
func keepFitting(all offer, seats int) offer {
	all.Plans = slices.DeleteFunc(slices.Clone(all.Plans), func(one plan) bool { return one.SeatsMax < seats })
	return all
}

// activate is the workflow, step for step that of ../workflow.py.
func activate(ctx context.Context, run *countersign.Run, billing, name string, seats int) (came result, err error) {
	team, err := countersign.Step(ctx, run, "read_account", func() (account, error) {
		return read[account](ctx, billing, "/accounts/"+url.PathEscape(name))
	})
	if err != nil {
		return came, err
	}
	fitting, err := countersign.Step(ctx, run, "keep_fitting", func() (offer, error) {
		all, err := read[offer](ctx, billing, "/plans")
		return keepFitting(all, seats), err
	})
	if err != nil {
		return came, err
	}
	if len(fitting.Plans) == 0 {
		came.stop, err = run.Finish(ctx, pb.RunStop_RUN_STOP_FAILED, "no plan fits")
		return came, err
	}

	prices, options := map[string]int64{}, []string{}
	for _, one := range fitting.Plans {
		prices[one.Plan], options = one.MonthlyPriceMicros, append(options, one.Plan)
	}
	came.decision, err = run.Decide(ctx, "select_plan", account{Account: name, TeamSize: seats, Plan: team.Plan}, options...)
	if err != nil {
		return came, err
	}
	if countersign.Decided(came.decision) {
		chosen := came.decision.GetOption()
		what := order{Account: name, Plan: chosen, Seats: seats, AmountMicros: prices[chosen], Currency: fitting.Currency}
		if came.commit, err = run.Commit(ctx, "activate_plan", "select_plan", came.decision, what); err != nil {
			return came, err
		}
	}
	came.stop, err = run.Conclude(ctx, came.decision, came.commit.GetCommit())
	return came, err
}
