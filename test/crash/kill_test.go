// Package crash kills the real binary under load and checks from outside that nothing acknowledged is lost and that
// nothing is credited twice. The book of what was acknowledged is the test's own.
package crash

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/galla-gateway/galla/internal/testkit"
	"github.com/galla-gateway/galla/test/process"
)

const (
	// defaultCycles keeps `make test` short; GALLA_CRASH_CYCLES=50 is the long run.
	defaultCycles = 6
	workers       = 24
	shortestLife  = 100 * time.Millisecond
	longestLife   = 700 * time.Millisecond
)

func TestMain(m *testing.M) {
	code := m.Run()
	process.Remove()
	os.Exit(code)
}

func cycles(t *testing.T) int {
	text := os.Getenv("GALLA_CRASH_CYCLES")
	if text == "" {
		return defaultCycles
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("GALLA_CRASH_CYCLES=%q: expected a number of cycles", text)
	}
	return n
}

func TestKillUnderLoadSQLite(t *testing.T) {
	t.Parallel()
	killUnderLoad(t, testkit.SQLite(t))
}

func TestKillUnderLoadPostgres(t *testing.T) {
	t.Parallel()
	killUnderLoad(t, testkit.DurablePostgres(t).DSN("postgres"))
}

// order is one deposit as the merchant and the phone know it. It is repeated with the same ids until it is answered.
type order struct {
	id, number string
	amount     int
	evidence   bool // acknowledged
	credited   bool // acknowledged: answered ok
}

// book is what the outside was told.
type book struct {
	mu         sync.Mutex
	orders     []*order
	unanswered atomic.Int64
}

// world is the load: one merchant's backend and one phone.
type world struct {
	t             *testing.T
	galla         *process.Galla
	secret, token string
	book          book
	next          atomic.Int64
}

func killUnderLoad(t *testing.T, database string) {
	w := &world{t: t, galla: process.New(t, database)}
	w.galla.MustRun("migrate")
	var merchant struct {
		Secret string `json:"api_secret"`
	}
	w.galla.JSON(&merchant, "merchant", "add", "--slug", "shop", "--name", "Shop", "--postback-url", "http://127.0.0.1:9/")
	w.galla.MustRun("wallet", "add", "--method", "phone_pe", "--identifier", "6234234234", "--currency", "INR", "--holder", "Holder")
	var source struct {
		Token string `json:"token"`
	}
	w.galla.JSON(&source, "source", "add", "--wallet", "1", "--kind", "transfers")
	w.secret, w.token = merchant.Secret, source.Token

	rounds := cycles(t)
	for range rounds {
		w.cycle()
	}
	w.settle()
	t.Logf("%d kills, %d orders, %d requests without an answer", rounds, len(w.book.orders), w.book.unanswered.Load())
	if w.book.unanswered.Load() == 0 {
		t.Error("no kill hit an open request: this proved nothing")
	}
}

// cycle starts the server, loads it, kills it at a random moment, and audits what is left.
func (w *world) cycle() {
	w.t.Helper()
	server := w.galla.Serve()
	stop := make(chan struct{})
	var group sync.WaitGroup
	// The shares are dealt before anybody works: from here on an order is one worker's alone.
	var shares [workers][]*order
	for i := range workers {
		shares[i] = w.open(i)
	}
	for _, share := range shares {
		group.Go(func() { w.work(server, share, stop) })
	}
	time.Sleep(shortestLife + rand.N(longestLife-shortestLife))
	server.Kill()
	close(stop)
	group.Wait()
	if r := w.galla.Run("audit"); r.Code != 0 {
		w.t.Fatalf("audit after a kill: exit %d\n%s%s", r.Code, r.Stdout, r.Stderr)
	}
}

// work repeats what this worker has open, then goes on with new orders, until the server is gone.
func (w *world) work(server *process.Server, open []*order, stop <-chan struct{}) {
	for _, o := range open {
		if !w.bring(server, o) {
			return
		}
	}
	for {
		select {
		case <-stop:
			return
		default:
		}
		n := w.next.Add(1)
		o := &order{id: fmt.Sprintf("order-%d", n), number: fmt.Sprintf("%012d", n), amount: 100 + int(n%900)}
		w.book.mu.Lock()
		w.book.orders = append(w.book.orders, o)
		w.book.mu.Unlock()
		if !w.bring(server, o) {
			return
		}
	}
}

// open lists this worker's share of orders that aren't answered yet.
func (w *world) open(worker int) []*order {
	w.book.mu.Lock()
	defer w.book.mu.Unlock()
	var list []*order
	for i, o := range w.book.orders {
		if i%workers == worker && !o.credited {
			list = append(list, o)
		}
	}
	return list
}

// bring takes one order to its credit; half of them claim before the money is seen. false: the server is gone.
func (w *world) bring(server *process.Server, o *order) bool {
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
	answer, ok := w.post(server.URL+"/api/v1/transaction/activate", w.secret, body)
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

// settle repeats everything on a server that is left alone: whoever was told ok is told ok again, the rest is brought
// to its end, and the books hold exactly one credit per number.
func (w *world) settle() {
	w.t.Helper()
	server := w.galla.Serve()
	var group sync.WaitGroup
	for worker := range workers {
		group.Go(func() {
			for i, o := range w.book.orders {
				if i%workers != worker {
					continue
				}
				if o.credited {
					if status, ok := w.activate(server, o, o.id); !ok || status != "ok" {
						w.t.Errorf("%s was told ok, and is now told %q", o.id, status)
					}
				} else if !w.bring(server, o) {
					w.t.Errorf("%s gets no answer", o.id)
				}
			}
		})
	}
	group.Wait()
	if code := server.Stop(); code != 0 {
		w.t.Errorf("serve ended with %d:\n%s", code, server.Log())
	}
	w.galla.MustRun("audit")
	var balances []struct {
		Kind    string `json:"kind"`
		Balance string `json:"balance"`
	}
	w.galla.JSON(&balances, "balance")
	want := 0
	for _, o := range w.book.orders {
		want += o.amount
	}
	for _, b := range balances {
		if b.Kind == "merchant" && b.Balance != fmt.Sprintf("%d.00", want) {
			w.t.Errorf("the merchant's balance is %s, the outside paid in %d.00", b.Balance, want)
		}
	}
}
