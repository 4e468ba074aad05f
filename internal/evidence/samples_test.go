package evidence

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/galla-gateway/galla/money"
)

// expected is a Reading as the .json file beside a sample writes it.
type expected struct {
	Outcome     string `json:"outcome"`
	Reason      Reason `json:"reason,omitempty"`
	Number      string `json:"number,omitempty"`
	Amount      string `json:"amount,omitempty"`
	OccurredAt  string `json:"occurred_at,omitempty"`
	Precision   string `json:"precision,omitempty"`
	Payer       string `json:"payer,omitempty"`
	Tail        string `json:"tail,omitempty"`
	Balance     string `json:"balance,omitempty"`
	Bank        string `json:"bank,omitempty"`
	Template    string `json:"template,omitempty"`
	HeaderKnown bool   `json:"header_known,omitempty"`
	App         bool   `json:"app,omitempty"`
	ReversalOf  string `json:"reversal_of,omitempty"`
}

func expectedOf(r Reading) expected {
	e := expected{
		Outcome: r.Outcome.String(), Reason: r.Reason, Number: r.Number, Payer: r.Payer, Tail: r.Tail, Bank: r.Bank,
		Template: r.Template, HeaderKnown: r.HeaderKnown, App: r.App, ReversalOf: r.ReversalOf,
	}
	if r.Amount != (money.Money{}) {
		e.Amount, e.Precision = r.Amount.Fixed(), r.Precision.String()
		e.OccurredAt = r.OccurredAt.Format(time.RFC3339Nano)
	}
	if r.Balance != (money.Money{}) {
		e.Balance = r.Balance.Fixed()
	}
	return e
}

var testNow = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

// readSample reads "Name: value" lines, an empty line, and the text.
func readSample(t testing.TB, path string) Message {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, text, ok := strings.Cut(string(content), "\n\n")
	if !ok {
		t.Fatalf("%s: no empty line between its head and its text", path)
	}
	m := Message{Text: strings.TrimSuffix(text, "\n"), Raw: content}
	for line := range strings.SplitSeq(head, "\n") {
		name, value, _ := strings.Cut(line, ": ")
		switch name {
		case "Sender":
			m.Sender = value
		case "App":
			m.App = value
		case "Title":
			m.Title = value
		case "Received":
			m.GivenTime = value
			if m.ReceivedAt, err = time.Parse(time.RFC3339, value); err != nil {
				t.Fatalf("%s: %v", path, err)
			}
		default:
			t.Fatalf("%s: unknown head line %q", path, line)
		}
	}
	return m
}

func samplePaths(t testing.TB) []string {
	t.Helper()
	paths, err := filepath.Glob("bank/testdata/*/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	const least = 45
	if len(paths) < least {
		t.Fatalf("found %d samples, want at least %d", len(paths), least)
	}
	return paths
}

// TestSamples reads every sample below bank/testdata: drop NAME.txt and NAME.json there and it is a test.
func TestSamples(t *testing.T) {
	reader := NewReader(nil)
	for _, path := range samplePaths(t) {
		t.Run(strings.TrimPrefix(path, "bank/testdata/"), func(t *testing.T) {
			content, err := os.ReadFile(strings.TrimSuffix(path, ".txt") + ".json")
			if err != nil {
				t.Fatal(err)
			}
			var want expected
			decoder := json.NewDecoder(strings.NewReader(string(content)))
			decoder.DisallowUnknownFields()
			if err := decoder.Decode(&want); err != nil {
				t.Fatal(err)
			}
			got := expectedOf(reader.Read(readSample(t, path), testNow))
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
