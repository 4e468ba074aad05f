package gateway

import (
	"context"
	"strings"
	"testing"

	"github.com/galla-gateway/galla/internal/deposit"
	"github.com/galla-gateway/galla/internal/evidence"
	"github.com/galla-gateway/galla/internal/merchant"
	"github.com/galla-gateway/galla/internal/wallet"
)

// tries is a sandbox merchant with wallet 1, beside a live one with wallet 2.
func (w *world) tries() merchant.ID {
	w.t.Helper()
	newTries := newShop("tries")
	newTries.Sandbox = true
	id := w.addMerchant(newTries).ID
	w.addMerchant(newShop("shop"))
	w.addWallet(phone("6234234234", "tries"))
	w.addWallet(phone("6234234235", "shop"))
	return id
}

func (w *world) invent(p SandboxPayment) EvidenceItem {
	w.t.Helper()
	item, err := w.g.InventTransfer(context.Background(), p)
	w.must(err)
	return item
}

func TestInventedTransfers(t *testing.T) {
	eachEmpty(t, func(w *world) {
		tries := w.tries()
		claim := func(order, number, amount string) ClaimRequest {
			r := claimRequest(order, "p", number, amount)
			r.MerchantID = tries
			return r
		}
		w.wantClaim(claim("o1", "321302038123", "500"), deposit.Waiting, deposit.ReasonNoTransfer)
		item := w.invent(SandboxPayment{WalletID: 1, Amount: "500.00", Reference: "UTR 3213 0203 8123", Payer: "asha@ybl"})
		w.want("seen before it is observed", w.count("SELECT count(*) FROM evidence"), 0)
		if item.Number != "321302038123" || item.Payer != "asha@ybl" || !item.OccurredAt.Equal(w.clock.Now()) {
			w.t.Errorf("invented %+v", item)
		}
		w.wantEvidence(item, EvidenceCreated, "")
		w.wantClaim(claim("o1", "321302038123", "500"), deposit.Accepted, deposit.ReasonMatched)

		random := w.invent(SandboxPayment{WalletID: 1, Amount: "1"})
		if _, hint := phonePe.Reference(random.Number); hint.Code != "" || len(random.Number) != 12 || random.SourceID != item.SourceID {
			w.t.Errorf("invented %+v", random)
		}
		again := w.invent(SandboxPayment{WalletID: 1, Amount: "500", Reference: "321302038123"})
		w.clock.Advance(1)
		w.wantEvidence(w.invent(SandboxPayment{WalletID: 1, Amount: "500", Reference: "321302038123"}), EvidenceDuplicate, "")
		w.wantEvidence(again, EvidenceDuplicate, "")
		w.want("sources", w.count("SELECT count(*) FROM source WHERE kind = 'sandbox'"), 1)
		w.want("transfers", w.count("SELECT count(*) FROM transfer"), 1)
		w.clean()

		w.must(w.g.MoveSource(context.Background(), item.SourceID, SourcePaused))
		_, err := w.g.InventTransfer(context.Background(), SandboxPayment{WalletID: 1, Amount: "1"})
		w.refused(err, CodeConflict, "galla source resume")
		w.must(w.g.MoveSource(context.Background(), item.SourceID, SourceRetired))
		if fresh := w.invent(SandboxPayment{WalletID: 1, Amount: "1"}); fresh.SourceID == item.SourceID {
			w.t.Error("a retired source reports on")
		}
	})
}

func TestInventedTransfersAreRefused(t *testing.T) {
	eachEmpty(t, func(w *world) {
		w.tries()
		for _, c := range []struct {
			payment    SandboxPayment
			code, what string
		}{
			{SandboxPayment{WalletID: 2, Amount: "500"}, CodeConflict, "wallet 2 is live"},
			{SandboxPayment{WalletID: 9, Amount: "500"}, CodeNotFound, "no wallet 9"},
			{SandboxPayment{WalletID: 1}, CodeInvalid, "amount"},
			{SandboxPayment{WalletID: 1, Amount: "0"}, CodeInvalid, "amount: expected more than 0"},
			{SandboxPayment{WalletID: 1, Amount: "-5"}, CodeInvalid, "amount"},
			{SandboxPayment{WalletID: 1, Amount: "1.005"}, CodeInvalid, "amount"},
			{SandboxPayment{WalletID: 1, Amount: "1", Reference: "12"}, CodeInvalid, "reference: The transaction number is too short"},
			{SandboxPayment{WalletID: 1, Amount: "1", Payer: "a\nb"}, CodeInvalid, "payer"},
			{SandboxPayment{WalletID: 1, Amount: "1", Payer: strings.Repeat("x", 191)}, CodeInvalid, "payer"},
		} {
			_, err := w.g.InventTransfer(context.Background(), c.payment)
			w.refused(err, c.code, c.what)
		}
		w.want("sources", w.count("SELECT count(*) FROM source"), 0)
	})
}

// The database refuses what the verbs refuse, should one of them forget to.
func TestSourcesKeepToTheirWorld(t *testing.T) {
	eachEmpty(t, func(w *world) {
		w.tries()
		_, err := w.g.AddSource(context.Background(), 1, evidence.SourceSMS)
		w.refused(err, CodeConflict, "galla sandbox pay --wallet 1")
		_, err = w.g.AddSource(context.Background(), wallet.ID(2), KindSandbox)
		w.refused(err, CodeInvalid, "unknown kind")
		const insert = "INSERT INTO source (id, wallet_id, account_id, sandbox, simulated, kind, state, created_at) VALUES "
		for name, row := range map[string]string{
			"invented money on a live wallet":               "(901, 2, 2, 0, 0, 'sandbox', 'active', 1)",
			"the same, told as a sandbox":                   "(902, 2, 2, 1, 0, 'sandbox', 'active', 1)",
			"the same in a simulation":                      "(903, 2, 2, 0, 1, 'sandbox', 'active', 1)",
			"a sandbox wallet with a live account":          "(904, 1, 2, 1, 0, 'sandbox', 'active', 1)",
			"a phone on a sandbox wallet":                   "(905, 1, 1, 1, 0, 'sms', 'active', 1)",
			"a phone on a sandbox wallet that is told live": "(906, 1, 1, 0, 0, 'sms', 'active', 1)",
		} {
			db := w.beside()
			if strings.HasPrefix(w.database, "sqlite:") {
				_, err := db.Exec("PRAGMA foreign_keys = 1")
				w.must(err)
				db.SetMaxOpenConns(1)
			}
			if _, err := db.Exec(insert + row); err == nil {
				w.t.Errorf("%s: taken", name)
			}
		}
		_, err = w.beside().Exec(insert + "(907, 1, 1, 1, 0, 'sandbox', 'active', 1), (908, 2, 2, 0, 0, 'sms', 'active', 1), (909, 1, 1, 1, 1, 'sms', 'active', 1)")
		w.must(err)
	})
}
