package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

const answerBytesMax = 1 << 20

type plan struct {
	Plan               string `json:"plan"`
	SeatsMax           int    `json:"seats_max"`
	MonthlyPriceMicros int64  `json:"monthly_price_micros"`
}

type offer struct {
	Currency string `json:"currency"`
	Plans    []plan `json:"plans"`
}

type account struct {
	Account  string `json:"account"`
	TeamSize int    `json:"team_size"`
	Plan     string `json:"plan"`
}

type order struct {
	Account      string `json:"account"`
	Plan         string `json:"plan"`
	Seats        int    `json:"seats"`
	AmountMicros int64  `json:"amount_micros"`
	Currency     string `json:"currency"`
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
