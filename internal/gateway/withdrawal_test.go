package gateway

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/galla-gateway/galla"
	"github.com/galla-gateway/galla/internal/ledger"
	"github.com/galla-gateway/galla/internal/merchant"
	"github.com/galla-gateway/galla/internal/oracle"
	"github.com/galla-gateway/galla/internal/payout"
	"github.com/galla-gateway/galla/internal/testkit"
	"github.com/galla-gateway/galla/internal/withdrawal"
	"github.com/galla-gateway/galla/money"
)

const withdrawalKeyForTest = "private"

// wantedWithdrawal is a request as an edge hands it over: read, and its signature verified.
func wantedWithdrawal(t testing.TB, id string, amount int64, change func(*galla.WithdrawalRequest)) galla.WithdrawalRequest {
	t.Helper()
	r := galla.WithdrawalRequest{
		WithdrawalID: id, PaymentSystem: galla.PaymentSystemIMPS, Amount: amount, CurrencyCode: "INR", Label: "payee-1", AccountNumber: "123456789012",
		AccountName: "Asha Rao", BankCode: "HDFC0001234",
	}
	if change != nil {
		change(&r)
	}
	body, err := r.AppendJSON(nil, withdrawalKeyForTest)
	if err != nil {
		t.Fatal(err)
	}
	read, err := galla.DecodeWithdrawal(body)
	if err != nil {
		t.Fatal(err)
	}
	return read
}

// operator adds a person.
func (w *world) operator(name string) Operator {
	w.t.Helper()
	key, err := w.g.AddOperator(context.Background(), name)
	if err != nil {
		w.t.Fatal(err)
	}
	o, err := w.g.Operator(context.Background(), key)
	if err != nil || o.Name != name {
		w.t.Fatalf("%+v, %v", o, err)
	}
	return o
}

// fund gives a merchant money, and returns the two people who did.
func (w *world) fund(slug string, rupees int64) (maker, checker Operator) {
	w.t.Helper()
	maker, checker = w.operator("maker"), w.operator("checker")
	id, err := w.g.ProposeAdjustment(context.Background(), maker, Adjustment{
		Merchant: slug, Kind: Topup, Amount: money.Money{Minor: rupees * 100, Currency: money.INR}, Reason: "by cheque",
	})
	if err != nil {
		w.t.Fatal(err)
	}
	if err := w.g.DecideAdjustment(context.Background(), maker, id, true); err == nil {
		w.t.Fatal("who proposed it booked it")
	}
	for range 2 { // the second time changes nothing
		if err := w.g.DecideAdjustment(context.Background(), checker, id, true); err != nil {
			w.t.Fatal(err)
		}
	}
	return maker, checker
}

// balance is an account's, in minor units.
func (w *world) balance(kind ledger.AccountKind, owner merchant.ID) int64 {
	w.t.Helper()
	rows, err := w.g.store.Read().ListBalances(context.Background())
	if err != nil {
		w.t.Fatal(err)
	}
	for _, row := range rows {
		if row.Kind == string(kind) && row.OwnerID == int64(owner) && row.Currency == "INR" {
			return row.Balance
		}
	}
	w.t.Fatalf("no account %s of %d", kind, owner)
	return 0
}

func (w *world) wantBalances(merchantMinor, reserved, paidOut int64) {
	w.t.Helper()
	got := [3]int64{w.balance(ledger.Merchant, shop), w.balance(ledger.Reserved, shop), w.balance(ledger.PaidOut, shop)}
	if got != [3]int64{merchantMinor, reserved, paidOut} {
		w.t.Errorf("merchant, reserved, paid out are %v, want %v", got, [3]int64{merchantMinor, reserved, paidOut})
	}
}

func (w *world) request(r galla.WithdrawalRequest) (TakenWithdrawal, error) {
	return w.g.RequestWithdrawal(context.Background(), shop, r)
}

func (w *world) take(id string, amount int64) withdrawal.ID {
	w.t.Helper()
	taken, err := w.request(wantedWithdrawal(w.t, id, amount, nil))
	if err != nil {
		w.t.Fatal(err)
	}
	return taken.ID
}

func (w *world) wantState(id withdrawal.ID, want withdrawal.State) {
	w.t.Helper()
	row, err := w.g.store.Read().GetWithdrawal(context.Background(), int64(id))
	if err != nil || withdrawal.State(row.State) != want {
		w.t.Errorf("withdrawal %d is %q, %v, want %s", id, row.State, err, want)
	}
}

// toldStatus is the withdrawal_status of the one postback of a withdrawal, 0 without one.
func (w *world) toldStatus(id withdrawal.ID) int {
	w.t.Helper()
	bodies := w.bodies(fmt.Sprintf("kind = 'withdrawal' AND subject_id = %d", id))
	if len(bodies) == 0 {
		return 0
	}
	body := bodies[0]
	for status, text := range map[int]string{galla.WithdrawalPaid: `"withdrawal_status":1`, galla.WithdrawalFailed: `"withdrawal_status":5`} {
		if strings.Contains(body, text) {
			return status
		}
	}
	w.t.Fatalf("postback %s", body)
	return 0
}

func (w *world) wantClean() {
	w.t.Helper()
	report, err := Audit(context.Background(), w.g.store, oracle.Options{Hashes: AuditHashes(w.keys)})
	if err != nil || report.Failed() > 0 {
		w.t.Errorf("audit: %+v, %v", report, err)
	}
}

// verified recomputes the chain of the audit log.
func (w *world) verified() oracle.LogReport {
	w.t.Helper()
	report, err := oracle.New(w.beside(), string(w.g.store.Engine())).VerifyLog(context.Background(), AuditHashes(w.keys))
	w.must(err)
	return report
}

func TestWithdrawalByHand(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, database string) {
		w := newWorld(t, database)
		ctx := context.Background()
		maker, checker := w.fund("shop", 1000)
		w.wantBalances(1000_00, 0, 0)
		id := w.take("w-1", 700)
		w.wantState(id, withdrawal.Created)
		w.wantBalances(300_00, 700_00, 0)
		if _, err := w.g.ClaimWithdrawal(ctx, maker, id, false); err == nil {
			t.Error("claimed without an approval")
		}
		if _, err := w.g.ApproveWithdrawal(ctx, maker, id, strings.Repeat("0", 64)); err == nil {
			t.Error("approved something else")
		}
		if state, err := w.g.ApproveWithdrawal(ctx, maker, id, ""); err != nil || state != withdrawal.Approved {
			t.Fatal(state, err)
		}
		instruction, err := w.g.ClaimWithdrawal(ctx, maker, id, false)
		want := payout.Instruction{
			Reference: payout.Reference(int64(id)), Amount: money.Money{Minor: 700_00, Currency: money.INR}, AccountNumber: "123456789012",
			AccountName: "Asha Rao", IFSC: "HDFC0001234",
		}
		if err != nil || instruction != want {
			t.Fatalf("%+v, %v", instruction, err)
		}
		if _, err := w.g.ClaimWithdrawal(ctx, checker, id, false); err == nil {
			t.Error("two people pay the same")
		}
		if err := w.g.SettleWithdrawal(ctx, checker, id, true, "412345678901", ""); err == nil {
			t.Error("settled by somebody else")
		}
		if err := w.g.CancelMerchantsWithdrawal(ctx, shop, id); err == nil {
			t.Error("cancelled while it is being paid")
		}
		if w.toldStatus(id) != 0 {
			t.Error("told before its end")
		}
		for range 2 {
			if err := w.g.SettleWithdrawal(ctx, maker, id, true, "412345678901", ""); err != nil {
				t.Fatal(err)
			}
		}
		w.wantState(id, withdrawal.Paid)
		w.wantBalances(300_00, 0, 700_00)
		if w.toldStatus(id) != galla.WithdrawalPaid {
			t.Error("not told")
		}
		// The bank's number is the proof of one withdrawal only.
		second := w.take("w-2", 100)
		_, err1 := w.g.ApproveWithdrawal(ctx, checker, second, "")
		_, err2 := w.g.ClaimWithdrawal(ctx, checker, second, false)
		if err := errors.Join(err1, err2); err != nil {
			t.Fatal(err)
		}
		if err := w.g.SettleWithdrawal(ctx, checker, second, true, "412345678901", ""); err == nil {
			t.Error("one transfer is the proof of two")
		}
		if err := w.g.SettleWithdrawal(ctx, checker, second, false, "", "account closed"); err != nil {
			t.Fatal(err)
		}
		w.wantState(second, withdrawal.Failed)
		w.wantBalances(200_00, 100_00, 700_00)
		failed := Resolution{Proof: "statement of the day, page 2"}
		for i, by := range []Operator{checker, checker, maker} {
			done, err := w.g.ResolveWithdrawal(ctx, by, second, failed)
			if err != nil || done != (i == 2) {
				t.Fatal(i, done, err)
			}
		}
		w.wantState(second, withdrawal.Refunded)
		w.wantBalances(300_00, 0, 700_00)
		if w.toldStatus(second) != galla.WithdrawalFailed {
			t.Error("not told")
		}
		w.wantClean()
	})
}

func TestWithdrawalIsTakenOnce(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, database string) {
		w := newWorld(t, database)
		w.fund("shop", 1000)
		first, err := w.request(wantedWithdrawal(t, "w-1", 500, nil))
		if err != nil || first.Repeat {
			t.Fatal(first, err)
		}
		again, err := w.request(wantedWithdrawal(t, "w-1", 500, nil))
		if err != nil || !again.Repeat || again.ID != first.ID {
			t.Error(again, err)
		}
		var refusal *Refusal
		if _, err := w.request(wantedWithdrawal(t, "w-1", 400, nil)); !errors.As(err, &refusal) || refusal.Code != CodeRepeated {
			t.Error(err)
		}
		w.wantBalances(500_00, 500_00, 0)

		nameless := wantedWithdrawal(t, "", 100, nil)
		one, err := w.request(nameless)
		if err != nil || one.WithdrawalID == "" || one.Repeat {
			t.Fatal(one, err)
		}
		w.clock.Advance(10 * time.Minute)
		two, err := w.request(nameless)
		if err != nil || two.ID != one.ID {
			t.Error(two, err)
		}
		w.clock.Advance(time.Second)
		if _, err := w.request(nameless); !errors.As(err, &refusal) || !strings.Contains(err.Error(), one.WithdrawalID) {
			t.Error("a repeat that may be meant as another one:", err)
		}
		w.wantBalances(400_00, 600_00, 0)
		// The same signed text under another reading is the same withdrawal.
		moved, err := galla.DecodeWithdrawal([]byte(strings.Replace(string(bodyOf(t, wantedWithdrawal(t, "w-9", 100, nil))), `"is_test":false`, `"is_test":false,"comment":null`, 1)))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.request(moved); err != nil {
			t.Error(err)
		}
		w.wantClean()
	})
}

func bodyOf(t testing.TB, r galla.WithdrawalRequest) []byte {
	t.Helper()
	body, err := r.AppendJSON(nil, withdrawalKeyForTest)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// Whoever asks at the same moment, on whichever instance: what isn't there is never promised.
func TestWithdrawalsNeverOverdraw(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, database string) {
		w := newWorld(t, database)
		w.fund("shop", 1000)
		instances := []*Gateway{w.g}
		if strings.HasPrefix(database, "postgres") {
			instances = append(instances, w.instance())
		}
		var taken atomic.Int64
		var group sync.WaitGroup
		for i := range 64 {
			group.Go(func() {
				_, err := instances[i%len(instances)].RequestWithdrawal(context.Background(), shop, wantedWithdrawal(t, fmt.Sprintf("w-%d", i), 90, nil))
				var refusal *WithdrawalRefusal
				switch {
				case err == nil:
					taken.Add(1)
				case !errors.As(err, &refusal) || refusal.Field != withdrawal.FieldBalance:
					t.Error(err)
				}
			})
		}
		group.Wait()
		if taken.Load() != 11 {
			t.Errorf("%d were taken on", taken.Load())
		}
		w.wantBalances(10_00, 990_00, 0)
		w.wantClean()
	})
}

// Over PostgreSQL several decide at once. Whoever reads a merchant's balance to promise of it holds the merchant's ledger row.
func TestWithdrawalWaitsForItsMerchantsLedgerRow(t *testing.T) {
	w := newWorld(t, testkit.Postgres(t))
	w.fund("shop", 1000)
	other, err := w.g.store.ReadPool().Begin()
	w.must(err)
	defer other.Rollback()
	_, err = other.Exec("SELECT id FROM ledger_account WHERE kind = 'merchant' AND owner_id = $1 FOR UPDATE", int64(shop))
	w.must(err)
	taken := make(chan error, 1)
	go func() {
		_, err := w.g.RequestWithdrawal(context.Background(), shop, wantedWithdrawal(t, "w-1", 90, nil))
		taken <- err
	}()
	waitForLock(t, w)
	w.must(other.Rollback())
	w.must(<-taken)
}

func TestWithdrawalLimits(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, database string) {
		w := newWorld(t, database)
		ctx := context.Background()
		maker, checker := w.fund("shop", 100_000)
		w.policy(shop, func(p *merchant.Policy) {
			p.Withdrawal = merchant.WithdrawalPolicy{
				Minimum: 100_00, Maximum: 60_000_00, DailyAmount: 80_000_00, PayeeAmount: 50_500_00, CoolOff: time.Hour, AutoLimit: 500_00, OneLimit: 5_000_00,
				Rail: merchant.RailManual,
			}
		})
		refused := func(name string, amount int64, account, want string) {
			t.Helper()
			_, err := w.request(wantedWithdrawal(t, name, amount, func(r *galla.WithdrawalRequest) { r.AccountNumber = account }))
			var refusal *WithdrawalRefusal
			if !errors.As(err, &refusal) || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %q", name, err, want)
			}
		}
		refused("small", 99, "123456789012", "minimum of 100")
		refused("large", 60_001, "123456789012", "maximum of 60000")
		two := w.take("two", 50_000)
		refused("payee", 600, "123456789012", "this account would be above the limit of 50500")
		refused("day", 30_100, "999999999999", "of today would be above the limit of 80000")
		if _, err := w.g.ApproveWithdrawal(ctx, maker, two, ""); err == nil {
			t.Error("approved within the cool-off")
		}
		w.clock.Advance(time.Hour)
		for i, by := range []Operator{maker, maker, checker} { // one person twice is one person
			state, err := w.g.ApproveWithdrawal(ctx, by, two, "")
			if want := map[bool]withdrawal.State{true: withdrawal.Approved, false: withdrawal.Created}[i == 2]; err != nil || state != want {
				t.Errorf("%d: %s, %v", i, state, err)
			}
		}
		split := w.take("split", 500) // what an account gets in a day counts together
		w.wantState(split, withdrawal.Created)
		w.clock.Advance(24 * time.Hour)
		auto := w.take("auto", 500) // the account is known by now
		w.wantState(auto, withdrawal.Approved)
		taken, err := w.request(wantedWithdrawal(t, "new account", 500, func(r *galla.WithdrawalRequest) { r.AccountNumber = "555555555555" }))
		if err != nil || taken.State != withdrawal.Created {
			t.Error(taken, err)
		}
		w.clock.Advance(time.Hour)
		if ids, err := w.g.DuePayouts(ctx); err != nil || len(ids) != 1 || ids[0] != (DuePayout{ID: taken.ID}) {
			t.Errorf("due are %v, %v", ids, err)
		}
		if _, ok, err := w.g.BeginPayout(ctx, taken.ID, everyRail); ok || err != nil {
			t.Error("the manual rail has no teller:", ok, err)
		}
		w.wantState(taken.ID, withdrawal.Approved)
		w.clock.Advance(24 * time.Hour) // another day
		w.take("tomorrow", 20_000)
		// An account that was turned down isn't known by that, nor is the same number at another bank.
		w.clock.Advance(24 * time.Hour)
		turned, err := w.request(wantedWithdrawal(t, "turned down", 500, func(r *galla.WithdrawalRequest) { r.AccountNumber = "777777777777" }))
		w.must(err)
		w.must(w.g.RefuseWithdrawal(ctx, maker, turned.ID, "fraud"))
		w.clock.Advance(2 * time.Hour)
		for name, change := range map[string]func(*galla.WithdrawalRequest){
			"after a refusal": func(r *galla.WithdrawalRequest) { r.AccountNumber = "777777777777" },
			"another bank":    func(r *galla.WithdrawalRequest) { r.BankCode = "SBIN0000300" },
		} {
			if taken, err := w.request(wantedWithdrawal(t, name, 400, change)); err != nil || taken.State != withdrawal.Created {
				t.Errorf("%s: %+v, %v", name, taken, err)
			}
		}
		w.wantClean()
	})
}

func TestWithdrawalsThatEndEarly(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, database string) {
		w := newWorld(t, database)
		ctx := context.Background()
		maker, _ := w.fund("shop", 1000)
		refused, cancelled := w.take("w-1", 100), w.take("w-2", 200)
		if err := w.g.CancelMerchantsWithdrawal(ctx, other, cancelled); err == nil {
			t.Error("another merchant cancelled it")
		}
		for range 2 {
			if err := errors.Join(w.g.RefuseWithdrawal(ctx, maker, refused, "looks like fraud"), w.g.CancelMerchantsWithdrawal(ctx, shop, cancelled)); err != nil {
				t.Fatal(err)
			}
		}
		w.wantBalances(1000_00, 0, 0)
		for id, state := range map[withdrawal.ID]withdrawal.State{refused: withdrawal.Refused, cancelled: withdrawal.Cancelled} {
			w.wantState(id, state)
			if w.toldStatus(id) != galla.WithdrawalFailed {
				t.Errorf("%d wasn't told", id)
			}
			if _, err := w.g.ApproveWithdrawal(ctx, maker, id, ""); err == nil {
				t.Error("approved what has ended")
			}
		}
		w.wantClean()
	})
}

func TestAuditLogNamesTheFirstBadRow(t *testing.T) {
	for name, c := range map[string]struct {
		change string
		want   int64
	}{
		"changed":          {"UPDATE audit_log SET actor = 'operator:nobody' WHERE seq = 2", 2},
		"removed":          {"DELETE FROM audit_log WHERE seq = 2", 2},
		"cut off":          {"DELETE FROM audit_log WHERE seq = 3", 3},
		"time":             {"UPDATE audit_log SET at = at + 1 WHERE seq = 1", 1},
		"moved to another": {"UPDATE audit_log SET detail = subject, subject = detail WHERE seq = 3", 3},
	} {
		t.Run(name, func(t *testing.T) {
			testkit.EachEngine(t, func(t *testing.T, database string) {
				w := newWorld(t, database)
				for _, name := range []string{"a", "b", "c"} {
					w.operator(name)
				}
				w.wantClean()
				w.mutate(c.change)
				if report := w.verified(); report.FirstBad != c.want {
					t.Errorf("%+v, want %d", report, c.want)
				}
				if failed, _ := w.audited(); !slices.Equal(failed, []string{"A-1"}) {
					t.Errorf("the audit finds %v", failed)
				}
			})
		})
	}
}
