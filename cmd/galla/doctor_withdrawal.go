package main

import (
	"cmp"
	"fmt"
	"time"

	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/merchant"
	"github.com/galla-gateway/galla/internal/store"
	"github.com/galla-gateway/galla/internal/withdrawal"
)

// How long withdrawals may stay in a state, and what is proposed may wait, before doctor warns.
const (
	unknownPatience  = 30 * time.Minute // a provider is told once more after ten minutes
	failedPatience   = 3 * time.Hour    // a provider's word is certain after one
	createdPatience  = 4 * time.Hour    // for people to approve it
	approvedPatience = 15 * time.Minute // for a provider's rail, which takes seconds
	byHandPatience   = 24 * time.Hour   // for people to pay it, or to say what became of it
	proposalPatience = 24 * time.Hour
	needed           = 2 // active operators
)

// withdrawals tells of money that should have left, or come back, by now.
func (d *doctor) withdrawals() error {
	open, err := gateway.ListOpenWithdrawals(d.ctx, d.q)
	if err != nil {
		return err
	}
	rows, err := d.q.ListRails(d.ctx)
	if err != nil {
		return err
	}
	rails := map[string]store.Rail{}
	for _, r := range rows {
		rails[r.Name] = r
	}
	late := map[withdrawal.State][]string{}
	var unserved, unpaid []string
	for _, o := range open {
		rail, known := rails[o.Rail]
		byHand := o.Rail == merchant.RailManual
		age := d.app.now().Sub(o.Since)
		text := fmt.Sprintf("%d on rail %s, the oldest since %s", o.Count, printable(o.Rail), minute(o.Since.UnixMicro()))
		switch {
		case o.State == withdrawal.Approved && !byHand && !known:
			unserved = append(unserved, text+": there is no such rail")
		case o.State == withdrawal.Approved && rail.State == gateway.RailPaused:
			unserved = append(unserved, text+": galla rail resume "+o.Rail)
		case o.State == withdrawal.Approved && age > patienceOf(o, rail):
			unpaid = append(unpaid, text)
		case o.State != withdrawal.Approved && age > patienceOf(o, rail):
			late[o.State] = append(late[o.State], text)
		}
	}
	say := func(check, fine, what string, list []string, advice string) {
		d.okUnless(len(list) > 0, lineWarn, check, fine, "%s: %s. %s", what, firstOf(list), advice)
	}
	say("approvals", "no withdrawal waits long for approval", "withdrawals wait for approval", late[withdrawal.Created], "galla withdrawal list --state created")
	say("unserved", "every approved withdrawal has its rail", "nobody pays approved withdrawals", unserved, "galla rail list")
	say("unpaid", "approved withdrawals are paid", "approved withdrawals aren't paid", unpaid,
		"Does galla serve run, is a merchant paused, does its log have payout.failed? By hand: galla withdrawal list --state approved")
	say("submitted", "rails answer", "nobody has said for long what became of withdrawals", late[withdrawal.Submitted], "galla withdrawal list --state submitted")
	say("unknown", "no withdrawal is unknown for long", "nobody knows whether withdrawals were paid", late[withdrawal.Unknown],
		"Look at the bank for their references, then galla withdrawal resolve, by two people")
	say("failed", "no withdrawal has been failed for long", "failed withdrawals aren't given back", late[withdrawal.Failed],
		"galla withdrawal resolve ID --failed by another operator, when the bank's statement shows nothing")
	return nil
}

// patienceOf is how long withdrawals may be in their state. What no provider's rail pays, people do.
func patienceOf(o gateway.OpenWithdrawals, rail store.Rail) time.Duration {
	kind := gateway.RailKind(rail.Kind)
	byPeople := kind != gateway.RailRazorpayX && kind != gateway.RailCashfree
	switch {
	case o.State == withdrawal.Created:
		return createdPatience
	case o.State == withdrawal.Unknown:
		return unknownPatience
	case o.State == withdrawal.Failed:
		return failedPatience
	case o.State == withdrawal.Approved && !byPeople:
		return approvedPatience
	}
	return byHandPatience
}

// contradictions tells of what banks took back, and of what one person proposed and no other has looked at.
func (d *doctor) contradictions() error {
	contradicted, err := d.q.CountContradicted(d.ctx, gateway.ContradictionReach)
	if err != nil {
		return err
	}
	d.okUnless(contradicted > 0, lineWarn, "contradicted", "no bank said otherwise of what has ended",
		"banks said otherwise of %d withdrawals since they ended: galla audit names them", contradicted)
	proposed, err := d.q.CountProposedAdjustments(d.ctx)
	age := d.app.now().Sub(time.UnixMicro(proposed.Oldest))
	d.okUnless(proposed.Adjustments > 0 && age > proposalPatience, lineWarn, "adjustments", fmt.Sprintf("%d wait for another operator", proposed.Adjustments),
		"%d wait for another operator, the oldest since %s: galla ledger list --state proposed", proposed.Adjustments, minute(proposed.Oldest))
	return err
}

// payers looks whether there are the people and rails that withdrawals need. An installation that never had an operator and
// has no open withdrawal pays nothing out, and need have nobody.
func (d *doctor) payers() error {
	operators, err := d.q.ListOperators(d.ctx)
	if err != nil {
		return err
	}
	rails, err := d.q.ListRails(d.ctx)
	if err != nil {
		return err
	}
	merchants, err := d.q.ListMerchants(d.ctx)
	if err != nil {
		return err
	}
	open, err := d.q.CountOpenWithdrawals(d.ctx)
	if err != nil {
		return err
	}
	states := map[string]string{merchant.RailManual: gateway.RailActive}
	var problems, need []string
	for _, r := range rails {
		if states[r.Name] = r.State; r.State == gateway.RailPaused {
			problems = append(problems, fmt.Sprintf("%s is paused: galla rail resume %s", r.Name, r.Name))
		}
	}
	for _, m := range merchants {
		policy, err := merchant.ParsePolicy(m.Policy)
		if err != nil {
			return err
		}
		if m.State != string(merchant.Active) || m.Sandbox == 1 {
			continue
		}
		if p := policy.Withdrawal; states[p.Rail] == "" {
			problems = append(problems, fmt.Sprintf("withdrawal_rail of %s is %s, and there is no such rail", m.Slug, printable(p.Rail)))
		}
		if needsTwo(policy.Withdrawal) {
			need = append(need, m.Slug)
		}
	}
	d.okUnless(len(problems) > 0, lineWarn, "rails", fmt.Sprintf("%d configured", len(rails)), "%s", firstOf(problems))
	active := 0
	for _, o := range operators {
		if o.State == gateway.OperatorActive {
			active++
		}
	}
	used := len(operators) > 0 || len(open) > 0
	d.okUnless(used && active < needed && len(need) > 0, lineWarn, "operators", fmt.Sprintf("%d active", active),
		"%d active, and withdrawals of %s may need two people: galla operator add NAME", active, firstOf(need))
	return nil
}

// needsTwo reports that a withdrawal that a policy allows may need two people. What an account gets in a day counts together.
func needsTwo(p merchant.WithdrawalPolicy) bool {
	const without = 1 << 62 // no limit
	most := min(cmp.Or(p.PayeeAmount, without), cmp.Or(p.DailyAmount, without))
	return withdrawal.Approvals(most, p) == needed
}
