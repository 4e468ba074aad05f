package gateway

import (
	"context"
	"testing"

	"github.com/galla-gateway/galla/internal/evidence"
	"github.com/galla-gateway/galla/internal/wallet"
	"github.com/galla-gateway/galla/money"
)

func TestAddWallet(t *testing.T) {
	eachEmpty(t, func(w *world) {
		ctx := context.Background()
		w.addMerchant(newShop("shop"))
		tries := newShop("tries")
		tries.Sandbox = true
		w.addMerchant(tries)

		first := phone("6234234234", "shop", "shop")
		first.Tails, first.DailyAmount, first.DailyCount = []string{"2536", "1111"}, "1000.50", 7
		got := w.addWallet(first)
		if got.ID != 1 || got.AccountID != 1 || got.Currency != money.INR || got.DailyAmount != 100050 || got.DailyCount != 7 {
			t.Fatalf("wallet %+v", got)
		}
		stored, _ := w.g.Directory().Wallet(1)
		if len(stored.Merchants) != 1 || stored.Merchants[0] != 1 {
			t.Fatal("a merchant named twice is one merchant", stored.Merchants)
		}
		account, _ := w.g.Directory().Account(1)
		if !account.Watches("2536") || account.Watches("9999") || account.Holder != "Holder" {
			t.Fatalf("account %+v", account)
		}
		joined := w.addWallet(NewWallet{Method: "paytm", Identifier: "shop@okhdfcbank", Holder: "Holder", AccountID: 1, Tails: []string{"7777", "2536"}})
		if joined.ID != 2 || joined.AccountID != 1 {
			t.Fatalf("joined %+v", joined)
		}
		if account, _ = w.g.Directory().Account(1); len(account.Tails) != 3 || !account.Watches("7777") {
			t.Fatal("tails add up", account.Tails)
		}
		if sandbox := w.addWallet(phone("6234234235", "tries")); !sandbox.Sandbox || sandbox.AccountID != 2 {
			t.Fatalf("a sandbox merchant's wallet is sandbox: %+v", sandbox)
		}

		change := func(edit func(*NewWallet)) NewWallet {
			n := phone("7234234234", "shop")
			edit(&n)
			return n
		}
		for _, test := range []struct {
			wallet     NewWallet
			code, what string
		}{
			{change(func(n *NewWallet) { n.Method = "cash" }), CodeInvalid, "there are phone_pe"},
			{change(func(n *NewWallet) { n.Method = "imps_ib" }), CodeInvalid, "pays out"},
			{change(func(n *NewWallet) { n.Identifier = "12345" }), CodeInvalid, "10 digits"},
			{change(func(n *NewWallet) { n.Currency = "BDT" }), CodeInvalid, "takes INR"},
			{change(func(n *NewWallet) { n.Holder = "" }), CodeInvalid, "holder"},
			{change(func(n *NewWallet) { n.AccountType = "agent" }), CodeInvalid, "has none"},
			{change(func(n *NewWallet) { n.DailyAmount = "-1" }), CodeInvalid, "daily amount"},
			{change(func(n *NewWallet) { n.DailyAmount = "1.005" }), CodeInvalid, "decimals"},
			{change(func(n *NewWallet) { n.DailyCount = -1 }), CodeInvalid, "daily count"},
			{change(func(n *NewWallet) { n.Tails = []string{"12a"} }), CodeInvalid, "account tail"},
			{change(func(n *NewWallet) { n.Identifier = "6234234234" }), CodeTaken, "wallet 1"},
			{change(func(n *NewWallet) { n.Merchants = []string{"nobody"} }), CodeNotFound, "nobody"},
			{change(func(n *NewWallet) { n.AccountID = 99 }), CodeNotFound, "account 99"},
			{change(func(n *NewWallet) { n.AccountID = 2 }), CodeConflict, "sandbox"},
			{change(func(n *NewWallet) { n.Sandbox = true }), CodeConflict, "live"},
			{change(func(n *NewWallet) { n.Merchants = []string{"shop", "tries"} }), CodeConflict, "no wallet serves both"},
			{NewWallet{Method: "bkash", Identifier: "01712345678", Holder: "Holder", AccountID: 1}, CodeConflict, "has INR"},
			{NewWallet{Method: "bkash", Identifier: "01712345678", Holder: "Holder", AccountType: "boss"}, CodeInvalid, "agent, personal"},
		} {
			_, err := w.g.AddWallet(ctx, test.wallet)
			w.refused(err, test.code, test.what)
		}
		w.want("wallets", w.count("SELECT count(*) FROM wallet"), 3)
		w.want("accounts", w.count("SELECT count(*) FROM receiving_account"), 2)

		bkash := w.addWallet(NewWallet{Method: "bkash", Identifier: "01712345678", Holder: "Holder", AccountType: "agent"})
		_, err := w.g.AddWallet(ctx, NewWallet{Method: "nagad", Identifier: "01712345678", Holder: "Holder", AccountID: bkash.AccountID})
		w.refused(err, CodeConflict, "transaction numbers of bkash")
	})
}

func TestMoveAndSetWallet(t *testing.T) {
	eachEmpty(t, func(w *world) {
		ctx := context.Background()
		id := w.addWallet(phone("6234234234")).ID
		state := func() wallet.State { got, _ := w.g.Directory().Wallet(id); return got.State }
		w.must(w.g.MoveWallet(ctx, id, wallet.Paused))
		if state() != wallet.Paused {
			t.Fatal(state())
		}
		w.must(w.g.MoveWallet(ctx, id, wallet.Active))
		w.must(w.g.SetWallet(ctx, id, []Setting{{"daily_amount", "500"}, {"daily_count", "3"}, {"account_tails", "1234, 5678"}, {"holder", "New Holder"}}))
		got, _ := w.g.Directory().Wallet(id)
		account, _ := w.g.Directory().Account(got.AccountID)
		if got.DailyAmount != 50000 || got.DailyCount != 3 || got.Holder != "New Holder" || len(account.Tails) != 2 {
			t.Fatalf("wallet %+v account %+v", got, account)
		}
		w.refused(w.g.SetWallet(ctx, id, []Setting{{"daily_count", "9"}, {"daily_amount", "x"}}), CodeInvalid, "daily amount")
		w.refused(w.g.SetWallet(ctx, id, []Setting{{"colour", "red"}}), CodeInvalid, "no setting")
		w.refused(w.g.SetWallet(ctx, id, []Setting{{"account_tails", "1"}}), CodeInvalid, "account tail")
		w.must(w.g.SetWallet(ctx, id, []Setting{{"daily_amount", "0"}, {"account_tails", ""}}))
		got, _ = w.g.Directory().Wallet(id)
		account, _ = w.g.Directory().Account(got.AccountID)
		if got.DailyAmount != 0 || got.DailyCount != 3 || len(account.Tails) != 0 {
			t.Fatalf("wallet %+v account %+v", got, account)
		}
		w.must(w.g.MoveWallet(ctx, id, wallet.Retired))
		w.refused(w.g.MoveWallet(ctx, id, wallet.Active), CodeConflict, "retired")
		w.refused(w.g.MoveWallet(ctx, 99, wallet.Active), CodeNotFound, "wallet 99")
		if again := w.addWallet(phone("6234234234")); again.ID == id {
			t.Fatal("a retired identifier can be added anew")
		}
	})
}

func TestSources(t *testing.T) {
	eachEmpty(t, func(w *world) {
		ctx := context.Background()
		id := w.addWallet(phone("6234234234")).ID
		tries := phone("6234234235")
		tries.Sandbox = true
		sandbox := w.addWallet(tries).ID

		added, err := w.g.AddSource(ctx, id, evidence.SourceSMSGate)
		w.must(err)
		found, ok := w.g.Directory().SourceByToken(added.Token)
		if !ok || found.ID != added.ID || found.Kind != evidence.SourceSMSGate || found.Token != added.Token || found.AccountID != 1 {
			t.Fatalf("source %+v", found)
		}
		w.want("tokens in the clear", w.count("SELECT count(*) FROM source WHERE token_hash IS NULL OR token_sealed IS NULL"), 0)
		fresh, err := w.g.RotateSource(ctx, added.ID)
		w.must(err)
		if _, ok := w.g.Directory().SourceByToken(added.Token); ok || fresh.Kind != evidence.SourceSMSGate {
			t.Fatal("the old token must be dead")
		}
		w.must(w.g.MoveSource(ctx, added.ID, SourcePaused))
		if found, ok = w.g.Directory().SourceByToken(fresh.Token); !ok || found.State != SourcePaused {
			t.Fatal("a paused source is known, and paused")
		}
		w.must(w.g.MoveSource(ctx, added.ID, SourceRetired))
		if _, ok = w.g.Directory().SourceByToken(fresh.Token); ok {
			t.Fatal("a retired source's token must be dead")
		}
		w.refused(w.g.MoveSource(ctx, added.ID, SourceActive), CodeConflict, "retired")
		w.refused(w.g.MoveSource(ctx, 99, SourceActive), CodeNotFound, "source 99")
		_, err = w.g.AddSource(ctx, id, "fax")
		w.refused(err, CodeInvalid, "fax")
		_, err = w.g.AddSource(ctx, 99, evidence.SourceSMS)
		w.refused(err, CodeNotFound, "wallet 99")
		_, err = w.g.AddSource(ctx, sandbox, evidence.SourceSMS)
		w.refused(err, CodeConflict, "sandbox")

		statement, err := w.g.StatementSource(ctx, id)
		w.must(err)
		_, err = w.g.RotateSource(ctx, statement)
		w.refused(err, CodeConflict, "no token")
	})
}
