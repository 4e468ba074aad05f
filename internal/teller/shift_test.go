package teller

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/merchant"
	"github.com/galla-gateway/galla/internal/payout"
	"github.com/galla-gateway/galla/internal/rail"
	"github.com/galla-gateway/galla/internal/withdrawal"
)

const (
	railSlow   = "slow"
	happy      = "123456789999"
	patience   = 20 * time.Second
	moreThanBy = 20 // of a rail's slots and of a look
)

// slowRail takes on what it is told of only when it is released.
type slowRail struct {
	rail.Rail
	mu      sync.Mutex
	open    int
	most    int
	calls   map[string]int
	release chan struct{}
}

func newSlowRail() *slowRail { return &slowRail{calls: map[string]int{}, release: make(chan struct{})} }

func (s *slowRail) Pay(_ context.Context, i payout.Instruction) payout.Answer {
	s.begin("pay " + i.Reference)
	<-s.release
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open--
	return payout.Answer{Outcome: payout.Sent, RailID: "r-" + i.Reference}
}

func (s *slowRail) Find(_ context.Context, i payout.Instruction, _ string) payout.Answer {
	s.begin("find " + i.Reference)
	<-s.release
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open--
	return payout.Answer{Outcome: payout.Sent}
}

func (s *slowRail) begin(call string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open++
	s.most = max(s.most, s.open)
	s.calls[call]++
}

func (s *slowRail) count() (open, most, calls int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.calls {
		calls += n
	}
	return s.open, s.most, calls
}

// withSlow gives the world a teller of two rails.
func (w *world) withSlow() *slowRail {
	slow := newSlowRail()
	w.teller = New(Config{Gateway: w.g, Now: w.clock.Now, Rails: func(name string) (rail.Rail, bool) {
		if name == railSlow {
			return slow, true
		}
		return w.script, name == merchant.RailSandbox
	}})
	return slow
}

// run runs the teller until stop, which waits for it.
func (w *world) run() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.teller.Run(ctx) }()
	return func() {
		w.t.Helper()
		cancel()
		must(w.t, <-done)
	}
}

// mutate changes the database behind the gateway's back.
func (w *world) mutate(statement string) {
	w.t.Helper()
	driver, source := "pgx", w.database
	if path, ok := strings.CutPrefix(w.database, "sqlite:"); ok {
		driver, source = "sqlite", "file:"+path+"?_pragma=busy_timeout(10000)"
	}
	db, err := sql.Open(driver, source)
	must(w.t, err)
	defer db.Close()
	_, err = db.Exec(statement)
	must(w.t, err)
}

func (w *world) await(what string, done func() bool) {
	w.t.Helper()
	for deadline := time.Now().Add(patience); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			w.t.Fatal("in vain:", what)
		}
	}
}

func (w *world) is(id withdrawal.ID, want withdrawal.State) func() bool {
	return func() bool {
		row, err := w.g.Store().Read().GetWithdrawal(context.Background(), int64(id))
		must(w.t, err)
		return withdrawal.State(row.State) == want
	}
}

// A rail that doesn't answer, with more due than a look finds, takes its own slots: others are paid, and what waits for no
// rail is approved.
func TestSlowRailHoldsUpNobodyElse(t *testing.T) {
	eachWorld(t, func(w *world) {
		slow := w.withSlow()
		backlog := gateway.MostDue + moreThanBy
		for i := range backlog {
			w.take(fmt.Sprint("slow-", i), happy)
		}
		cooling := w.take("cooling", happy)
		w.mutate("UPDATE withdrawal SET rail = 'slow'")
		w.mutate(fmt.Sprintf("UPDATE withdrawal SET state = 'created' WHERE id = %d", cooling))
		w.clock.Advance(time.Second)
		quick := w.take("quick", happy)
		stop := w.run()
		w.await("the other rail pays", w.is(quick, withdrawal.Paid))
		w.await("approved after its cool-off", w.is(cooling, withdrawal.Approved))
		w.await("the slow rail's slots are at work", func() bool { open, _, _ := slow.count(); return open == railCalls })
		late := w.take("late", happy)
		w.teller.Wake()
		w.await("the other rail pays what comes later", w.is(late, withdrawal.Paid))
		close(slow.release)
		w.await("the slow rail has its turn", func() bool { _, _, calls := slow.count(); return calls == backlog+1 })
		stop()
		if _, most, _ := slow.count(); most != railCalls {
			t.Errorf("%d calls were open at once, want %d", most, railCalls)
		}
		for call, n := range slow.calls {
			if n != 1 {
				t.Errorf("%s %d times", call, n)
			}
		}
	})
}

// What is still being called isn't begun again, though its lease has ended: this process is no other.
func TestNothingIsBegunTwice(t *testing.T) {
	eachWorld(t, func(w *world) {
		slow := w.withSlow()
		hangs := w.take("hangs", happy)
		w.mutate("UPDATE withdrawal SET rail = 'slow'")
		stop := w.run()
		w.await("the call is made", func() bool { open, _, _ := slow.count(); return open == 1 })
		w.clock.Advance(time.Hour)
		for i := range 3 { // one look each at least, as they are due after it
			next := w.take(fmt.Sprint("next-", i), happy)
			w.teller.Wake()
			w.await("another look", w.is(next, withdrawal.Paid))
		}
		if _, _, calls := slow.count(); calls != 1 {
			t.Errorf("%d calls", calls)
		}
		close(slow.release)
		stop()
		w.want(hangs, withdrawal.Submitted)
	})
}

// At the end calls under way are recorded, and nothing more is begun.
func TestEndWaitsForCalls(t *testing.T) {
	eachWorld(t, func(w *world) {
		slow := w.withSlow()
		for i := range railCalls + moreThanBy {
			w.take(fmt.Sprint("w-", i), happy)
		}
		w.mutate("UPDATE withdrawal SET rail = 'slow'")
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- w.teller.Run(ctx) }()
		w.await("all slots are at work", func() bool { open, _, _ := slow.count(); return open == railCalls })
		cancel()
		select {
		case <-done:
			t.Fatal("it doesn't wait for its calls")
		default:
		}
		close(slow.release)
		must(t, <-done)
		rows, err := w.g.DuePayouts(context.Background())
		must(t, err)
		if _, _, calls := slow.count(); calls != railCalls || len(rows) != moreThanBy {
			t.Errorf("%d calls, %d are left", calls, len(rows))
		}
		var told int
		for name := range slow.calls {
			answers, err := w.g.Store().Read().ListAnswers(context.Background(), w.idOf(strings.TrimPrefix(name, "pay ")))
			must(t, err)
			told += len(answers)
		}
		if told != railCalls {
			t.Errorf("%d answers are stored, want %d", told, railCalls)
		}
	})
}

// A turn sees to all that is due, however much.
func TestTurnSeesToAll(t *testing.T) {
	eachWorld(t, func(w *world) {
		count := gateway.MostDue + moreThanBy
		var last withdrawal.ID
		for i := range count {
			last = w.take(fmt.Sprint("w-", i), happy)
		}
		w.turn(0)
		w.want(last, withdrawal.Paid)
		if n := w.teller.Counters().Paid.Load(); n != int64(count) {
			t.Errorf("%d are paid, want %d", n, count)
		}
	})
}

// One that was changed behind Galla's back is an alarm, and not one each second.
func TestChangedOneIsLeftAlone(t *testing.T) {
	eachWorld(t, func(w *world) {
		changed := w.take("changed", happy)
		w.mutate("UPDATE withdrawal SET account_number = '999999999999'")
		for i, faults := range []int64{1, 1, 2} {
			w.turn(time.Duration(i) * 30 * time.Second)
			if n := w.teller.Counters().Faults.Load(); n != faults {
				t.Errorf("turn %d: %d faults, want %d", i, n, faults)
			}
		}
		w.want(changed, withdrawal.Approved)
		if len(w.script.called) > 0 {
			t.Errorf("called: %v", w.script.called)
		}
	})
}
