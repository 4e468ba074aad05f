package demo

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/keyring"
	"github.com/galla-gateway/galla/internal/oracle"
	"github.com/galla-gateway/galla/internal/sim"
	"github.com/galla-gateway/galla/internal/store"
	"github.com/galla-gateway/galla/money"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// transcript is what a demo prints, readable while it prints.
type transcript struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *transcript) Write(text []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(text)
}

func (b *transcript) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// emptyFolder lets temporary folders be made where the test sees what is left of them.
func emptyFolder(t *testing.T) (leftovers func()) {
	folder := t.TempDir()
	t.Setenv("TMPDIR", folder)
	return func() {
		t.Helper()
		left, err := os.ReadDir(folder)
		if err != nil || len(left) != 0 {
			t.Errorf("left behind: %v (%v)", left, err)
		}
	}
}

func TestOnce(t *testing.T) {
	leftovers := emptyFolder(t)
	var out transcript
	began := time.Now()
	if err := Once(t.Context(), Options{Out: &out, Now: time.Now, Seed: 1}); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %v", took)
	}
	leftovers()
	story := out.String()
	for _, outcome := range []string{
		// what the shop was answered
		`"status":"ok","deposit":true,"deposit_amount":500,`,
		`"status":"possible_transaction_created"`,
		`"status":"ok","deposit":true,"deposit_amount":250.5,`,
		`"status":"pending"`,
		`"status":"ok","deposit":true,"deposit_amount":499,`,
		`"status":"fail","message":"This is PhonePe's own transaction ID.`,
		`"status":"fail","message":"The transaction could not be confirmed.`,
		// what the others saw
		"SIMULATION — no real money",
		"SMS from ",
		`"status":"created"`,
		`"status":"duplicate"`,
		"held, because of amount_mismatch",
		"galla claim accept ",
		"unclaimed on account 1 → owed to shop",
		"owed to shop → fees of shop",
		"the signature in the body: right; the webhook signature: right",
		"owed to shop ₹737.00 · fees ₹12.50 · unclaimed ₹100.00 · came in ₹1349.50 · reserved ₹0.00 · paid out ₹500.00",
		"5 delivered, none left",
		`{"withdrawals_sum_amount":["Insufficient balance"]}`,
		"is unknown, reference GL0000000000000",
		"galla import statement.csv --wallet 1",
		"was paid by the statement",
		`"withdrawal_id":"w-3","withdrawal_status":1`,
		"paid 1 times, ₹200.00",
		"All went as it should",
	} {
		if !strings.Contains(story, outcome) {
			t.Errorf("the story lacks %q", outcome)
		}
	}
	for _, check := range []string{"M-1", "M-2", "C-1", "P-1"} {
		if !regexp.MustCompile(`(?m)^  ` + check + ` +ok `).MatchString(story) {
			t.Errorf("the summary lacks %s", check)
		}
	}
	if strings.Contains(story, "\x1b") || strings.Contains(story, "✗") {
		t.Error("the story is coloured, or something differs in it")
	}
	if t.Failed() {
		t.Log(story)
	}
}

func TestOnceSaysWhatDiffers(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*sim.Keys)
		want   string
	}{
		"another private key":    {func(k *sim.Keys) { k.PostbackKey = "other" }, "1. ok — the money was seen before the payer typed the number: the postback's signature: signature is wrong"},
		"another access key":     {func(k *sim.Keys) { k.AccessKey = "other" }, "access_key is"},
		"another webhook secret": {func(k *sim.Keys) { k.WebhookSecret = "whsec_AAAA" }, "the postback's webhook signature: webhook-signature is wrong"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out transcript
			err := Once(t.Context(), Options{Out: &out, Now: time.Now, Seed: 1, Color: true, changeKeys: c.change})
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "checks differ") {
				t.Errorf("it says %v, want %q", err, c.want)
			}
			if story := out.String(); !strings.Contains(story, "\x1b[31m✗ differs") || strings.Contains(story, "All went as it should") {
				t.Errorf("the story hides it:\n%s", story)
			}
		})
	}
}

func TestOnceEndsWhenAsked(t *testing.T) {
	leftovers := emptyFolder(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Once(ctx, Options{Out: io.Discard, Now: time.Now, Seed: 1}); err == nil {
		t.Error("a story that was cut short counts as told")
	}
	leftovers()
}

func TestRun(t *testing.T) {
	leftovers := emptyFolder(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var out transcript
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, Options{Out: &out, Now: time.Now, Seed: 1, Command: "bin/galla"}) }()

	for !strings.Contains(out.String(), "Ctrl-C ends the demo") {
		select {
		case err := <-ended:
			t.Fatalf("it ended: %v\n%s", err, out.String())
		case <-time.After(5 * time.Millisecond):
		}
	}
	printed := out.String()
	if !strings.HasPrefix(printed, "SIMULATION — no real money") || !strings.Contains(printed, "curl -H 'Authorization: Bearer galla_") {
		t.Errorf("it printed:\n%s", printed)
	}
	urls := regexp.MustCompile(`(?m)^  (\w+) +(http://127\.0\.0\.1:[0-9]+/\S*)$`).FindAllStringSubmatch(printed, -1)
	if len(urls) != 4 {
		t.Fatalf("URLs: %v", urls)
	}
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	for _, url := range urls {
		if url[1] == "API" {
			continue
		}
		response, err := client.Get(url[2])
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		if want := map[string]string{"Shop": "SIMULATION", "Postbacks": "SIMULATION", "Metrics": "galla_"}[url[1]]; err != nil || response.StatusCode != 200 || !strings.Contains(string(body), want) {
			t.Errorf("%s answers %d: %v", url[2], response.StatusCode, err)
		}
	}

	// Its database never serves live.
	settings := regexp.MustCompile(`GALLA_DATABASE=(\S+) GALLA_KEY_FILE=(\S+)`).FindStringSubmatch(printed)
	if settings == nil {
		t.Fatal("the demo doesn't say where its database is")
	}
	refuseLive(t, settings[1], settings[2])

	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if !strings.Contains(out.String(), "The demo has ended") {
		t.Errorf("it ended with:\n%s", out.String())
	}
	leftovers()
}

func refuseLive(t *testing.T, database, keyFile string) {
	t.Helper()
	keys, err := keyring.Load(keyFile)
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.Context(), database, store.Existing, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if g, err := gateway.Open(t.Context(), s, keys, gateway.Options{Now: time.Now}); err == nil || !strings.Contains(err.Error(), "simulated") {
		if g != nil {
			g.Close()
		}
		t.Errorf("the demo's database opens as a live one: %v", err)
	}
}

// fast is a clock that runs faster than the real one.
type fast struct {
	began time.Time
	times int64
}

func (f fast) now() time.Time { return f.began.Add(time.Since(f.began) * time.Duration(f.times)) }

func (f fast) wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d / time.Duration(f.times)):
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// TestEveryHabit lets payers of every habit through the shop, over phones that forward badly and with a shop that
// answers some postbacks badly, all at once.
func TestEveryHabit(t *testing.T) {
	clock := fast{time.Now(), 40}
	w, err := newWorld(t.Context(), Options{Now: clock.now, Seed: 1}, habits, reply)
	if err != nil {
		t.Fatal(err)
	}
	err = w.serve(t.Context(), func(ctx context.Context) error {
		ctx, stop := context.WithCancel(ctx)
		var phones sync.WaitGroup
		defer phones.Wait()
		defer stop()
		for _, phone := range w.phones {
			phones.Go(func() { phone.Run(ctx, 2*time.Millisecond, func(sim.Receipt) {}) })
		}
		crowd := sim.NewCrowd(1, w.shop, clock.wait)
		var visits sync.WaitGroup
		serial := 0
		credited := map[string]bool{} // by order: must it be, once everything has come?
		var mu sync.Mutex
		visit := func(habit sim.Habit, ends bool, answers ...string) {
			serial++
			name := fmt.Sprintf("payer-%d", serial)
			visits.Go(func() {
				v, err := crowd.VisitAs(ctx, name, sim.Person{Name: "PAYER NAME", VPA: "payer@ybl"}, habit, money.Money{Minor: 300_00, Currency: money.INR})
				if err != nil || v.Habit != habit || !slices.Contains(answers, v.Answer.Status) {
					t.Errorf("%s: %s %q (%v), want one of %v", habit, v.Answer.Status, v.Answer.Message, err, answers)
				}
				mu.Lock()
				defer mu.Unlock()
				credited[v.Order.ID] = ends
			})
		}
		// A payer who gave up waiting on a busy machine was answered possible, and is credited all the same.
		for range 5 {
			for _, habit := range []sim.Habit{sim.Honest, sim.Hasty, sim.Careless, sim.WrongNumber, sim.Late} {
				visit(habit, true, sim.AnswerOK, sim.AnswerPossible)
			}
			visit(sim.WrongAmount, false, sim.AnswerPending, sim.AnswerPossible)
		}
		visits.Wait()
		visit(sim.Greedy, false, sim.AnswerFail)
		visits.Wait()
		for range 40 {
			visits.Go(func() {
				if _, err := crowd.Visit(ctx); err != nil {
					t.Error(err)
				}
			})
		}
		visits.Wait()
		return settle(ctx, t, w, credited)
	})
	if err != nil {
		t.Error(err)
	}
	if err := w.remove(); err != nil {
		t.Error(err)
	}
}

// settle waits until the orders that must be credited are and every postback is delivered, and then audits.
func settle(ctx context.Context, t *testing.T, w *world, credited map[string]bool) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for {
		left, err := w.store.Read().CountUndelivered(ctx)
		if err != nil {
			return err
		}
		missing := 0
		for id, must := range credited {
			if order, _ := w.shop.Order(id); must && order.Credited == "" {
				missing++
			}
		}
		if left.Pending == 0 && missing == 0 {
			break
		}
		time.Sleep(10 * time.Millisecond) // the next look; the context bounds them
	}
	for id, must := range credited {
		if order, _ := w.shop.Order(id); !must && order.Credited != "" {
			t.Errorf("%s of %s is credited", id, order.Payer)
		}
	}
	report, err := gateway.Audit(ctx, w.store, oracle.Options{})
	if err != nil {
		return err
	}
	for _, check := range report.Checks {
		if check.Failed > 0 {
			t.Errorf("%s fails: %v", check.ID, check.Examples)
		}
	}
	ranges, err := w.store.Read().GetHighestIDs(ctx)
	if err != nil {
		return err
	}
	credits, repeats := 0, 0
	for _, order := range w.shop.Orders() {
		if order.Credited != "" {
			credits++
		}
	}
	for _, p := range w.shop.Merchant().Received() {
		if p.Attempt > 1 {
			repeats++
		}
	}
	if credits < 25 || credits != w.shop.Merchant().Credited() || repeats == 0 {
		t.Errorf("%d orders credited, %d deposits told, %d postbacks repeated", credits, w.shop.Merchant().Credited(), repeats)
	}
	if ranges.Deposits < int64(credits) {
		t.Errorf("%d deposits, %d credited", ranges.Deposits, credits)
	}
	return nil
}

func TestFold(t *testing.T) {
	for text, want := range map[string]string{
		"":                     "",
		"short\n":              "short",
		"one, two three four":  "one, two |three four",
		`{"a":1,"b":2,"c":3}`:  `{"a":1,|"b":2,"c":3}`,
		"0123456789abcdefghij": "0123456789ab|cdefghij",
		"₹₹₹₹₹₹₹₹₹₹₹₹₹":          "₹₹₹₹₹₹₹₹₹₹₹₹|₹",
		"first line\nsecond one": "first line|second one",
	} {
		if got := strings.Join(fold(text, 12), "|"); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
