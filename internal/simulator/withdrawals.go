package simulator

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/galla-gateway/galla"
	"github.com/galla-gateway/galla/internal/deposit"
	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/oracle"
	"github.com/galla-gateway/galla/internal/withdrawal"
)

// wanted is a signed order to pay, and what its merchant was told of it.
type wanted struct {
	shop    int
	request galla.WithdrawalRequest
	id      withdrawal.ID
	answer  string
}

// withdraw sends a new order to pay, or one that was sent before.
func (w *world) withdraw() *call {
	if len(w.payouts) > 0 && w.draw.percent(40) {
		return w.order(pick(w.draw, w.payouts))
	}
	n := len(w.payouts) + 1
	shop := w.draw.IntN(len(w.shops))
	body, err := galla.WithdrawalRequest{
		WithdrawalID: fmt.Sprintf("w-%d", n), PaymentSystem: galla.PaymentSystemIMPS, Amount: w.draw.between(1, 700), CurrencyCode: "INR",
		Label: fmt.Sprintf("payee-%d", n), AccountNumber: fmt.Sprintf("50100%07d", n), AccountName: "Simulated Payee", BankCode: "HDFC0000001",
	}.AppendJSON(nil, w.shops[shop].signing.Reveal())
	if err != nil {
		w.fail("harness", "write withdrawal: %v", err)
		return nil
	}
	request, err := galla.DecodeWithdrawal(body)
	if err != nil {
		w.fail("harness", "read withdrawal: %v", err)
		return nil
	}
	p := &wanted{shop: shop, request: request}
	w.payouts = append(w.payouts, p)
	return w.order(p)
}

func (w *world) order(p *wanted) *call {
	return &call{what: fmt.Sprintf("withdraw %s of shop %d: %d", p.request.WithdrawalID, p.shop, p.request.Amount), run: func(i *instance) func() {
		taken, err := i.gateway.RequestWithdrawal(context.Background(), w.shops[p.shop].id, p.request)
		return func() { w.ordered(p, taken, err) }
	}}
}

func (w *world) ordered(p *wanted, taken gateway.TakenWithdrawal, err error) {
	var refusal *gateway.WithdrawalRefusal
	answer := ""
	switch {
	case err == nil:
		answer, p.id = "ok", taken.ID
	case errors.As(err, &refusal):
		answer = "fail"
	default:
		w.mayFail("withdraw", err)
	}
	w.say("  %s: %q", p.request.WithdrawalID, answer)
	if p.answer != "" && answer != "" && p.answer != answer {
		w.fail("W-7", "withdrawal %s was told %s, and the same body now %s", p.request.WithdrawalID, p.answer, answer)
	}
	if answer != "" {
		p.answer = answer
	}
	w.told.Withdrawals = append(w.told.Withdrawals, oracle.ToldWithdrawal{
		Merchant: int64(w.shops[p.shop].id), WithdrawalID: p.request.WithdrawalID, Amount: p.request.Amount * 100, Answer: answer,
	})
}

// serve lets an instance's teller see to one withdrawal that is due. A sleepy one loses hours between asking and storing.
func (w *world) serve() *call {
	if len(w.payouts) == 0 {
		return nil
	}
	return &call{what: "serve a withdrawal", run: func(i *instance) func() {
		ctx := context.Background()
		due, err := i.gateway.DuePayouts(ctx)
		if err == nil && len(due) > 0 {
			err = i.teller.Serve(ctx, due[0].ID)
		}
		return func() { w.mayFail("serve", err) }
	}}
}

// decide lets a person decide something that waits for one.
func (w *world) decide() *call {
	if !w.swarm[person] {
		return w.approve()
	}
	w.hit(person)
	switch w.draw.IntN(5) {
	case 0:
		return w.approve()
	case 1:
		return w.cancel()
	case 2:
		return w.release()
	case 3:
		return w.findOut()
	}
	return w.resolve()
}

func (w *world) approve() *call {
	p := w.takenOn()
	if p == nil {
		return nil
	}
	by := pick(w.draw, w.operators[:])
	return &call{what: fmt.Sprintf("%s approves withdrawal %d", by.Name, p.id), run: func(i *instance) func() {
		_, err := i.gateway.ApproveWithdrawal(context.Background(), by, p.id, "")
		return func() { w.mayFail("approve", err) }
	}}
}

func (w *world) cancel() *call {
	p := w.takenOn()
	if p == nil {
		return nil
	}
	return &call{what: fmt.Sprintf("cancel withdrawal %d", p.id), run: func(i *instance) func() {
		err := i.gateway.CancelMerchantsWithdrawal(context.Background(), w.shops[p.shop].id, p.id)
		return func() { w.mayFail("cancel", err) }
	}}
}

// takenOn is a withdrawal that Galla has taken on, nil when there is none.
func (w *world) takenOn() *wanted {
	var list []*wanted
	for _, p := range w.payouts {
		if p.id != 0 {
			list = append(list, p)
		}
	}
	if len(list) == 0 {
		return nil
	}
	return pick(w.draw, list)
}

// idOf reads an id from the database as a person would from a list; 0 when the list is empty.
func (w *world) idOf(query string) int64 {
	rows, err := w.outside.Query(query)
	if err != nil {
		w.fail("harness", "%s: %v", query, err)
		return 0
	}
	defer func() { _ = rows.Close() }() // it was read to its end
	var ids []int64
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			w.fail("harness", "%s: %v", query, err)
			return 0
		}
		ids = append(ids, id)
	}
	if len(ids) == 0 {
		return 0
	}
	return pick(w.draw, ids)
}

// resolve is a person's end of a held claim.
func (w *world) resolve() *call {
	id := w.idOf(`SELECT id FROM claim WHERE state = 'held' ORDER BY id`)
	if id == 0 {
		return nil
	}
	accept := w.draw.percent(60)
	for _, p := range w.payments {
		p.tainted = true // a person may give anybody's money to anybody
	}
	return &call{what: fmt.Sprintf("a person decides claim %d: %v", id, accept), run: func(i *instance) func() {
		_, err := i.gateway.ResolveClaim(context.Background(), deposit.ClaimID(id), accept, "asha", "seen in the app")
		return func() { w.mayFail("resolve", err) }
	}}
}

// release is a person's word on a quarantined transfer.
func (w *world) release() *call {
	id := w.idOf(`SELECT id FROM transfer WHERE state IN ('quarantined', 'disputed') ORDER BY id`)
	if id == 0 {
		return nil
	}
	release := w.draw.percent(70)
	return &call{what: fmt.Sprintf("a person decides transfer %d: %v", id, release), run: func(i *instance) func() {
		err := i.gateway.ResolveTransfer(context.Background(), deposit.TransferID(id), release, "ravi", "seen in the app")
		return func() { w.mayFail("release", err) }
	}}
}

// lookedUp is how old a payout must be before people look into the bank's book: what was under way has arrived by then.
const lookedUp = 24 * time.Hour

// truth is what two people who look into the bank's book would say of a payout, false while they can't say.
func (w *world) truth(reference string, since time.Time) (gateway.Resolution, bool) {
	p := w.bank.book[reference]
	if w.clock.Now().Sub(since) < lookedUp {
		return gateway.Resolution{}, false
	}
	if p != nil {
		p.pass(w.clock.Now())
	}
	switch {
	case p == nil:
		return gateway.Resolution{Proof: "the bank's book"}, true
	case p.paid:
		return gateway.Resolution{Paid: true, UTR: p.utr, Proof: "the bank's book"}, true
	case p.taken.IsZero() || p.refused:
		return gateway.Resolution{Proof: "the bank's book"}, true
	}
	return gateway.Resolution{}, false
}

// findOut lets a person say what became of a withdrawal that has no end. What one says another must say too.
func (w *world) findOut() *call {
	id := w.idOf(`SELECT id FROM withdrawal WHERE state IN ('submitted', 'unknown', 'failed') ORDER BY id`)
	if id == 0 {
		return nil
	}
	by := pick(w.draw, w.operators[:])
	return &call{what: fmt.Sprintf("%s looks what became of withdrawal %d", by.Name, id), run: func(i *instance) func() {
		_, err := w.tellTruth(i, by, id)
		return func() { w.mayFail("find out", err) }
	}}
}

func (w *world) tellTruth(i *instance, by gateway.Operator, id int64) (done bool, err error) {
	var reference string
	var since int64
	if err := w.outside.QueryRow(`SELECT reference, submitted_at FROM withdrawal WHERE id = $1`, id).Scan(&reference, &since); err != nil {
		return false, err
	}
	r, known := w.truth(reference, time.UnixMicro(since))
	if !known {
		return false, nil
	}
	return i.gateway.ResolveWithdrawal(context.Background(), by, withdrawal.ID(id), r)
}

// endSteps is how often what is left is done at the end, and endStep how much time goes by in between.
const (
	endSteps = 40
	endStep  = 2 * time.Hour
)
