package oracle

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
)

// sampleWebhook begins the webhook-id of postbacks that a merchant asked for as samples: they tell of nothing.
const sampleWebhook = "msg_test_"

// Compare holds what was asked and answered, and what the world saw, against the database. Of Seen a book that is nil isn't
// kept, and nothing is concluded from it; one that is empty says that nothing happened.
//
// Told has every activation of the orders that it names, those from payment windows included: what was told "fail" and never
// anything else must not be credited. Neither book needs to be complete otherwise: a request or a transfer may be on its way.
func (o *Oracle) Compare(ctx context.Context, told Told, seen Seen) ([]Violation, error) {
	c := &comparison{ctx: ctx, o: o}
	for _, compare := range []func() error{
		func() error { return c.claims(told.Claims) },
		func() error { return c.evidence(told.Evidence) },
		func() error { return c.withdrawals(told.Withdrawals) },
		func() error { return c.transfers(seen.Transfers) },
		func() error { return c.payouts(seen.Payouts) },
		func() error { return c.postbacks(seen.Postbacks) },
	} {
		if err := compare(); err != nil {
			return nil, fmt.Errorf("oracle: compare: %w", err)
		}
	}
	return c.found, nil
}

// comparison is one run of Compare. What more than one book is held against is read once.
type comparison struct {
	ctx   context.Context
	o     *Oracle
	found []Violation
	kept  []credit
	read  bool
}

func (c *comparison) wrong(invariant, format string, args ...any) {
	c.found = append(c.found, Violation{invariant, fmt.Sprintf(format, args...)})
}

type order struct {
	merchant int64
	id       string
}

// credit is a deposit with all that makes it one.
type credit struct {
	id, amount, account, claimed int64
	order                        order
	number, currency, reason     string
}

func (c *comparison) credits() ([]credit, error) {
	if c.read {
		return c.kept, nil
	}
	err := c.o.read(c.ctx, "SELECT d.id, d.merchant_id, d.amount, d.currency, COALESCE(c.order_id, ''), COALESCE(c.amount, 0), COALESCE(c.reason, ''), "+
		"COALESCE(t.account_id, 0), COALESCE(r.number, '') FROM deposit d LEFT JOIN claim c ON c.id = d.claim_id LEFT JOIN transfer t ON t.id = d.transfer_id "+
		"LEFT JOIN reference r ON r.id = t.reference_id", func(rows *sql.Rows) error {
		var d credit
		err := rows.Scan(&d.id, &d.order.merchant, &d.amount, &d.currency, &d.order.id, &d.claimed, &d.reason, &d.account, &d.number)
		c.kept = append(c.kept, d)
		return err
	})
	c.read = err == nil
	return c.kept, err
}

// byPerson is the reason of a claim that a person accepted: it may be of another amount than its payer named.
const byPerson = "decided_by_person"

// claims holds answers against credits (C-4).
func (c *comparison) claims(told []ToldClaim) error {
	if len(told) == 0 {
		return nil
	}
	credits, err := c.credits()
	if err != nil {
		return err
	}
	of := make(map[order]*credit, len(credits))
	for i := range credits {
		of[credits[i].order] = &credits[i]
	}
	failed := map[order]bool{} // false: it was told something else, too
	for _, t := range told {
		key := order{t.Merchant, t.OrderID}
		onlyFail, known := failed[key]
		failed[key] = t.Answer == "fail" && (onlyFail || !known)
		if t.Answer != "ok" {
			continue
		}
		d := of[key]
		switch {
		case d == nil:
			c.wrong("C-4", "merchant %d was told ok of order %q on number %s, and has no credit for it", t.Merchant, t.OrderID, t.Number)
		case d.number != t.Number:
			c.wrong("C-4", "merchant %d was told ok of order %q on number %s, its credit is deposit %d on number %s", t.Merchant, t.OrderID, t.Number, d.id, d.number)
		case t.Amount != 0 && d.amount != t.Amount && d.reason != byPerson:
			c.wrong("C-4", "merchant %d was told ok of order %q for %d, its credit is deposit %d of %d", t.Merchant, t.OrderID, t.Amount, d.id, d.amount)
		case t.Amount != 0 && d.claimed != t.Amount:
			c.wrong("C-4", "merchant %d was told ok of order %q for %d, what is stored claims %d", t.Merchant, t.OrderID, t.Amount, d.claimed)
		}
	}
	for _, t := range told {
		key := order{t.Merchant, t.OrderID}
		if d := of[key]; d != nil && failed[key] && d.number == t.Number && (t.Amount == 0 || d.claimed == t.Amount) {
			c.wrong("C-4", "merchant %d was told nothing but fail of order %q on number %s, and deposit %d credits it", t.Merchant, t.OrderID, t.Number, d.id)
			failed[key] = false // once
		}
	}
	return nil
}

// evidence holds answers against what is kept (E-1).
func (c *comparison) evidence(told []ToldEvidence) error {
	if len(told) == 0 {
		return nil
	}
	type report struct {
		source int64
		number string
	}
	created, known := map[report]int{}, map[string]bool{}
	err := c.o.read(c.ctx, "SELECT e.source_id, r.number, CASE WHEN e.outcome = 'created' THEN 1 ELSE 0 END, CASE WHEN t.id IS NULL THEN 0 ELSE 1 END "+
		"FROM evidence e JOIN reference r ON r.id = e.reference_id LEFT JOIN transfer t ON t.reference_id = r.id", func(rows *sql.Rows) error {
		var r report
		var first, there int
		err := rows.Scan(&r.source, &r.number, &first, &there)
		created[r] += first
		known[r.number] = known[r.number] || there == 1
		return err
	})
	if err != nil {
		return err
	}
	answered := map[report]int{}
	for _, t := range told {
		r := report{t.Source, t.Number}
		switch {
		case t.Number == "":
		case t.Answer == "created":
			answered[r]++
			if answered[r] > created[r] {
				c.wrong("E-1", "source %d was told %d times that its transfer %s is created; that is kept %d times", t.Source, answered[r], t.Number, created[r])
			}
		case t.Answer == "duplicate" && !known[t.Number]:
			c.wrong("E-1", "source %d was told that transfer %s is known, and there is none", t.Source, t.Number)
		}
	}
	return nil
}

// transfers holds credits and what is kept of transfers against the money that really came (M-4, C-1).
func (c *comparison) transfers(seen []SeenTransfer) error {
	if seen == nil {
		return nil
	}
	credits, err := c.credits()
	if err != nil {
		return err
	}
	came := make(map[SeenTransfer]int, len(seen))
	for _, t := range seen {
		came[t]++
	}
	for _, d := range credits {
		key := SeenTransfer{Account: d.account, Number: d.number, Amount: d.amount, Currency: d.currency}
		times, was := came[key]
		switch {
		case !was:
			c.wrong("M-4", "deposit %d credits %d %s with number %s on account %d: no such money came", d.id, d.amount, d.currency, d.number, d.account)
		case times == 0:
			c.wrong("C-1", "deposit %d credits %d %s with number %s on account %d: it came once, and another deposit has it", d.id, d.amount, d.currency, d.number, d.account)
		default:
			came[key]--
		}
	}
	return nil
}

// isSample tells postbacks of nothing.
func isSample(webhook string) bool { return strings.HasPrefix(webhook, sampleWebhook) }
