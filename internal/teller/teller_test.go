package teller

import (
	"context"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/galla-gateway/galla"
	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/keyring"
	"github.com/galla-gateway/galla/internal/merchant"
	"github.com/galla-gateway/galla/internal/oracle"
	"github.com/galla-gateway/galla/internal/payout"
	"github.com/galla-gateway/galla/internal/rail"
	"github.com/galla-gateway/galla/internal/rail/sandbox"
	"github.com/galla-gateway/galla/internal/store"
	"github.com/galla-gateway/galla/internal/testkit"
	"github.com/galla-gateway/galla/internal/withdrawal"
)

type world struct {
	t      *testing.T
	g      *gateway.Gateway
	clock  *testkit.Clock
	id     merchant.ID
	key    keyring.Secret
	script *scripted
	teller *Teller

	database string
}

// scripted is the sandbox rail, and notes how it was called.
type scripted struct {
	sandbox.Rail
	mu     sync.Mutex
	g      *gateway.Gateway
	t      *testing.T
	called []string
	absent bool   // Find knows nothing
	fails  func() // called by Find, which then says that it failed
}

func (s *scripted) Pay(ctx context.Context, i payout.Instruction) payout.Answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.called = append(s.called, "pay "+i.Reference)
	rows, err := s.g.Store().Read().ListWithdrawals(ctx, store.ListWithdrawalsParams{Before: 1 << 60, State: string(withdrawal.Approved), Rows: 10})
	if err != nil || slices.ContainsFunc(rows, func(row store.ListWithdrawalsRow) bool { return row.Reference == i.Reference }) {
		s.t.Errorf("the bank is told of %s before the intent is stored (%v)", i.Reference, err)
	}
	return s.Rail.Pay(ctx, i)
}

func (s *scripted) Find(ctx context.Context, i payout.Instruction, id string) payout.Answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.called = append(s.called, "find "+i.Reference)
	if s.absent {
		return payout.Answer{Outcome: payout.Absent}
	}
	if s.fails != nil {
		s.fails()
		return payout.Answer{Outcome: payout.Failed}
	}
	return s.Rail.Find(ctx, i, id)
}

func eachWorld(t *testing.T, story func(w *world)) {
	testkit.EachEngine(t, func(t *testing.T, database string) {
		path := filepath.Join(t.TempDir(), "key")
		must(t, keyring.Generate(path))
		keys, err := keyring.Load(path)
		must(t, err)
		s, err := store.Open(context.Background(), database, store.Create, store.Options{})
		must(t, err)
		w := &world{t: t, clock: testkit.NewClock(), database: database}
		w.g, err = gateway.Open(context.Background(), s, keys, gateway.Options{Now: w.clock.Now, OnFatal: func(err error) { t.Error(err) }})
		must(t, err)
		defer func() {
			w.g.Close()
			must(t, s.Close())
		}()
		added, err := w.g.AddMerchants(context.Background(), gateway.NewMerchant{Slug: "shop", PostbackURL: "http://127.0.0.1:1/", Sandbox: true})
		must(t, err)
		w.id, w.key = added[0].ID, added[0].WithdrawalKey
		w.script = &scripted{g: w.g, t: t}
		w.teller = New(Config{Gateway: w.g, Rails: func(name string) (rail.Rail, bool) { return w.script, name == merchant.RailSandbox }, Now: w.clock.Now})
		story(w)
	})
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// take takes a test withdrawal on, to an account that chooses the sandbox's script.
func (w *world) take(name, account string) withdrawal.ID {
	w.t.Helper()
	r := galla.WithdrawalRequest{
		WithdrawalID: name, PaymentSystem: galla.PaymentSystemIMPS, Amount: 500, CurrencyCode: "INR", IsTest: true, Label: "payee", AccountNumber: account,
		AccountName: "Asha Rao", BankCode: "HDFC0001234",
	}
	body, err := r.AppendJSON(nil, w.key.Reveal())
	must(w.t, err)
	read, err := galla.DecodeWithdrawal(body)
	must(w.t, err)
	taken, err := w.g.RequestWithdrawal(context.Background(), w.id, read)
	must(w.t, err)
	return taken.ID
}

// idOf is the withdrawal of a reference.
func (w *world) idOf(reference string) int64 {
	w.t.Helper()
	rows, err := w.g.Store().Read().ListWithdrawals(context.Background(), store.ListWithdrawalsParams{Before: 1 << 60, Rows: 1000})
	must(w.t, err)
	i := slices.IndexFunc(rows, func(row store.ListWithdrawalsRow) bool { return row.Reference == reference })
	if i < 0 {
		w.t.Fatal("no withdrawal has reference", reference)
	}
	return rows[i].ID
}

func (w *world) turn(after time.Duration) {
	w.t.Helper()
	w.clock.Advance(after)
	must(w.t, w.teller.Turn(context.Background()))
}

func (w *world) want(id withdrawal.ID, want withdrawal.State) {
	w.t.Helper()
	row, err := w.g.Store().Read().GetWithdrawal(context.Background(), int64(id))
	if err != nil || withdrawal.State(row.State) != want {
		w.t.Errorf("withdrawal %d is %s (%s), %v, want %s", id, row.State, row.Reason, err, want)
	}
}

func TestSandboxScripts(t *testing.T) {
	eachWorld(t, func(w *world) {
		ends := map[string][2]withdrawal.State{ // after the first call, and after the second
			"123456789999":                       {withdrawal.Paid, withdrawal.Paid},
			"12345678" + sandbox.EndFails:        {withdrawal.Refunded, withdrawal.Refunded},
			"12345678" + sandbox.EndPaidLate:     {withdrawal.Unknown, withdrawal.Paid},
			"12345678" + sandbox.EndFailsLate:    {withdrawal.Unknown, withdrawal.Refunded},
			"12345678" + sandbox.EndStaysUnknown: {withdrawal.Unknown, withdrawal.Unknown},
			"12345678" + sandbox.EndSlow:         {withdrawal.Submitted, withdrawal.Paid},
		}
		ids := map[string]withdrawal.ID{}
		for account := range ends {
			ids[account] = w.take("w-"+account, account)
		}
		for i, after := range []time.Duration{0, time.Minute} {
			w.turn(after)
			for account, states := range ends {
				w.want(ids[account], states[i])
			}
		}
		pays := map[string]int{}
		for _, call := range w.script.called {
			pays[call]++
		}
		for call, n := range pays {
			if n != 1 {
				t.Errorf("%s %d times", call, n)
			}
		}
		report, err := gateway.Audit(context.Background(), w.g.Store(), oracle.Options{})
		if err != nil || report.Failed() > 0 {
			t.Errorf("%+v, %v", report, err)
		}
		if c := w.teller.Counters(); c.Calls.Load() != int64(len(w.script.called)) || c.Faults.Load() != 0 {
			t.Errorf("%d calls were counted, %d made, %d faults", c.Calls.Load(), len(w.script.called), c.Faults.Load())
		}
	})
}

// A bank that has nothing of a reference is told of it once more, by the same reference, and not before what was sent must
// have arrived.
func TestAbsentIsPaidAgainByTheSameReference(t *testing.T) {
	eachWorld(t, func(w *world) {
		id := w.take("w-1", "12345678"+sandbox.EndPaidLate)
		w.script.absent = true
		w.turn(0)
		w.turn(time.Minute)
		w.turn(8 * time.Minute)
		w.want(id, withdrawal.Unknown)
		reference := payout.Reference(int64(id))
		want := []string{"pay " + reference, "find " + reference, "find " + reference}
		w.expect(want)
		w.turn(time.Minute)
		w.expect(append(want, "find "+reference, "pay "+reference))
		w.script.absent = false
		w.turn(time.Hour)
		w.want(id, withdrawal.Paid)
	})
}

func (w *world) expect(want []string) {
	w.t.Helper()
	if got := w.script.called; len(got) != len(want) {
		w.t.Fatalf("calls are %v, want %v", got, want)
	}
	for i, call := range want {
		if w.script.called[i] != call {
			w.t.Fatalf("calls are %v, want %v", w.script.called, want)
		}
	}
}

// What a bank said before this process slept for longer than the withdrawal was its own is no news that it failed: it may have
// been paid since, and somebody else may have stored that.
func TestFailureOfLongAgoIsNoNews(t *testing.T) {
	eachWorld(t, func(w *world) {
		id := w.take("w-1", "12345678"+sandbox.EndStaysUnknown)
		w.turn(0)
		w.script.fails = func() { w.clock.Advance(10 * time.Minute) }
		w.turn(time.Minute)
		w.want(id, withdrawal.Unknown)
		w.script.fails = func() { w.clock.Advance(time.Minute) }
		w.turn(time.Hour)
		w.want(id, withdrawal.Refunded)
	})
}

// Withdrawals of a rail that this server doesn't have stay where they are.
func TestRailThatIsNotHere(t *testing.T) {
	eachWorld(t, func(w *world) {
		other := New(Config{Gateway: w.g, Rails: func(string) (rail.Rail, bool) { return nil, false }, Now: w.clock.Now})
		id := w.take("w-1", "123456789999")
		must(t, other.Turn(context.Background()))
		w.want(id, withdrawal.Approved)
		w.turn(0) // left alone for a while, so that nobody runs in circles
		w.want(id, withdrawal.Approved)
		w.turn(time.Minute)
		w.want(id, withdrawal.Paid)
	})
}

func TestRunEndsWithItsContext(t *testing.T) {
	eachWorld(t, func(w *world) {
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- w.teller.Run(ctx) }()
		id := w.take("w-1", "123456789999")
		w.teller.Wake()
		for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
			row, err := w.g.Store().Read().GetWithdrawal(context.Background(), int64(id))
			must(t, err)
			if row.State == string(withdrawal.Paid) {
				break
			}
			if time.Now().After(deadline) {
				t.Fatal("it isn't paid")
			}
		}
		cancel()
		must(t, <-done)
	})
}
