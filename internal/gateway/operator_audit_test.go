package gateway

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/galla-gateway/galla/internal/deposit"
	"github.com/galla-gateway/galla/internal/evidence"
	"github.com/galla-gateway/galla/internal/keyring"
	"github.com/galla-gateway/galla/internal/merchant"
	"github.com/galla-gateway/galla/internal/store"
	"github.com/galla-gateway/galla/internal/testkit"
	"github.com/galla-gateway/galla/internal/wallet"
	"github.com/galla-gateway/galla/internal/withdrawal"
)

// logged is the audit log, a line each.
func (w *world) logged() (lines []string) {
	w.t.Helper()
	rows, err := w.g.store.Read().ListAuditLog(context.Background(), store.ListAuditLogParams{Rows: 1000})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, row := range rows {
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s %s %s %s", row.Actor, row.Act, row.Subject, row.Detail)))
	}
	return lines
}

// Whatever a person changes is in the audit log, with the name of who did it and without a secret (invariants A-1, I-2).
func TestWhatPeopleChangeIsInTheAuditLog(t *testing.T) {
	eachEmpty(t, func(w *world) {
		g, end := w.open(Options{Now: w.clock.Now, Actor: "root"})
		defer end()
		before := len(w.logged())
		ctx := context.Background()
		var secrets []keyring.Secret
		added, err := g.AddMerchants(ctx, NewMerchant{Slug: "late", PostbackURL: "https://late.example/pb"}, NewMerchant{Slug: "later", PostbackURL: "https://late.example/pb"})
		w.must(err)
		secrets = append(secrets, added[0].APISecret, added[0].PostbackKey, added[0].WithdrawalKey)
		w.must(g.SetMerchant(ctx, "late", []Setting{{"withdrawal_auto_limit", "5000"}, {"name", "Late shop"}}))
		if err := g.SetMerchant(ctx, "late", []Setting{{"withdrawal_auto_limit", "-1"}}); err == nil {
			t.Error("a negative limit is taken")
		}
		w.must(g.MoveMerchant(ctx, "late", merchant.Paused))
		rotated, err := g.RotateMerchantKey(ctx, "late", keyWithdrawal, 0)
		w.must(err)
		secrets = append(secrets, rotated.Secret)
		w.must(g.AddDomain(ctx, "late", "pay.late.example"))
		w.must(g.RemoveDomain(ctx, "late", "pay.late.example"))
		own, err := g.AddWallet(ctx, NewWallet{Method: "phone_pe", Identifier: "7000000001", Holder: "LATE", Merchants: []string{"late"}})
		w.must(err)
		w.must(g.SetWallet(ctx, own.ID, []Setting{{"daily_count", "7"}}))
		w.must(g.MoveWallet(ctx, own.ID, wallet.Paused))
		source, err := g.AddSource(ctx, own.ID, evidence.SourceSMS)
		w.must(err)
		fresh, err := g.RotateSource(ctx, source.ID)
		w.must(err)
		secrets = append(secrets, source.Token, fresh.Token)
		w.must(g.MoveSource(ctx, source.ID, SourcePaused))
		for range 2 { // the second time nothing is new
			_, err = g.StatementSource(ctx, own.ID)
			w.must(err)
		}
		w.must(g.SetSender(ctx, "NEWBNK", "HDFC"))
		w.must(g.RemoveSender(ctx, "NEWBNK"))
		w.must(g.SetRate(ctx, "BDT", "INR", "0.7"))
		redirect, err := g.AddRedirect(ctx, "late", "https://late.example/back", false)
		w.must(err)
		w.must(g.RemoveRedirect(ctx, "late", redirect))
		w.must(g.AddOrigin(ctx, "late", "https://late.example", false))
		w.must(g.RemoveOrigin(ctx, "late", "https://late.example"))
		name := "Late"
		_, err = g.SetBrand(ctx, "late", BrandChange{Name: &name})
		w.must(err)
		w.must(g.ClearBrand(ctx, "late"))
		w.must(g.PauseEndpoints(ctx, "late", []PostbackKind{PostbackDeposit}, "their server moves"))
		w.must(g.ResumeEndpoints(ctx, "late", []PostbackKind{PostbackDeposit}))
		rate := 5
		w.must(g.SetEndpoints(ctx, "late", []PostbackKind{PostbackDeposit}, EndpointChange{Rate: &rate}))
		_, err = g.Reseal(ctx)
		w.must(err)
		_, err = g.AddOperator(ctx, "asha")
		w.must(err)
		w.must(g.RetireOperator(ctx, "asha"))

		got := w.logged()[before:]
		want := []string{
			"merchant.added merchant:late,later", "merchant.set merchant:late withdrawal_auto_limit=5000 name=Late shop", "merchant.paused merchant:late",
			"merchant.key_rotated merchant:late withdrawal overlap 0s", "merchant.domain_added merchant:late pay.late.example",
			"merchant.domain_removed merchant:late pay.late.example", "wallet.added wallet:N phone_pe 7000000001", "wallet.set wallet:N daily_count=7",
			"wallet.paused wallet:N", "source.added source:N sms", "source.rotated source:N", "source.paused source:N", "source.added source:N statement",
			"sender.set sender:NEWBNK HDFC", "sender.removed sender:NEWBNK", "rate.set rate:BDT/INR 0.7",
			"merchant.redirect_added merchant:late https://late.example/back", "merchant.redirect_removed merchant:late 1",
			"merchant.origin_added merchant:late https://late.example", "merchant.origin_removed merchant:late https://late.example",
			"merchant.brand_set merchant:late name", "merchant.brand_cleared merchant:late", "endpoint.paused merchant:late [deposit] their server moves",
			"endpoint.resumed merchant:late [deposit]", "endpoint.set merchant:late [deposit] rate=5", "secrets.resealed installation 0 keys, 0 tokens",
			"operator.added operator:asha", "operator.retired operator:asha",
		}
		for i, line := range got {
			words := strings.Fields(line)
			if id := strings.TrimLeft(words[2], "waletsourc"); strings.HasPrefix(id, ":") && strings.Trim(id, ":0123456789") == "" {
				words[2] = strings.TrimSuffix(words[2], id) + ":N"
			}
			got[i] = strings.Join(words, " ")
		}
		for i := range want {
			want[i] = "shell:root " + want[i]
		}
		if !slices.Equal(got, want) {
			t.Errorf("the log has\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		for _, secret := range secrets {
			if strings.Contains(strings.Join(got, "\n"), secret.Reveal()) {
				t.Error("a secret is in the log")
			}
		}
		if report := w.verified(); report.FirstBad != 0 || report.Rows != int64(before+len(want)) {
			t.Errorf("%+v", report)
		}
	})
}

// What people decide about deposits is in it, too; what the rules decide isn't.
func TestDecisionsOnDepositsAreInTheAuditLog(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, database string) {
		w := newWorld(t, database)
		before := len(w.logged())
		ctx := context.Background()
		w.observe(w.credit("412345678901", "499"), w.credit("412345678902", "499"))
		for i, accept := range []bool{true, false} {
			r := w.wantClaim(claimRequest(fmt.Sprintf("o-%d", i), "payer-1", fmt.Sprintf("41234567890%d", i+1), "500"), deposit.Held, deposit.ReasonMismatch)
			if _, err := w.g.ResolveClaim(ctx, r.ClaimID, accept, "meena", "they called"); err != nil {
				t.Fatal(err)
			}
		}
		got := w.logged()[before:]
		if len(got) != 2 || !strings.HasPrefix(got[0], "shell:meena claim.accepted claim:") || !strings.HasPrefix(got[1], "shell:meena claim.refused claim:") ||
			!strings.HasSuffix(got[0], " they called") {
			t.Errorf("%v", got)
		}
	})
}

// What an operator said who has left since counts no more, be it an approval or a proposal.
func TestWhoHasLeftCountsNoMore(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, database string) {
		w := newWorld(t, database)
		maker, checker := w.fund("shop", 1000)
		third := w.operator("third")
		ctx := context.Background()
		w.policy(shop, func(p *merchant.Policy) { p.Withdrawal.OneLimit = 1 })
		id := w.take("w-1", 700)
		approve := func(by Operator, want withdrawal.State) {
			t.Helper()
			if state, err := w.g.ApproveWithdrawal(ctx, by, id, ""); err != nil || state != want {
				t.Errorf("%s, %v, want %s", state, err, want)
			}
		}
		approve(maker, withdrawal.Created)
		w.must(w.g.RetireOperator(ctx, "maker"))
		approve(checker, withdrawal.Created)
		approve(third, withdrawal.Approved)

		if _, err := w.g.ClaimWithdrawal(ctx, checker, id, false); err != nil {
			t.Fatal(err)
		}
		resolve := func(by Operator, want bool) {
			t.Helper()
			if done, err := w.g.ResolveWithdrawal(ctx, by, id, Resolution{Proof: "statement"}); err != nil || done != want {
				t.Errorf("%t, %v, want %t", done, err, want)
			}
		}
		fourth := w.operator("fourth")
		resolve(third, false)
		w.must(w.g.RetireOperator(ctx, "third"))
		resolve(checker, false)
		resolve(fourth, true)
		w.wantClean()
	})
}
