package oracle

import "database/sql"

// withdrawals holds answers against what is kept.
func (c *comparison) withdrawals(told []ToldWithdrawal) error {
	if len(told) == 0 {
		return nil
	}
	amounts := map[order]int64{}
	err := c.o.read(c.ctx, "SELECT merchant_id, withdrawal_id, amount FROM withdrawal", func(rows *sql.Rows) error {
		var key order
		var amount int64
		err := rows.Scan(&key.merchant, &key.id, &amount)
		amounts[key] = amount
		return err
	})
	if err != nil {
		return err
	}
	failed := map[order]bool{}
	for _, t := range told {
		key := order{t.Merchant, t.WithdrawalID}
		onlyFail, known := failed[key]
		failed[key] = t.Answer == "fail" && (onlyFail || !known)
		amount, there := amounts[key]
		switch {
		case t.Answer != "ok":
		case !there:
			c.wrong("W-7", "merchant %d was told ok of withdrawal %q, and it isn't there", t.Merchant, t.WithdrawalID)
		case amount != t.Amount:
			c.wrong("W-7", "merchant %d was told ok of withdrawal %q of %d, what is stored is of %d", t.Merchant, t.WithdrawalID, t.Amount, amount)
		}
	}
	for _, t := range told { // in the order of the book, so that two runs tell the same
		key := order{t.Merchant, t.WithdrawalID}
		if _, there := amounts[key]; there && failed[key] {
			c.wrong("W-7", "merchant %d was told nothing but fail of withdrawal %q, and it is stored", t.Merchant, t.WithdrawalID)
			failed[key] = false
		}
	}
	return nil
}

// payouts holds what banks have against what was ordered (W-1, W-5).
func (c *comparison) payouts(seen []SeenPayout) error {
	if len(seen) == 0 {
		return nil
	}
	type ordered struct {
		id, amount, test int64
		account, state   string
	}
	of := map[string]ordered{}
	err := c.o.read(c.ctx, "SELECT reference, id, amount, test, account_number, state FROM withdrawal", func(rows *sql.Rows) error {
		var reference string
		var w ordered
		err := rows.Scan(&reference, &w.id, &w.amount, &w.test, &w.account, &w.state)
		of[reference] = w
		return err
	})
	if err != nil {
		return err
	}
	times := map[string]int{}
	for _, p := range seen {
		w, there := of[p.Reference]
		times[p.Reference] += p.Credits
		credits := times[p.Reference]
		switch {
		case !there:
			c.wrong("W-5", "a bank has payout %s of %d, which isn't stored", p.Reference, p.Amount)
			continue
		case w.state == "created" || w.state == "approved" || w.state == "refused" || w.state == "cancelled":
			c.wrong("W-5", "a bank has payout %s, and withdrawal %d is %s: no bank may know of it", p.Reference, w.id, w.state)
		case credits > 1:
			c.wrong("W-1", "withdrawal %d was paid %d times", w.id, credits)
		case p.Credits > 0 && w.state == "refunded":
			c.wrong("W-1", "withdrawal %d was paid and given back", w.id)
		}
		if p.Credits > 0 && (p.Account != w.account || p.Amount != w.amount && p.Amount != 0) {
			c.wrong("W-1", "withdrawal %d is of %d to account %s, the bank paid %d to account %s", w.id, w.amount, w.account, p.Amount, p.Account)
		}
	}
	return nil
}

// postbacks holds what merchants received against what is stored (P-1, P-3, I-1).
func (c *comparison) postbacks(seen []SeenPostback) error {
	if len(seen) == 0 {
		return nil
	}
	type stored struct {
		merchant int64
		body     string
	}
	of := make(map[string]stored, len(seen))
	err := c.o.read(c.ctx, "SELECT webhook_id, merchant_id, body, packed FROM postback", func(rows *sql.Rows) error {
		var webhook, plain string
		var packed []byte
		var p stored
		if err := rows.Scan(&webhook, &p.merchant, &plain, &packed); err != nil {
			return err
		}
		var damage error
		if p.body, damage = toldBody(plain, packed); damage != nil {
			c.wrong("P-3", "of postback %s %s", webhook, damage)
		}
		if _, twice := of[webhook]; twice {
			c.wrong("P-3", "two postbacks have webhook id %s", webhook)
		}
		of[webhook] = p
		return nil
	})
	if err != nil {
		return err
	}
	for _, p := range seen {
		if !p.Verified {
			c.wrong("P-3", "merchant %d received postback %s, whose signature isn't right", p.Merchant, p.WebhookID)
		}
		if isSample(p.WebhookID) {
			continue
		}
		switch s, there := of[p.WebhookID]; {
		case !there:
			c.wrong("P-1", "merchant %d received postback %s, which isn't stored", p.Merchant, p.WebhookID)
		case s.merchant != p.Merchant:
			c.wrong("I-1", "merchant %d received postback %s, which is of merchant %d", p.Merchant, p.WebhookID, s.merchant)
		case s.body != p.Body:
			c.wrong("P-3", "merchant %d received postback %s with another body than is stored", p.Merchant, p.WebhookID)
		}
	}
	return nil
}
