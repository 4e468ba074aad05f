package simulator

import (
	"context"
	"fmt"
	"time"

	"github.com/galla-gateway/galla"
)

// end lets all faults stop and everything come to rest, and checks what must be true then.
func (w *world) end(ctx context.Context) error {
	w.say("the end: no more faults")
	honest := w.swarm
	w.swarm = swarm{}
	for _, i := range w.instances {
		if err := i.start(ctx); err != nil {
			return err
		}
	}
	i := w.instances[0]
	if err := w.settleAll(ctx, i); err != nil {
		return err
	}
	if err := w.look(ctx, true); err != nil {
		return err
	}
	w.checkRest(honest)
	return nil
}

// settleAll delivers every message, repeats every claim and order, sends every postback, and asks the bank until it has decided.
func (w *world) settleAll(ctx context.Context, i *instance) error {
	w.clock.advance(mostLate)
	for len(w.phone) > 0 {
		due := w.phone
		w.phone = nil
		w.observe(due).run(i)()
	}
	for _, c := range w.claims {
		was := c.answer
		w.claim(c).run(i)()
		if was == galla.StatusOK && c.answer != galla.StatusOK {
			w.fail("C-4", "order %s was told ok, and at the end %q", c.order, c.answer)
		}
		if c.answer == "" {
			w.fail("liveness", "order %s gets no answer though nothing is wrong any more", c.order)
		}
	}
	for _, p := range w.payouts {
		w.order(p).run(i)()
		if p.answer == "" {
			w.fail("liveness", "withdrawal %s gets no answer though nothing is wrong any more", p.request.WithdrawalID)
		}
	}
	for range endSteps {
		moved, err := w.oneRound(ctx, i)
		if err != nil || !moved {
			return err
		}
		w.clock.advance(endStep)
	}
	return w.endByPeople(i)
}

// endByPeople lets both operators end what the bank never took on, and will never tell of.
func (w *world) endByPeople(i *instance) error {
	for {
		id := w.idOf(`SELECT id FROM withdrawal WHERE state IN ('submitted', 'unknown', 'failed') ORDER BY id LIMIT 1`)
		if id == 0 {
			return nil
		}
		w.say("withdrawal %d is ended by two people", id)
		done, err := w.tellTruth(i, w.operators[0], id)
		if err == nil && !done { // else the other one had said so before
			done, err = w.tellTruth(i, w.operators[1], id)
		}
		if err != nil || !done {
			w.fail("W-3", "two people can't end withdrawal %d: %v", id, err)
			return nil
		}
		w.reached["withdrawal ended by people"]++
		w.clock.advance(endStep) // whoever sent the last postback may keep the lane for a while
		if _, err := w.oneRound(context.Background(), i); err != nil {
			return err
		}
	}
}

// oneRound does what is due once, and tells whether more will come.
func (w *world) oneRound(ctx context.Context, i *instance) (more bool, err error) {
	for _, work := range []func(context.Context) error{i.gateway.Expire, i.gateway.Sweep, i.gateway.RollUp, i.gateway.NumberEvents} {
		if err := work(ctx); err != nil {
			return false, err
		}
	}
	for len(w.records) > 0 {
		r := w.records[0]
		w.records = w.records[1:]
		if _, err := i.gateway.RecordAttempts(ctx, r.attempts, r.moves); err != nil {
			return false, err
		}
	}
	for range mostSent {
		w.send().run(i)()
	}
	due, err := i.gateway.DuePayouts(ctx)
	if err != nil {
		return false, err
	}
	for _, d := range due {
		if err := i.teller.Serve(ctx, d.ID); err != nil {
			return false, err
		}
	}
	var left int
	err = w.outside.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM postback WHERE state = 'pending')
		+ (SELECT count(*) FROM withdrawal WHERE state IN ('approved', 'submitted', 'unknown', 'failed'))
		+ (SELECT count(*) FROM event_new)`).Scan(&left)
	if err != nil {
		return false, fmt.Errorf("count what is left: %w", err)
	}
	return left > 0, nil
}

// checkRest checks what must be true once nothing is under way any more. had are the faults of the life.
func (w *world) checkRest(had swarm) {
	w.none("P-2", "postbacks are pending", `SELECT count(*) FROM postback WHERE state = 'pending'`)
	w.none("W-3", "withdrawals have no end", `SELECT count(*) FROM withdrawal WHERE state IN ('approved', 'submitted', 'unknown', 'failed')`)
	w.none("feed", "events have no position", `SELECT count(*) FROM event_new`)
	w.none("C-1", "claims wait for money that somebody else has", `SELECT count(*) FROM claim c JOIN transfer t ON t.reference_id = c.reference_id
		WHERE c.state = 'waiting' AND c.superseded_by = 0 AND t.state = 'credited'`)
	w.none("liveness", "claims wait beyond their time", `SELECT count(*) FROM claim WHERE state = 'waiting' AND expires_at < `+fmt.Sprint(w.clock.Now().UnixMicro()))
	for _, reference := range w.bank.order {
		p := w.bank.book[reference]
		var state string
		err := w.outside.QueryRow(`SELECT state FROM withdrawal WHERE reference = $1`, reference).Scan(&state)
		if err != nil || p.paid != (state == "paid") {
			w.fail("W-1", "the bank paid %s: %v; here it is %q (%v)", reference, p.paid, state, err)
		}
	}
	w.checkHonest(had)
	w.countReached()
}

// countReached counts what the life came to: a fault proves nothing where nothing happened.
func (w *world) countReached() {
	rows, err := w.outside.Query(`SELECT 'claim ' || state, count(*) FROM claim GROUP BY state UNION ALL SELECT 'transfer ' || state, count(*) FROM transfer GROUP BY state
		UNION ALL SELECT 'withdrawal ' || state, count(*) FROM withdrawal GROUP BY state UNION ALL SELECT 'postback ' || state, count(*) FROM postback GROUP BY state`)
	if err != nil {
		w.fail("harness", "count: %v", err)
		return
	}
	defer func() { _ = rows.Close() }() // it was read to its end
	for rows.Next() {
		var what string
		var n int64
		if err := rows.Scan(&what, &n); err != nil {
			w.fail("harness", "count: %v", err)
			return
		}
		w.reached[what] += n
	}
}

// promptly is within which a claim must follow its payment, and strong evidence the claim, for the credit to be promised. Claims wait
// for 72 hours.
const promptly = 48 * time.Hour

func (c *claiming) inTime() bool {
	return c.known.Sub(c.of.at) < promptly && c.of.heard.Sub(c.sent) < promptly
}

func (w *world) none(invariant, what, query string) {
	var n int
	if err := w.outside.QueryRow(query).Scan(&n); err != nil || n != 0 {
		w.fail(invariant, "%d %s (%v)", n, what, err)
	}
}

// checkHonest: who paid, claimed it rightly and in time, and about whose payment nobody lied, has the credit.
func (w *world) checkHonest(had swarm) {
	if had[contradiction] || had[reversal] { // a disputed account holds what is honest too
		return
	}
	claimers := map[string]map[orderOf]bool{} // of each number
	for _, t := range w.told.Claims {
		if claimers[t.Number] == nil {
			claimers[t.Number] = map[orderOf]bool{}
		}
		claimers[t.Number][orderOf{int(t.Merchant), t.OrderID}] = true
	}
	for _, c := range w.claims {
		p := c.of
		if !c.honest || p.tainted || p.heard.IsZero() || !c.inTime() || len(claimers[p.number]) != 1 || c.answer == galla.StatusOK {
			continue
		}
		w.fail("liveness", "order %s of %s: %d was paid as %s and rightly claimed, and is told %q", c.order, p.payer, p.amount, p.number, c.answer)
	}
}
