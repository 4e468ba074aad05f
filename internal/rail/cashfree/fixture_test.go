package cashfree

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/galla-gateway/galla/internal/payout"
	"github.com/galla-gateway/galla/internal/rail"
	"github.com/galla-gateway/galla/internal/rail/wire"
	"github.com/galla-gateway/galla/money"
)

var _ rail.Hearer = (*Rail)(nil)

// clientSecret may be in no text.
const clientSecret = "client-secret"

var instruction = payout.Instruction{
	Reference: payout.Reference(7), Amount: money.Money{Minor: 70050, Currency: money.INR},
	AccountNumber: "7766671501729", AccountName: "Gaurav Kumar", IFSC: "SBIN0000003",
}

// bank is a provider that answers what a test says, in turn; the last answer is repeated.
type bank struct {
	mu      sync.Mutex
	replies []reply
	seen    []string // method, URI, headers that matter, body
}

type reply struct {
	status int
	body   string
}

func (b *bank) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	b.mu.Lock()
	b.seen = append(b.seen, fmt.Sprintf("%s %s\nx-client-id: %s\nx-client-secret: %s\nx-api-version: %s\nContent-Type: %s\n%s", r.Method,
		r.RequestURI, r.Header.Get("x-client-id"), r.Header.Get("x-client-secret"), r.Header.Get("x-api-version"), r.Header.Get("Content-Type"), body))
	now := b.replies[0]
	if len(b.replies) > 1 {
		b.replies = b.replies[1:]
	}
	b.mu.Unlock()
	w.WriteHeader(now.status)
	io.WriteString(w, now.body)
}

// open returns a rail to a bank with these replies.
func open(t testing.TB, replies ...reply) (*Rail, *bank) {
	t.Helper()
	b := &bank{replies: replies}
	server := httptest.NewServer(b)
	t.Cleanup(server.Close)
	r, err := New(Config{ClientID: "CF123", Secret: clientSecret, BaseURL: server.URL + "/payout"})
	if err != nil {
		t.Fatal(err)
	}
	return r, b
}

func replyOf(status int, body []byte) wire.Reply { return wire.Reply{Status: status, Body: body} }

// transferBody is a transfer of the instruction, as Cashfree prints it. Each pair of changes replaces a text.
func transferBody(changes ...string) string {
	const body = `{"transfer_id":"GL00000000000007","cf_transfer_id":"123456","status":"SUCCESS","status_code":"COMPLETED",` +
		`"status_description":"It was credited.","beneficiary_details":{"beneficiary_id":"JOHN18011","beneficiary_instrument_details":` +
		`{"bank_account_number":"7766671501729","bank_ifsc":"SBIN0000003"}},"transfer_amount":700.5,"transfer_service_charge":1,` +
		`"transfer_service_tax":0.18,"transfer_mode":"BANK","transfer_utr":"TESTR92023012200543116","fundsource_id":"CASHFREE_1",` +
		`"added_on":"2021-11-24T13:39:25Z","updated_on":"2021-11-24T13:40:27Z"}`
	return strings.NewReplacer(changes...).Replace(body)
}

// secretless fails if an answer tells the secret or an account number.
func secretless(t testing.TB, a payout.Answer) {
	t.Helper()
	shown := a.RailID + a.UTR + a.Code + a.Reason
	if strings.Contains(shown+string(a.Raw), clientSecret) {
		t.Errorf("the secret is in %+v, %s", a, a.Raw)
	}
	if strings.Contains(shown, instruction.AccountNumber) {
		t.Errorf("the account number is in %+v", a)
	}
}
