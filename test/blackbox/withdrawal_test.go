package blackbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/galla-gateway/galla/internal/sim"
	"github.com/galla-gateway/galla/internal/testkit"
)

const (
	createdJSON   = `{"status":"ok"}`
	noBalanceJSON = `{"status":"fail","message":{"withdrawals_sum_amount":["Insufficient balance"]}}`
)

// person runs commands as an operator.
func (w *world) person(name string) *world {
	w.t.Helper()
	var added struct {
		Key string `json:"key"`
	}
	w.secretly(&added, "operator", "add", name)
	w.said.secret(added.Key)
	as := *w
	as.galla = w.galla.With("GALLA_OPERATOR_KEY=" + added.Key)
	return &as
}

// fund gives shop money, by two people, whom it returns.
func (w *world) fund(rupees string) (asha, ravi *world) {
	w.t.Helper()
	asha, ravi = w.person("asha"), w.person("ravi")
	var proposed struct {
		ID int64 `json:"id"`
	}
	asha.json(&proposed, "ledger", "topup", "--merchant", "shop", "--amount", rupees, "--reason", "by cheque")
	ravi.must("ledger", "book", fmt.Sprint(proposed.ID))
	return asha, ravi
}

// wanted is the body of a withdrawal, unsigned.
func wanted(id string, rupees int64, change map[string]any) map[string]any {
	body := map[string]any{
		"withdrawal_id": id, "payment_system": "imps_ib", "amount": rupees, "currency_code": "INR", "is_test": false, "label": "user-7",
		"account_number": "501001234567", "account_name": "Asha Rao", "bank_details": map[string]any{"branch_code": "HDFC0001234"},
	}
	maps.Copy(body, change)
	return body
}

// signed lets real PHP sign a body.
func (w *world) signed(body map[string]any, key string) string {
	w.t.Helper()
	input, err := json.Marshal(map[string]any{"key": key, "body": body})
	if err != nil {
		w.t.Fatal(err)
	}
	command := exec.Command(testkit.Program(w.t, "php"), "testdata/sign_withdrawal.php")
	var stderr bytes.Buffer
	command.Stdin, command.Stderr = bytes.NewReader(input), &stderr
	output, err := command.Output()
	if err != nil {
		w.t.Fatalf("php: %v\n%s", err, stderr.String())
	}
	return string(output)
}

// ask sends a withdrawal of shop that PHP signed, and compares the answer.
func (w *world) ask(body map[string]any, code int, answer string) {
	w.t.Helper()
	w.want(call{path: "/v2/withdrawal/create", body: w.signed(body, w.shop.WithdrawalKey)}, code, answer)
}

// withdrawn is a withdrawal as people see it.
type withdrawn struct {
	ID           int64  `json:"id"`
	WithdrawalID string `json:"withdrawal_id"`
	State        string `json:"state"`
	Reference    string `json:"reference"`
	UTR          string `json:"utr"`
}

// withdrawal finds a withdrawal by the merchant's id.
func (w *world) withdrawal(id string) withdrawn {
	w.t.Helper()
	var list []withdrawn
	w.json(&list, "withdrawal", "list", "--merchant", "shop")
	for _, found := range list {
		if found.WithdrawalID == id {
			return found
		}
	}
	w.t.Fatalf("withdrawal %s isn't in %v", id, list)
	return withdrawn{}
}

// ended waits for the postback of a withdrawal's end, has PHP check it, and returns its body.
func (w *world) ended(id string, status int) string {
	w.t.Helper()
	var found []delivery
	w.eventually("a postback of withdrawal "+id, func() bool {
		found = w.receiver.deliveries(func(d delivery) bool { return strings.Contains(d.body, fmt.Sprintf(`"withdrawal_id":%q,`, id)) })
		return len(found) > 0
	})
	d := found[0]
	w.said.hear(d.body)
	w.wantSigned(d, w.shop)
	if len(found) != 1 || d.path != "/shop" || !strings.Contains(d.body, fmt.Sprintf(`"withdrawal_status":%d,`, status)) || !strings.Contains(d.body, `"direction":"outgoing"`) {
		w.t.Errorf("withdrawal %s: told %d times at %s: %s", id, len(found), d.path, d.body)
	}
	return d.body
}

// merchants asks a GET, or a POST without a body, with shop's API secret.
func (w *world) merchants(method, path string) answer {
	w.t.Helper()
	return w.do(call{method: method, path: path, header: []string{"Authorization: Bearer " + w.shop.APISecret}})
}

func (w *world) wantBalance(available, reserved string) {
	w.t.Helper()
	want := fmt.Sprintf(`"available":%q,"reserved":%q`, available, reserved)
	if got := w.merchants(http.MethodGet, "/v3/balances"); got.code != http.StatusOK || !strings.Contains(got.body, want) {
		w.t.Errorf("balances are %d %s, want %s", got.code, got.body, want)
	}
}

func TestWithdrawals(t *testing.T) {
	eachWorld(t, func(_ *testing.T, w *world) {
		asha, ravi := w.fund("1000")
		w.tell("paid by hand", func(w *world) { paidByHand(w, asha, ravi) })
		w.tell("refused", refusedWithdrawals)
		w.tell("cancelled by the merchant", cancelledByMerchant)
		w.tell("tests move no money", testWithdrawals)
		w.tell("by a provider", func(w *world) { paidByProvider(w, asha) })
		w.tell("by a bank's file", func(w *world) { paidByFile(w, asha) })
		if got := w.must("audit", "verify"); !strings.Contains(got, "rows") {
			w.t.Error(got)
		}
	})
}

func paidByHand(w *world, asha, ravi *world) {
	body := wanted("hand-1", 300, map[string]any{"comment": "rent / flat 7"})
	w.ask(body, http.StatusOK, createdJSON)
	w.ask(body, http.StatusOK, createdJSON)
	w.ask(wanted("hand-1", 301, nil), http.StatusOK, `{"status":"fail","message":"withdrawal_id hand-1 was sent before with another content"}`)
	w.wantBalance("700", "300")
	n := fmt.Sprint(w.withdrawal("hand-1").ID)
	if r := asha.run("withdrawal", "claim", n); r.Code != 1 || !strings.Contains(r.Stderr, "only an approved one") {
		w.t.Errorf("claimed before it was approved: %+v", r)
	}
	asha.must("withdrawal", "approve", n)
	if text := asha.must("withdrawal", "claim", n); !strings.Contains(text, "501001234567") || !strings.Contains(text, w.withdrawal("hand-1").Reference) {
		w.t.Error(text)
	}
	if r := ravi.run("withdrawal", "claim", n); r.Code != 1 || !strings.Contains(r.Stderr, "is being paid by operator") {
		w.t.Errorf("two people pay the same: %+v", r)
	}
	if got := w.merchants(http.MethodPost, "/v3/withdrawals/"+n+"/cancel"); got.code != http.StatusConflict {
		w.t.Errorf("cancelled while it is paid: %+v", got)
	}
	asha.must("withdrawal", "settle", n, "--utr", "412345678901")
	told := w.ended("hand-1", 1)
	for _, want := range []string{
		`"wallet_type":"imps_ib","amount":300,"currency_code":"INR","label":"user-7"`, `"comment":"rent / flat 7","amount":"300"`, `"stockpiling_id":` + n + `,"transaction_id":"412345678901"`,
		`"plugin_custom_order_id":null`, `"account_number":"501001234567","account_name":"Asha Rao"`, `"bank_details":{"bank_code":"","branch_code":"HDFC0001234"}`,
	} {
		if !strings.Contains(told, want) {
			w.t.Errorf("%s lacks %s", told, want)
		}
	}
	w.wantBalance("700", "0")
	if got := w.merchants(http.MethodGet, "/v3/withdrawals/"+n); got.code != http.StatusOK || !strings.Contains(got.body, `"state":"paid"`) || !strings.Contains(got.body, "412345678901") {
		w.t.Errorf("%+v", got)
	}
	got := w.do(call{method: http.MethodGet, host: "api.other.localhost:8080", path: "/v3/withdrawals/" + n, header: []string{"Authorization: Bearer " + w.other.APISecret}})
	if got.code != http.StatusNotFound {
		w.t.Errorf("another merchant sees it: %+v", got)
	}
}

func refusedWithdrawals(w *world) {
	w.ask(wanted("much-1", 5000, nil), http.StatusOK, noBalanceJSON)
	w.ask(wanted("much-1", 5000, nil), http.StatusOK, noBalanceJSON)
	right := w.signed(wanted("wrong-1", 100, nil), w.shop.WithdrawalKey)
	for what, c := range map[string]struct {
		call
		code int
	}{
		"amount changed":    {call{path: "/v2/withdrawal/create", body: strings.Replace(right, `"amount":100`, `"amount":101`, 1)}, 403},
		"account changed":   {call{path: "/v2/withdrawal/create", body: strings.Replace(right, "501001234567", "501001234568", 1)}, 403},
		"another's key":     {call{path: "/v2/withdrawal/create", body: w.signed(wanted("wrong-1", 100, nil), w.other.WithdrawalKey)}, 403},
		"another's host":    {call{host: "api.other.localhost:8080", path: "/v2/withdrawal/create", body: right}, 403},
		"nobody's host":     {call{host: baseHost, path: "/v2/withdrawal/create", body: right}, 404},
		"unknown merchant":  {call{host: baseHost, path: "/v2/withdrawal/create?merchant=nobody", body: right}, 404},
		"get":               {call{method: http.MethodGet, path: "/v2/withdrawal/create"}, 405},
		"no JSON":           {call{path: "/v2/withdrawal/create", body: "x"}, 422},
		"a member too much": {call{path: "/v2/withdrawal/create", body: strings.Replace(right, "{", `{"more":"",`, 1)}, 422},
		"amount as text":    {call{path: "/v2/withdrawal/create", body: strings.Replace(right, `"amount":100`, `"amount":"100"`, 1)}, 422},
		"too large":         {call{path: "/v2/withdrawal/create", body: strings.Replace(right, "Asha Rao", strings.Repeat("x", 1<<20), 1)}, 413},
	} {
		got := w.do(c.call)
		if got.code != c.code || !strings.Contains(got.body, `"status":"fail"`) || strings.Contains(got.body, "501001234567") {
			w.t.Errorf("%s: %d %s, want %d", what, got.code, got.body, c.code)
		}
	}
	w.wantBalance("700", "0")
}

func cancelledByMerchant(w *world) {
	w.want(call{host: baseHost, path: "/v2/withdrawal/create?merchant=shop", body: w.signed(wanted("back-1", 50, nil), w.shop.WithdrawalKey)}, http.StatusOK, createdJSON)
	w.wantBalance("650", "50")
	path := fmt.Sprintf("/v3/withdrawals/%d", w.withdrawal("back-1").ID)
	for range 2 {
		if got := w.merchants(http.MethodPost, path+"/cancel"); got.code != http.StatusOK || !strings.Contains(got.body, `"state":"returned"`) {
			w.t.Errorf("%+v", got)
		}
	}
	w.ended("back-1", 5)
	w.wantBalance("700", "0")
}

func testWithdrawals(w *world) {
	for id, c := range map[string]struct {
		account string
		status  int
	}{"test-paid": {"501001239999", 1}, "test-fails": {"501001230001", 5}, "test-late": {"501001230002", 1}} {
		w.ask(wanted(id, 200_000, map[string]any{"is_test": true, "account_number": c.account}), http.StatusOK, createdJSON)
		w.ended(id, c.status)
	}
	w.wantBalance("700", "0")
}

// file writes a file into the installation's folder, for its owner only.
func (w *world) file(name, content string) string {
	w.t.Helper()
	path := filepath.Join(w.galla.Folder(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return path
}

// paidByProvider: a server that runs learns of a new rail, pays by it, and believes its webhook.
func paidByProvider(w *world, asha *world) {
	const secret, hookSecret = "provider-secret-word", "provider-hook-word"
	w.said.secret(secret, hookSecret)
	provider, err := sim.NewRazorpayX(sim.PayoutOptions{
		Now: time.Now, Key: "rzp_test", Secret: secret, WebhookSecret: hookSecret, Account: "2323230041626905", Settle: time.Millisecond,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	defer provider.Close()
	settings := w.file("rx.json", fmt.Sprintf(`{"key_id":"rzp_test","secret":%q,"webhook_secret":%q,"account":"2323230041626905","base_url":%q}`, secret, hookSecret, provider.URL))
	asha.must("rail", "add", "rx", "--kind", "razorpayx", "--settings", settings)
	w.must("merchant", "set", "shop", "withdrawal_rail=rx", "withdrawal_auto_limit=1000")
	w.soon("the server pays by the new rail", func() bool {
		id := fmt.Sprintf("rail-%d", time.Now().UnixNano())
		w.ask(wanted(id, 10, nil), http.StatusOK, createdJSON)
		return w.withdrawal(id).State != "created"
	})
	w.ask(wanted("rx-1", 200, nil), http.StatusOK, createdJSON)
	reference := w.withdrawal("rx-1").Reference
	w.eventually("the provider has it", func() bool { _, ok := provider.Entry(reference); return ok })
	for _, hook := range provider.Due() {
		header := []string{}
		for name, values := range hook.Header {
			header = append(header, name+": "+values[0])
		}
		if got := w.do(call{host: baseHost, path: "/rails/v1/rx", body: string(hook.Body), header: header}); got.code != http.StatusOK {
			w.t.Errorf("webhook: %+v", got)
		}
		if got := w.do(call{host: baseHost, path: "/rails/v1/rx", body: string(hook.Body) + " ", header: header}); got.code/100 != 4 {
			w.t.Errorf("a webhook that was changed: %+v", got)
		}
	}
	told := w.ended("rx-1", 1)
	if entry, _ := provider.Entry(reference); entry.Payouts != 1 || entry.Credits != 1 || !strings.Contains(told, `"transaction_id":"`+entry.UTR+`"`) {
		w.t.Errorf("the provider has %+v, told was %s", entry, told)
	}
}

func paidByFile(w *world, asha *world) {
	asha.must("rail", "add", "bank", "--kind", "bankfile", "--settings", w.file("bank.json", `{"template":"generic","account":"000405001234"}`))
	w.must("merchant", "set", "shop", "withdrawal_rail=bank")
	w.soon("the server uses the new rail", func() bool {
		id := fmt.Sprintf("file-%d", time.Now().UnixNano())
		w.ask(wanted(id, 10, nil), http.StatusOK, createdJSON)
		var list []struct{ Rail string }
		w.json(&list, "withdrawal", "list", "--state", "approved")
		return len(list) > 0 && list[0].Rail == "bank"
	})
	w.ask(wanted("file-1", 20, nil), http.StatusOK, createdJSON)
	path := filepath.Join(w.galla.Folder(), "upload.csv")
	asha.must("withdrawal", "export", "--rail", "bank", "--output", path)
	upload, err := os.ReadFile(path)
	reference := w.withdrawal("file-1").Reference
	if err != nil || bytes.Count(upload, []byte(reference)) != 1 {
		w.t.Fatalf("%s, %v", upload, err)
	}
	report := w.file("report.csv", "Reference,Amount,Status,UTR\n"+reference+",20.00,Success,412345678999\n")
	if text := asha.must("withdrawal", "import", report, "--rail", "bank"); !strings.Contains(text, "paid                                  1") {
		w.t.Error(text)
	}
	w.ended("file-1", 1)
}

// sameTimes is how often one body is sent.
const sameTimes = 10_000

// One body that is sent ten thousand times, by many connections, is one withdrawal: over two servers on PostgreSQL, over a
// restart on SQLite, which has one server at a time.
func TestSameWithdrawalTenThousandTimes(t *testing.T) {
	t.Parallel()
	testkit.EachEngine(t, func(t *testing.T, database string) {
		w := newWorld(t, database)
		w.fund("1000")
		body := w.signed(wanted("same-1", 600, nil), w.shop.WithdrawalKey)
		if strings.HasPrefix(database, "postgres") {
			second := w.galla.Serve()
			w.hammer(body, sameTimes, w.server.URL, second.URL)
			if code := second.Stop(); code != 0 {
				t.Errorf("stopped with %d", code)
			}
		} else {
			w.hammer(body, sameTimes/2, w.server.URL)
			w.server.Kill()
			w.server = w.galla.Serve()
			w.hammer(body, sameTimes/2, w.server.URL)
		}
		var list []withdrawn
		if w.json(&list, "withdrawal", "list"); len(list) != 1 {
			t.Errorf("there are %d withdrawals: %v", len(list), list)
		}
		w.wantBalance("400", "600")
		w.galla.MustRun("audit")
	})
}

// hammer sends a body so many times to the servers in turn. Each answer is that it is taken on.
func (w *world) hammer(body string, times int64, urls ...string) {
	w.t.Helper()
	client := &http.Client{Timeout: patience, Transport: &http.Transport{MaxIdleConnsPerHost: 32}}
	defer client.CloseIdleConnections()
	var sent, wrong atomic.Int64
	var group sync.WaitGroup
	for range 32 {
		group.Go(func() {
			for n := sent.Add(1); n <= times; n = sent.Add(1) {
				request, err := http.NewRequest(http.MethodPost, urls[int(n)%len(urls)]+"/v2/withdrawal/create", strings.NewReader(body))
				if err != nil {
					w.t.Error(err)
					return
				}
				request.Host = shopHost
				response, err := client.Do(request)
				if err != nil {
					w.t.Error(err)
					return
				}
				answer, err := io.ReadAll(response.Body)
				response.Body.Close()
				if (err != nil || response.StatusCode != http.StatusOK || string(answer) != createdJSON) && wrong.Add(1) == 1 {
					w.t.Errorf("answer %d %s, %v", response.StatusCode, answer, err)
				}
			}
		})
	}
	group.Wait()
	if wrong.Load() > 0 {
		w.t.Errorf("%d of %d answers were wrong", wrong.Load(), times)
	}
}
