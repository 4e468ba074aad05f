// Command verify reads a message per line and prints for each what the handler of the Go example makes of it: null, or
// what would be booked.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/galla-gateway/galla"
)

type message struct {
	Body                 []byte
	ID, Time, Signatures *string
	Now                  int64
}

type credit struct {
	ID        string `json:"id"`
	Label     string `json:"label"`
	Order     string `json:"order"`
	Amount    string `json:"amount"`
	Direction string `json:"direction"`
}

func main() {
	var now time.Time
	var booked *credit
	handler := galla.PostbackHandler(
		galla.PostbackKeys{
			AccessKey: os.Getenv("ACCESS_KEY"), PrivateKey: os.Getenv("POSTBACK_PRIVATE_KEY"),
			WebhookSecrets: strings.Fields(os.Getenv("WEBHOOK_SECRET")),
		},
		galla.NewMemoryStore(galla.DefaultSeenLimit),
		func(p galla.Postback) error {
			id := strconv.FormatInt(p.Data.StockpilingID, 10)
			booked = &credit{id, p.Label, p.Data.PluginCustomOrderID, p.Amount.Text(), string(p.Direction)}
			return nil
		},
		galla.WithNow(func() time.Time { return now }), galla.WithLogger(slog.New(slog.DiscardHandler)))
	output := bufio.NewWriter(os.Stdout)
	defer output.Flush()
	answers, input := json.NewEncoder(output), json.NewDecoder(os.Stdin)
	for {
		var m message
		if err := input.Decode(&m); err == io.EOF {
			return
		} else if err != nil {
			log.Fatal(err)
		}
		request := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(m.Body))
		for name, value := range map[string]*string{
			galla.HeaderWebhookID: m.ID, galla.HeaderWebhookTimestamp: m.Time, galla.HeaderWebhookSignature: m.Signatures,
		} {
			if value != nil {
				request.Header.Set(name, *value)
			}
		}
		now, booked = time.Unix(m.Now, 0), nil
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, request)
		switch {
		case answer.Code == http.StatusOK && booked == nil:
			booked = &credit{ID: "taken for a repeat"}
		case answer.Code == http.StatusOK && booked != nil, answer.Code < http.StatusInternalServerError && booked == nil:
		default:
			log.Fatalf("answered %d %s", answer.Code, answer.Body)
		}
		if err := answers.Encode(booked); err != nil {
			log.Fatal(err)
		}
	}
}
