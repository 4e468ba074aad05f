package sim

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/galla-gateway/galla/internal/testkit"
)

func payoutOptions(clock *testkit.Clock) PayoutOptions {
	return PayoutOptions{Now: clock.Now, Seed: 3, Key: "key", Secret: "secret", Account: "7878780080316316", Settle: time.Minute, Late: time.Hour}
}

// razorpayXBody is a request with a reference, an amount in paise and an account.
func razorpayXBody(reference string, paise int, account string) string {
	return fmt.Sprintf(`{"account_number":"7878780080316316","amount":%d,"currency":"INR","mode":"IMPS","purpose":"payout","fund_account":`+
		`{"account_type":"bank_account","bank_account":{"name":"Gaurav Kumar","ifsc":"HDFC0001234","account_number":%q},`+
		`"contact":{"name":"Gaurav Kumar","type":"customer"}},"reference_id":%q,"narration":"Payout"}`, paise, account, reference)
}

func askRazorpayX(t *testing.T, x *RazorpayX, method, path, key, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, x.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth("key", "secret")
	r.Header.Set("X-Payout-Idempotency", key)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	read, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(read)
}

func TestProvidersNeedAClockAndKeys(t *testing.T) {
	whole := payoutOptions(testkit.NewClock())
	for name, spoil := range map[string]func(*PayoutOptions){
		"clock": func(o *PayoutOptions) { o.Now = nil }, "key": func(o *PayoutOptions) { o.Key = "" }, "secret": func(o *PayoutOptions) { o.Secret = "" },
	} {
		o := whole
		spoil(&o)
		if _, err := NewRazorpayX(o); err == nil {
			t.Errorf("RazorpayX without %s", name)
		}
		if _, err := NewCashfree(o); err == nil {
			t.Errorf("Cashfree without %s", name)
		}
	}
}

// The key is what is paid once. Another key is another payout, of the same reference too, and the book shows it.
func TestBookCountsByKey(t *testing.T) {
	clock := testkit.NewClock()
	x, err := NewRazorpayX(payoutOptions(clock))
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	body := razorpayXBody("ref-1", 70050, "1121431121541121")
	var work sync.WaitGroup
	for range 8 {
		work.Go(func() {
			if status, said := askRazorpayX(t, x, http.MethodPost, "/v1/payouts", "key-1", body); status != http.StatusOK {
				t.Errorf("%d %s", status, said)
			}
		})
	}
	work.Wait()
	if n, amount := x.Paid("ref-1"); n != 0 || amount.Minor != 0 {
		t.Errorf("before its time %d were paid, %v", n, amount)
	}
	clock.Advance(time.Minute)
	e, known := x.Entry("ref-1")
	if n, amount := x.Paid("ref-1"); !known || n != 1 || amount.Minor != 70050 || e.Asked != 8 || e.State != "processed" {
		t.Errorf("%d were paid, %v, %+v", n, amount, e)
	}
	if status, said := askRazorpayX(t, x, http.MethodPost, "/v1/payouts", "key-1", razorpayXBody("ref-1", 70051, "1121431121541121")); status != http.StatusBadRequest || !strings.Contains(said, "Different request body") {
		t.Errorf("another body under one key: %d %s", status, said)
	}
	askRazorpayX(t, x, http.MethodPost, "/v1/payouts", "key-2", body)
	clock.Advance(time.Minute)
	if e, _ := x.Entry("ref-1"); e.Payouts != 2 || e.Credits != 2 || e.Amount.Minor != 140100 {
		t.Errorf("two keys: %+v", e)
	}
	if all := x.All(); len(all) != 1 || all[0].Reference != "ref-1" {
		t.Errorf("all: %+v", all)
	}
	if _, known := x.Entry("ref-2"); known {
		t.Error("ref-2 was never asked for")
	}
}

func TestRazorpayXIsStrict(t *testing.T) {
	x, err := NewRazorpayX(payoutOptions(testkit.NewClock()))
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	good := razorpayXBody("ref-1", 70050, "1121431121541121")
	for name, c := range map[string][3]string{
		"no key":        {http.MethodPost, "", good},
		"odd key":       {http.MethodPost, "a/bcd", good},
		"unknown field": {http.MethodPost, "key-1", strings.Replace(good, `"mode"`, `"modus":"x","mode"`, 1)},
		"other account": {http.MethodPost, "key-1", strings.Replace(good, "7878780080316316", "1", 1)},
		"not JSON":      {http.MethodPost, "key-1", "hello"},
		"mode":          {http.MethodPost, "key-1", strings.Replace(good, "IMPS", "imps", 1)},
		"narration":     {http.MethodPost, "key-1", strings.Replace(good, `"Payout"`, `"Pay-out"`, 1)},
		"listing":       {http.MethodGet, "", ""},
	} {
		if status, said := askRazorpayX(t, x, c[0], "/v1/payouts", c[1], c[2]); status != http.StatusBadRequest || !strings.Contains(said, `"error"`) {
			t.Errorf("%s: %d %s", name, status, said)
		}
	}
	if len(x.All()) != 0 {
		t.Errorf("taken on: %+v", x.All())
	}
	answer, err := http.Get(x.URL + "/v1/payouts")
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusUnauthorized {
		t.Errorf("without keys: %d", answer.StatusCode)
	}
}

// Two banks with one seed do the same to the same requests, in whatever order these come; another seed does otherwise.
func TestSeedDecides(t *testing.T) {
	run := func(seed uint64, order []int) string {
		clock := testkit.NewClock()
		o := payoutOptions(clock)
		o.Seed = seed
		o.Lives = map[PayoutLife]int{LifeFails: 300, LifePaysThenReverses: 300}
		o.Calls = map[CallFault]int{CallBreaksAfter: 300, CallTooMany: 300}
		x, err := NewRazorpayX(o)
		if err != nil {
			t.Fatal(err)
		}
		defer x.Close()
		var told []string
		for _, n := range order {
			status, _ := askRazorpayX(t, x, http.MethodPost, "/v1/payouts", fmt.Sprintf("key-%d", n), razorpayXBody(fmt.Sprintf("ref-%d", n), 100, "1121431121541121"))
			told = append(told, fmt.Sprintf("%d was answered %d", n, status))
		}
		clock.Advance(2 * time.Hour)
		for _, e := range x.All() {
			told = append(told, fmt.Sprintf("%s is %s, %d", e.Reference, e.State, e.Credits))
		}
		slices.Sort(told)
		return strings.Join(told, "\n")
	}
	var there, back []int
	for n := range 30 {
		there, back = append(there, n), append([]int{n}, back...)
	}
	if a, b := run(3, there), run(3, back); a != b {
		t.Errorf("by order:\n%s\n\n%s", a, b)
	}
	if run(3, there) == run(4, there) {
		t.Error("another seed did the same")
	}
}

func TestShares(t *testing.T) {
	o := PayoutOptions{Seed: 1}
	counts := map[CallFault]int{}
	for n := range 10000 {
		counts[choose(o.draw("x", fmt.Sprint(n)), callFaults, map[CallFault]int{CallCut: 100, CallHTML: 300})]++
	}
	for fault, want := range map[CallFault]int{CallCut: 1000, CallHTML: 3000, "": 6000} {
		if got := counts[fault]; got < want*9/10 || got > want*11/10 {
			t.Errorf("%q came %d times, want about %d", fault, got, want)
		}
	}
}

func TestHooksComeOnceAndInTheirTime(t *testing.T) {
	clock := testkit.NewClock()
	o := payoutOptions(clock)
	o.Life = func(string) PayoutLife { return LifePaysThenReverses }
	x, err := NewRazorpayX(o)
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	askRazorpayX(t, x, http.MethodPost, "/v1/payouts", "key-1", razorpayXBody("ref-1", 100, "1121431121541121"))
	for _, want := range []string{"payout.processed", "payout.reversed"} {
		if due := x.Due(); len(due) != 0 {
			t.Errorf("too early: %s", due[0].Body)
		}
		clock.Advance(time.Hour)
		due := x.Due()
		if len(due) != 1 || !bytes.Contains(due[0].Body, []byte(`"`+want+`"`)) || !due[0].Genuine {
			t.Fatalf("due are %d, want %s", len(due), want)
		}
	}
}

func TestCloseEndsThoseWhoHang(t *testing.T) {
	o := payoutOptions(testkit.NewClock())
	came := make(chan struct{})
	o.Fault = func(Call) CallFault { close(came); return CallHangsBefore }
	x, err := NewCashfree(o)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() {
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, x.URL+"/transfers?transfer_id=1", nil)
		r.Header.Set("x-client-id", "key")
		r.Header.Set("x-client-secret", "secret")
		r.Header.Set("x-api-version", "2024-01-01")
		_, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
		ended <- err
	}()
	<-came
	x.Close()
	x.Close()
	if err := <-ended; err == nil {
		t.Error("there was an answer")
	}
}
