package razorpayx

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

// Secrets of the tests: none may be in any text.
const (
	keySecret  = "key-secret-word"
	hookSecret = "hook-secret"
)

var instruction = payout.Instruction{
	Reference: payout.Reference(7), Amount: money.Money{Minor: 70050, Currency: money.INR},
	AccountNumber: "1121431121541121", AccountName: "Gaurav Kumar", IFSC: "HDFC0001234",
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
	b.seen = append(b.seen, fmt.Sprintf("%s %s\nAuthorization: %s\nContent-Type: %s\nX-Payout-Idempotency: %s\n%s",
		r.Method, r.RequestURI, r.Header.Get("Authorization"), r.Header.Get("Content-Type"), r.Header.Get("X-Payout-Idempotency"), body))
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
	r, err := New(Config{KeyID: "rzp_live_1", Secret: keySecret, WebhookSecret: hookSecret, Account: "7878780080316316", BaseURL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	return r, b
}

func replyOf(status int, body []byte) wire.Reply { return wire.Reply{Status: status, Body: body} }

// paidBody is a payout of the instruction, as RazorpayX prints it. Each pair of changes replaces a text.
func paidBody(changes ...string) string {
	const body = `{"id":"pout_00000000000001","entity":"payout","fund_account_id":"fa_1","fund_account":{"id":"fa_1",` +
		`"entity":"fund_account","account_type":"bank_account","bank_account":{"ifsc":"HDFC0001234","bank_name":"HDFC Bank",` +
		`"name":"Gaurav Kumar","notes":[],"account_number":"1121431121541121"}},"amount":70050,"currency":"INR","notes":[],` +
		`"fees":590,"tax":90,"status":"processed","purpose":"payout","utr":"933815233814","mode":"IMPS",` +
		`"reference_id":"GL00000000000007","narration":"GL00000000000007","batch_id":null,"status_details":{"description":` +
		`"Payout is processed","source":"beneficiary_bank","reason":"payout_processed"},"created_at":1545382870}`
	return strings.NewReplacer(changes...).Replace(body)
}

func listBody(items ...string) string {
	return fmt.Sprintf(`{"entity":"collection","count":%d,"items":[%s]}`, len(items), strings.Join(items, ","))
}

// secretless fails if an answer tells a secret or an account number.
func secretless(t testing.TB, a payout.Answer) {
	t.Helper()
	shown := a.RailID + a.UTR + a.Code + a.Reason
	for _, word := range []string{keySecret, hookSecret, "cnpwX2xpdmVf"} {
		if strings.Contains(shown+string(a.Raw), word) {
			t.Errorf("a secret is in %+v, %s", a, a.Raw)
		}
	}
	if strings.Contains(shown, instruction.AccountNumber) {
		t.Errorf("the account number is in %+v", a)
	}
}
