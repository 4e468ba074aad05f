package gateway

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/galla-gateway/galla/internal/merchant"
	"github.com/galla-gateway/galla/internal/payout"
	"github.com/galla-gateway/galla/internal/store"
	"github.com/galla-gateway/galla/internal/withdrawal"
)

const (
	// payoutLease is how long one process asks a rail about a withdrawal alone. A call ends well before.
	payoutLease = 2 * time.Minute
	// MostDue bounds the withdrawals of one look at one rail.
	MostDue = 100
	// certainAfter is how long a bank must go on saying "failed" before the money is the merchant's again: banks are known
	// to change their mind.
	certainAfter = time.Hour
	// payAgainAfter is how long a bank that doesn't know a reference is given before it is told of it once more, payAgainUntil
	// how long it is told at all: providers forget after a week which references they had.
	payAgainAfter = 10 * time.Minute
	payAgainUntil = 5 * 24 * time.Hour
	// unservedPause is how long what no server pays, or what waits for a paused rail, is left alone.
	unservedPause = time.Minute
	// unasked is the lease of an answer that nobody asked a rail for: when the rail is asked next doesn't change by it, and it
	// counts nothing towards the hour in which a failure becomes certain.
	unasked = -1
)

// askAgain is how long after each answer that ends nothing a rail is asked again; the last one for ever.
var askAgain = []time.Duration{
	5 * time.Second, 15 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 30 * time.Minute, time.Hour,
}

// Payout is a withdrawal that a rail is to be told of or asked about.
type Payout struct {
	ID          withdrawal.ID
	Rail        string
	Instruction payout.Instruction
	RailID      string
	Lease       int64
	// Pay: the rail is to be told. Otherwise it is asked what became of it.
	Pay bool
	// Until is when somebody else may see to it, by the gateway's clock. A rail is told well before or not at all.
	Until time.Time
}

// DuePayout is a withdrawal that somebody should see to.
type DuePayout struct {
	ID withdrawal.ID
	// Rail is who is to be called, "" when nobody is: its cool-off is over.
	Rail string
}

// DuePayouts lists the withdrawals that somebody should see to now, those that are due longest first and at most MostDue of
// each rail, so that none has to wait for what another one leaves undone.
func (g *Gateway) DuePayouts(ctx context.Context) ([]DuePayout, error) {
	rows, err := g.store.Read().ListDueWithdrawals(ctx, store.ListDueWithdrawalsParams{Now: g.now().UnixMicro(), Rows: MostDue})
	if err != nil {
		return nil, fmt.Errorf("list due withdrawals: %w", err)
	}
	due := make([]DuePayout, len(rows))
	for i, row := range rows {
		due[i] = DuePayout{withdrawal.ID(row.ID), row.Calls}
	}
	return due, nil
}

// BeginPayout takes one for this process. What is to be paid is stored as submitted before it returns, and so before any
// bank hears of it (invariant W-5). ok is false when there is nothing to do: it has moved on, or its rail isn't served here, or is
// paused and doesn't know of it yet. One that can't be begun, as it was changed since it was stored or lost an approval, is an
// error now and then, and not every second.
func (g *Gateway) BeginPayout(ctx context.Context, id withdrawal.ID, serves func(rail string) bool) (p Payout, ok bool, err error) {
	p, ok, err = g.beginPayout(ctx, id, serves)
	if err != nil && !errors.Is(err, ErrUnknown) && ctx.Err() == nil {
		err = errors.Join(err, g.postpone(ctx, id))
	}
	return p, ok, err
}

// postpone leaves a withdrawal alone for a while, in a transaction of its own.
func (g *Gateway) postpone(ctx context.Context, id withdrawal.ID) error {
	err := g.write(ctx, func(ctx context.Context, q *store.Queries) error {
		now := g.now()
		return q.PostponeWithdrawal(ctx, store.PostponeWithdrawalParams{ID: int64(id), Now: nullMicro(now), NextAt: nullMicro(now.Add(unservedPause))})
	})
	if err != nil {
		return fmt.Errorf("postpone withdrawal %d: %w", id, err)
	}
	return nil
}

func (g *Gateway) beginPayout(ctx context.Context, id withdrawal.ID, serves func(rail string) bool) (p Payout, ok bool, err error) {
	err = g.actWithdrawal(ctx, id, func(b *batch, row *store.Withdrawal) error {
		ok = false
		state := withdrawal.State(row.State)
		if !row.NextAt.Valid || row.NextAt.Int64 > b.now.UnixMicro() || state.Ended() {
			return nil
		}
		if state == withdrawal.Created { // its cool-off is over
			if why := b.onHold(row); why != "" {
				row.NextAt = nullMicro(b.now.Add(unservedPause))
				return b.saveWithdrawal(row, state)
			}
			return b.approveIfEnough(row, actorRules)
		}
		if b.dir.byPeople(row.Rail) { // it was approved before this process knew the rail
			row.NextAt = sql.NullInt64{}
			return b.saveWithdrawal(row, state)
		}
		if !serves(row.Rail) || state == withdrawal.Approved && b.onHold(row) != "" {
			row.NextAt = nullMicro(b.now.Add(unservedPause))
			return b.saveWithdrawal(row, state)
		}
		if err := b.intact(row); err != nil {
			return err
		}
		row.NextAt = nullMicro(b.now.Add(payoutLease))
		p = Payout{
			ID: id, Rail: row.Rail, Instruction: instructionOf(*row), RailID: row.RailID, Lease: 1 + rand.Int64N(1<<62), Until: b.now.Add(payoutLease),
		}
		ok = true
		if state == withdrawal.Approved {
			p.Pay = true
			if err := b.moveWithdrawal(row, withdrawal.Submitted, actorRules, ""); err != nil {
				return err
			}
			state = withdrawal.Submitted
		}
		row.Lease = p.Lease
		return b.saveWithdrawal(row, state)
	})
	return p, ok && err == nil, err
}

// RecordPayout stores what a rail answered, whoever asked, and what follows. An answer under an old lease is as true as any.
func (g *Gateway) RecordPayout(ctx context.Context, id withdrawal.ID, source string, lease int64, a payout.Answer) (state withdrawal.State, err error) {
	a = a.Clip()
	err = g.actWithdrawal(ctx, id, func(b *batch, row *store.Withdrawal) error {
		err := b.recordAnswer(row, source, lease, a)
		state = withdrawal.State(row.State)
		return err
	})
	return state, err
}

func (b *batch) recordAnswer(row *store.Withdrawal, source string, lease int64, a payout.Answer) error {
	state := withdrawal.State(row.State)
	if a.UTR != "" && !state.Ended() {
		other, err := b.q.FindUTR(b.ctx, store.FindUTRParams{Rail: row.Rail, Utr: a.UTR, ID: row.ID})
		switch {
		case err == nil:
			// One of both is wrong, and nobody can tell which.
			b.logLater(slog.LevelError, "withdrawal.utr_twice", slog.Int64("withdrawal", row.ID), slog.Int64("other", other), slog.String("utr", a.UTR))
			a.Outcome, a.Reason, a.UTR = payout.Unknown, fmt.Sprintf("the bank's number %s is the proof of withdrawal %d", a.UTR, other), ""
		case !isNoRows(err):
			return fmt.Errorf("look for the bank's number: %w", err)
		}
	}
	if err := b.keepAnswer(row, source, a); err != nil {
		return err
	}
	if a.RailID != "" && row.RailID == "" {
		row.RailID = a.RailID
	}
	switch {
	case state.Ended():
		b.contradicted(row, a)
		return nil
	case state == withdrawal.Created || state == withdrawal.Approved:
		// No bank was told: somebody pays beside us. What was kept of it holds the withdrawal back.
		b.contradicted(row, a)
		return nil
	case a.Outcome == payout.Paid:
		row.Utr = a.UTR
		return b.moveWithdrawal(row, withdrawal.Paid, source, a.Code)
	case a.Outcome == payout.Failed:
		return b.recordFailure(row, source, lease, a)
	case state == withdrawal.Failed:
		// What had failed is doubtful now: it must be certain anew.
		row.FailedAt, row.Asked = sql.NullInt64{}, 0
	case state == withdrawal.Submitted && a.Outcome != payout.Sent:
		b.schedule(row, lease)
		return b.moveWithdrawal(row, withdrawal.Unknown, source, a.Reason)
	}
	b.schedule(row, lease)
	return b.saveWithdrawal(row, state)
}

// recordFailure takes a bank's word that no money left. It is certain once the bank has said so for long enough, or its books
// show how the money came back.
func (b *batch) recordFailure(row *store.Withdrawal, source string, lease int64, a payout.Answer) error {
	state := withdrawal.State(row.State)
	ours := row.Lease == lease // an old owner may tell what he heard an hour ago
	asked := b.now
	if ours && lease != 0 {
		asked = fromMicro(row.NextAt.Int64).Add(-payoutLease) // and so may one who slept since he asked
	}
	if !row.FailedAt.Valid && lease != unasked {
		row.FailedAt = nullMicro(b.now)
	}
	if state != withdrawal.Failed {
		row.Asked = 0
		b.schedule(row, lease)
		if err := b.moveWithdrawal(row, withdrawal.Failed, source, a.Code+" "+a.Reason); err != nil {
			return err
		}
		if row.Rail != merchant.RailSandbox && !a.Certain {
			return nil
		}
	} else if row.Rail != merchant.RailSandbox && !a.Certain && (!ours || asked.Sub(fromMicro(row.FailedAt.Int64)) < certainAfter) {
		b.schedule(row, lease)
		return b.saveWithdrawal(row, state)
	}
	return b.moveWithdrawal(row, withdrawal.Refunded, source, a.Code+" "+a.Reason)
}

// schedule says when the rail is asked next. Who isn't the present owner leaves that to the owner.
func (b *batch) schedule(row *store.Withdrawal, lease int64) {
	if row.Lease != lease && row.Lease != 0 || lease == unasked || b.dir.byPeople(row.Rail) {
		return
	}
	pause := askAgain[min(int(row.Asked), len(askAgain)-1)]
	if int(row.Asked) < len(askAgain) {
		row.Asked++
	}
	row.Lease, row.NextAt = 0, nullMicro(b.now.Add(pause))
}

// contradicted alarms when a bank says of a withdrawal that has ended what can't be undone by itself.
func (b *batch) contradicted(row *store.Withdrawal, a payout.Answer) {
	paid := withdrawal.State(row.State) == withdrawal.Paid
	if a.Outcome == payout.Paid && !paid || a.Outcome == payout.Failed && paid {
		b.logLater(slog.LevelError, "withdrawal.contradicted", slog.Int64("withdrawal", row.ID), slog.String("state", row.State),
			slog.String("outcome", string(a.Outcome)), slog.String("code", a.Code))
	}
}

// keepAnswer stores an answer as it came.
func (b *batch) keepAnswer(row *store.Withdrawal, source string, a payout.Answer) error {
	raw := a.Raw
	if raw == nil {
		raw = []byte{}
	}
	same, err := b.q.RepeatAnswer(b.ctx, store.RepeatAnswerParams{
		At: b.now.UnixMicro(), WithdrawalID: row.ID, Source: source, Outcome: string(a.Outcome), RailID: a.RailID, Utr: a.UTR, Code: a.Code, Reason: a.Reason,
	})
	if err != nil {
		return fmt.Errorf("count answer: %w", err)
	}
	if same > 0 {
		return nil
	}
	err = b.q.InsertAnswer(b.ctx, store.InsertAnswerParams{
		WithdrawalID: row.ID, At: b.now.UnixMicro(), Source: source, Outcome: string(a.Outcome), RailID: a.RailID, Utr: a.UTR, Code: a.Code, Reason: a.Reason, Raw: raw,
	})
	if err != nil {
		return fmt.Errorf("store answer: %w", err)
	}
	return nil
}

// PayAgain allows that a rail that says that it has nothing of a payout is told of it once more, by the same reference: what
// was sent must have arrived by now, or never will. Only who has the lease may, and people who spoke of the payout before
// must do so anew. ok is false when it may not be told.
func (g *Gateway) PayAgain(ctx context.Context, p Payout) (until time.Time, ok bool, err error) {
	err = g.actWithdrawal(ctx, p.ID, func(b *batch, row *store.Withdrawal) error {
		ok = false
		state, since := withdrawal.State(row.State), b.now.Sub(fromMicro(row.SubmittedAt.Int64))
		if row.Lease != p.Lease || state != withdrawal.Submitted && state != withdrawal.Unknown || since < payAgainAfter || since > payAgainUntil || b.onHold(row) != "" {
			return nil
		}
		if err := b.q.DropProposal(b.ctx, row.ID); err != nil {
			return fmt.Errorf("drop proposal: %w", err)
		}
		// It is kept before the rail is told, so that whatever came back of it is never taken for all of it.
		if err := b.keepAnswer(row, row.Rail, payout.Answer{Outcome: payout.Absent, Reason: "it is told once more"}); err != nil {
			return err
		}
		ok, until = true, b.now.Add(payoutLease)
		row.NextAt = nullMicro(until)
		return b.saveWithdrawal(row, state)
	})
	return until, ok && err == nil, err
}

func nullMicro(t time.Time) sql.NullInt64 { return sql.NullInt64{Int64: t.UnixMicro(), Valid: true} }
