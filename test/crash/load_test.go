package crash

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/galla-gateway/galla/test/process"
)

// order is one deposit as the merchant and the phone know it. It is repeated with the same ids until it is answered.
type order struct {
	id, number string
	merchant   int // index of its secret
	amount     int
	shown      bool // acknowledged: the payer was told the wallet
	evidence   bool // acknowledged
	credited   bool // acknowledged: answered ok
}

// book is what the outside was told.
type book struct {
	mu         sync.Mutex
	orders     []*order
	unanswered atomic.Int64
}

// world is the load: the merchants' backends and one phone.
type world struct {
	t       *testing.T
	galla   *process.Galla
	secrets []string // of the merchants
	token   string   // of the phone
	book    book
	next    atomic.Int64
}

// newWorld makes an installation with a merchant for each URL that takes postbacks.
func newWorld(t *testing.T, database string, urls ...string) *world {
	w := &world{t: t, galla: process.New(t, database)}
	w.galla.MustRun("migrate")
	for i, url := range urls {
		var merchant struct {
			Secret string `json:"api_secret"`
		}
		w.galla.JSON(&merchant, "merchant", "add", "--slug", fmt.Sprintf("shop%d", i), "--name", "Shop", "--postback-url", url)
		w.secrets = append(w.secrets, merchant.Secret)
	}
	w.galla.MustRun("wallet", "add", "--method", "phone_pe", "--identifier", "6234234234", "--currency", "INR", "--holder", "Holder")
	var source struct {
		Token string `json:"token"`
	}
	w.galla.JSON(&source, "source", "add", "--wallet", "1", "--kind", "transfers")
	w.token = source.Token
	return w
}

// order makes the next order; the merchants take turns.
func (w *world) order() *order {
	n := w.next.Add(1)
	o := &order{
		id: fmt.Sprintf("order-%d", n), number: fmt.Sprintf("%012d", n), merchant: int(n) % len(w.secrets), amount: 100 + int(n%900),
	}
	w.book.mu.Lock()
	defer w.book.mu.Unlock()
	w.book.orders = append(w.book.orders, o)
	return o
}

// bring takes one order to its credit; half of them claim before the money is seen. false: the server is gone.
func (w *world) bring(server *process.Server, o *order) bool {
	if len(w.secrets) > 1 && !o.shown && !w.show(server, o) {
		return false
	}
	if len(o.id)%2 == 0 && !o.evidence {
		if status, ok := w.activate(server, o, o.id); !ok {
			return false
		} else if status != "possible_transaction_created" && status != "ok" {
			w.t.Errorf("%s before its money was seen: %s", o.id, status)
		}
	}
	if !o.evidence && !w.observe(server, o) {
		return false
	}
	status, ok := w.activate(server, o, o.id)
	if !ok {
		return false
	}
	if status != "ok" {
		w.t.Errorf("%s with its money seen: %s", o.id, status)
	}
	o.credited = true
	// Somebody else's order can't have the same number again.
	if status, ok := w.activate(server, o, "second-"+o.id); !ok {
		return false
	} else if status != "fail" {
		w.t.Errorf("second order on %s: %s", o.number, status)
	}
	return true
}

// show tells the payer the wallet: one that serves several merchants credits nobody who wasn't told.
func (w *world) show(server *process.Server, o *order) bool {
	answer, ok := w.post(server.URL+"/api/v1/transaction/create/phone_pe", w.secrets[o.merchant],
		fmt.Sprintf(`{"currency":"INR","label":"payer-%s"}`, o.id))
	if !ok {
		return false
	}
	var decoded struct{ Status string }
	if err := json.Unmarshal(answer, &decoded); err != nil || decoded.Status != "ok" {
		w.t.Errorf("wallet of %s: %s", o.id, answer)
	}
	o.shown = true
	return true
}

func (w *world) observe(server *process.Server, o *order) bool {
	body := fmt.Sprintf(`{"reference":%q,"amount":"%d","currency":"INR","occurred_at":%q,"payer":"payer@ybl"}`,
		o.number, o.amount, time.Now().UTC().Format(time.RFC3339))
	answer, ok := w.post(server.URL+"/evidence/v1/transfers", w.token, body)
	if !ok {
		return false
	}
	var results struct {
		Results []struct{ Status string }
	}
	if err := json.Unmarshal(answer, &results); err != nil || len(results.Results) != 1 {
		w.t.Errorf("evidence of %s: %s", o.number, answer)
		return false
	}
	if status := results.Results[0].Status; status != "created" && status != "duplicate" {
		w.t.Errorf("evidence of %s: %s", o.number, answer)
	}
	o.evidence = true
	return true
}

func (w *world) activate(server *process.Server, o *order, id string) (status string, ok bool) {
	body := fmt.Sprintf(`{"currency_code":"INR","wallet_type":"phone_pe","label":%q,"key1":%q,"amount":%d,"custom_transaction_id":%q}`,
		"payer-"+o.id, o.number, o.amount, id)
	answer, ok := w.post(server.URL+"/api/v1/transaction/activate", w.secrets[o.merchant], body)
	if !ok {
		return "", false
	}
	var decoded struct{ Status string }
	if err := json.Unmarshal(answer, &decoded); err != nil {
		w.t.Errorf("activate %s: %s", id, answer)
	}
	return decoded.Status, true
}

var client = &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: workers}}

// post sends one request. Not ok: no answer, or one that says nothing was decided.
func (w *world) post(url, bearer, body string) ([]byte, bool) {
	request, err := http.NewRequest(http.MethodPost, url, bytes.NewReader([]byte(body)))
	if err != nil {
		w.t.Error(err)
		return nil, false
	}
	request.Header.Set("Authorization", "Bearer "+bearer)
	response, err := client.Do(request)
	if err != nil {
		w.book.unanswered.Add(1)
		return nil, false
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		w.book.unanswered.Add(1)
		return nil, false
	}
	return answer, true
}
