package gateway

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/galla-gateway/galla/internal/deposit"
	"github.com/galla-gateway/galla/internal/store"
	"github.com/galla-gateway/galla/internal/testkit"
)

// Three guards stand between one transfer and two credits: the locked reference, the conditional update of the transfer,
// and the unique key of the deposit. Each holds alone, so no race shows that one of them is gone. These tests do.

// rollBack ends a transaction that was only tried.
var errRollBack = errors.New("only tried")

func (w *world) try(f func(ctx context.Context, q *store.Queries) error) error {
	w.t.Helper()
	return w.g.store.Write(context.Background(), func(ctx context.Context, q *store.Queries) error {
		return errors.Join(f(ctx, q), errRollBack)
	})
}

func TestGuardUniqueDeposit(t *testing.T) {
	eachWorld(t, func(w *world) {
		w.observe(w.credit("321302038123", "500"), w.credit("321302038124", "500"))
		w.wantClaim(claimRequest("a", "p1", "321302038123", "500"), deposit.Accepted, deposit.ReasonMatched)
		insert := func(claim, transfer int64) error {
			return w.try(func(ctx context.Context, q *store.Queries) error {
				return q.InsertDeposits(ctx, store.Rows([]depositRow{{ID: 999, ClaimID: claim, TransferID: transfer, MerchantID: 1, Amount: 1, Currency: "INR"}}))
			})
		}
		taken := w.count("SELECT transfer_id FROM deposit")
		if err := insert(999, taken); !errors.Is(err, store.ErrUnique) {
			w.t.Errorf("a second deposit of one transfer: %v", err)
		}
		if err := insert(w.count("SELECT claim_id FROM deposit"), 999); !errors.Is(err, store.ErrUnique) {
			w.t.Errorf("a second deposit of one claim: %v", err)
		}
		if err := insert(999, 999); errors.Is(err, store.ErrUnique) {
			w.t.Errorf("an own transfer and claim: %v", err)
		}
	})
}

func TestGuardConditionalUpdates(t *testing.T) {
	eachWorld(t, func(w *world) {
		w.observe(w.credit("321302038123", "500"))
		waiting := w.wantClaim(claimRequest("w", "p1", "321302038124", "500"), deposit.Waiting, deposit.ReasonNoTransfer)
		transfer := w.count("SELECT id FROM transfer")
		for from, stale := range map[deposit.TransferState]bool{deposit.Observed: false, deposit.Credited: true, deposit.Quarantined: true} {
			err := w.try(func(ctx context.Context, q *store.Queries) error {
				return q.UpdateTransfers(ctx, store.Rows([]transferRow{{
					ID: transfer, AccountID: 1, Amount: 500_00, Currency: "INR", FromState: string(from), State: string(deposit.Credited),
				}}))
			})
			if errors.Is(err, store.ErrStale) != stale || !errors.Is(err, errRollBack) {
				w.t.Errorf("an observed transfer taken from %q: %v", from, err)
			}
		}
		for _, test := range []struct {
			from       deposit.State
			superseded int64
			stale      bool
		}{{deposit.Waiting, 0, false}, {deposit.Held, 0, true}, {deposit.Waiting, 7, true}} {
			err := w.try(func(ctx context.Context, q *store.Queries) error {
				return q.UpdateClaims(ctx, store.Rows([]claimUpdateRow{{
					ID: int64(waiting.ClaimID), FromState: string(test.from), FromSupersededBy: test.superseded, State: string(deposit.Accepted),
				}}))
			})
			if errors.Is(err, store.ErrStale) != test.stale || !errors.Is(err, errRollBack) {
				w.t.Errorf("a waiting claim taken from %q, replaced by %d: %v", test.from, test.superseded, err)
			}
		}
	})
}

// Who locks a reference second waits until the first has committed, whether the row was there before or not.
func TestGuardReferenceIsTheLock(t *testing.T) {
	w := newWorld(t, testkit.Postgres(t))
	second := w.instance()
	w.observe(w.credit("321302038123", "500"))
	for _, number := range []string{"321302038123", "999999999999"} {
		lock := func(g *Gateway, id int64, locked func()) error {
			return g.store.Write(context.Background(), func(ctx context.Context, q *store.Queries) error {
				rows, err := q.LockReferences(ctx, store.Rows([]referenceRow{{ID: id, Rail: int(phonePe.Rail), Number: number, TouchedAt: 1}}))
				if err == nil && len(rows) != 1 {
					t.Errorf("%s: %d rows", number, len(rows))
				}
				locked()
				return err
			})
		}
		held, release, order := make(chan struct{}), make(chan struct{}), make(chan string, 2)
		errs := make(chan error, 2)
		go func() {
			errs <- lock(w.g, 5001, func() {
				close(held)
				<-release
				order <- "first"
			})
		}()
		<-held
		go func() { errs <- lock(second, 5002, func() { order <- "second" }) }()
		waitForLock(t, w)
		close(release)
		if one, two := <-order, <-order; one != "first" || two != "second" {
			t.Errorf("%s: locked in the order %s, %s", number, one, two)
		}
		if err := errors.Join(<-errs, <-errs); err != nil {
			t.Error(err)
		}
	}
}

// waitForLock returns once a session of this database waits for a lock.
func waitForLock(t *testing.T, w *world) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if w.count("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'") > 0 {
			return
		}
	}
	t.Error("nobody waits for the lock")
}
