package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"countersign.dev/clients/go/countersign"
	pb "countersign.dev/clients/go/countersign/v1"
)

// run is the command: flags in, lines or one JSON object out, the exit code back.
func run(arguments []string, out, errors io.Writer) int {
	flags := flag.NewFlagSet("subscription", flag.ContinueOnError)
	flags.SetOutput(errors)
	gateway := flags.String("gateway", "", "unix:/path or 127.0.0.1:port")
	billing := flags.String("billing", "", "http://127.0.0.1:port")
	name := flags.String("account", "", "who subscribes")
	seats := flags.Int("seats", 0, "people who need a seat")
	runID := flags.String("run-id", "", "the same again is the same run: nothing is written twice")
	giveUpAfterS := flags.Float64("give-up-after-s", 60, "how long each call asks on")
	asJSON := flags.Bool("json", false, "one JSON object instead of lines")
	if err := flags.Parse(arguments); err != nil {
		return codeUsage
	}
	if *gateway == "" || *billing == "" || *name == "" || *seats < 1 || *runID == "" || flags.NArg() > 0 {
		_, _ = fmt.Fprintln(errors, "subscription: --gateway, --billing, --account, --seats and --run-id are all needed, and nothing else")
		return codeUsage
	}
	client, err := countersign.Connect(*gateway)
	if err != nil {
		_, _ = fmt.Fprintln(errors, "subscription:", err)
		return codeError
	}
	defer func() { _ = client.Close() }()
	patience := countersign.Patience{GiveUpAfter: time.Duration(*giveUpAfterS * float64(time.Second))}
	flow := &workflow{client: client, billing: *billing, runID: *runID, patience: patience}
	ctx := context.Background()
	facts := &told{RunID: *runID, Reasons: []string{}}
	code, err := flow.activate(ctx, facts, *name, *seats)
	if err != nil {
		return flow.failed(ctx, facts, err, errors)
	}
	tell(out, facts, *asJSON)
	return code
}

// failed finishes the run FAILED, unless the workflow only could not get through: then, run again, it goes on.
func (flow *workflow) failed(ctx context.Context, facts *told, err error, errors io.Writer) int {
	refusal, refused := countersign.AsRefusal(err)
	if refused {
		err = refusal
	}
	_, _ = fmt.Fprintln(errors, "subscription:", err)
	if countersign.IsUnclear(err) {
		return codeNotKnown
	}
	if !refused || !refusal.Passing() {
		_ = flow.finish(ctx, facts, pb.RunStop_RUN_STOP_FAILED, "error") // the error itself has been told
	}
	return codeError
}

// read gets one JSON document of billing.
func read[Document any](ctx context.Context, billing, path string) (Document, error) {
	var document Document
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, billing+path, nil)
	if err != nil {
		return document, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return document, err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return document, fmt.Errorf("billing answered %d to GET %s", answer.StatusCode, path)
	}
	return document, json.NewDecoder(io.LimitReader(answer.Body, answerBytesMax)).Decode(&document)
}

// document is the value as compact JSON: made once, the bytes that travel.
func document(value any) []byte {
	var written bytes.Buffer
	encoder := json.NewEncoder(&written)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		panic(err) // only our own types come here, and they all have JSON
	}
	return bytes.TrimSuffix(written.Bytes(), []byte("\n"))
}

func codesOf(reasons []*pb.ReasonDetail) []string {
	codes := []string{}
	for _, one := range reasons {
		codes = append(codes, strings.TrimPrefix(one.GetReason().String(), "REASON_"))
	}
	return codes
}

func tell(out io.Writer, facts *told, asJSON bool) {
	if asJSON {
		_, _ = fmt.Fprintf(out, "%s\n", document(facts))
		return
	}
	line := func(name string, value *string) {
		if value != nil {
			_, _ = fmt.Fprintf(out, "%-12s %s\n", name, *value)
		}
	}
	line("run_id", &facts.RunID)
	line("option", facts.Option)
	line("decision_id", facts.DecisionID)
	line("commit_id", facts.CommitID)
	line("outcome", facts.Outcome)
	if facts.Replayed {
		_, _ = fmt.Fprintf(out, "%-12s %v\n", "replayed", facts.Replayed)
	}
	if len(facts.Reasons) > 0 {
		_, _ = fmt.Fprintf(out, "%-12s %s\n", "reasons", strings.Join(facts.Reasons, " "))
	}
	line("stop", facts.Stop)
}
