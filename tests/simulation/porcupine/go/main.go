// Command porcupine says of each history, a line of JSON on standard input, whether it is linearizable: a line on standard output, by Porcupine, after
// the contract as contract.go has it. It shares no line with the checker and the specification beside it, which it is there to be held against.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
)

const (
	historyBytesMax = 64 << 20
	standingsMax    = 5_000_000
)

func main() {
	if err := answer(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func answer(asked io.Reader, told io.Writer) error {
	lines := bufio.NewScanner(asked)
	lines.Buffer(nil, historyBytesMax)
	answers := json.NewEncoder(told)
	for lines.Scan() {
		var history History
		if err := json.Unmarshal(lines.Bytes(), &history); err != nil {
			return err
		}
		verdict, err := judged(&history, standingsMax)
		if err != nil {
			return err
		}
		if err := answers.Encode(verdict); err != nil {
			return err
		}
	}
	return lines.Err()
}
