package gateway

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/galla-gateway/galla"
	"github.com/galla-gateway/galla/internal/deposit"
	"github.com/galla-gateway/galla/internal/evidence"
	"github.com/galla-gateway/galla/internal/method"
	"github.com/galla-gateway/galla/internal/store"
	"github.com/galla-gateway/galla/internal/wallet"
	"github.com/galla-gateway/galla/money"
)

// KindSandbox is the source of invented transfers. It has no token, and hangs on sandbox wallets only.
const KindSandbox evidence.SourceKind = "sandbox"

// templateSandbox is kept with invented transfers where a message's template would be.
const templateSandbox = "sandbox"

// sandboxPayer pays when nobody else was named.
const sandboxPayer = "test-payer@sandbox"

// SandboxPayment is a transfer to be invented.
type SandboxPayment struct {
	WalletID  wallet.ID
	Amount    string // decimal text in the wallet's currency
	Reference string // "": a random one
	Payer     string // "": an invented one
}

// inventedFields are kept as the raw evidence of an invented transfer.
type inventedFields struct {
	Reference  string `json:"reference"`
	Amount     string `json:"amount"`
	Currency   string `json:"currency"`
	Payer      string `json:"payer"`
	OccurredAt string `json:"occurred_at"`
}

// InventTransfer makes the evidence of a transfer that is made now on a sandbox wallet, as the bank's message would tell of
// it. Nobody has seen it until it is given to Observe, whose caller may let time pass before and then says when in
// ReceivedAt. Live wallets are refused.
func (g *Gateway) InventTransfer(ctx context.Context, p SandboxPayment) (EvidenceItem, error) {
	w, ok := g.Directory().Wallet(p.WalletID)
	switch {
	case !ok:
		return EvidenceItem{}, refuse(CodeNotFound, "no wallet %d: galla wallet list shows them", p.WalletID)
	case !w.Sandbox:
		return EvidenceItem{}, refuseLive(p.WalletID)
	}
	item, err := p.item(w, g.now())
	if err != nil {
		return EvidenceItem{}, err
	}
	item.SourceID, err = g.sandboxSource(ctx, p.WalletID)
	return item, err
}

func refuseLive(id wallet.ID) error {
	return refuse(CodeConflict, "wallet %d is live: money is invented on sandbox wallets only (galla wallet add --sandbox)", id)
}

// item checks the payment and fills in what wasn't said.
func (p SandboxPayment) item(w *wallet.Wallet, now time.Time) (EvidenceItem, error) {
	by, ok := method.Lookup(w.Method)
	if !ok {
		return EvidenceItem{}, fmt.Errorf("wallet %d has the unknown method %q", w.ID, w.Method)
	}
	amount, err := money.Parse(p.Amount, w.Currency)
	if err != nil {
		return EvidenceItem{}, refuse(CodeInvalid, "amount: %v", err)
	}
	if amount.Minor <= 0 {
		return EvidenceItem{}, refuse(CodeInvalid, "amount: expected more than 0")
	}
	if p.Payer == "" {
		p.Payer = sandboxPayer
	}
	if !utf8.ValidString(p.Payer) || galla.StripControl(p.Payer) != p.Payer || utf8.RuneCountInString(p.Payer) > evidence.MaxFieldChars {
		return EvidenceItem{}, refuse(CodeInvalid, "payer: expected at most %d characters, none of them a control character", evidence.MaxFieldChars)
	}
	if p.Reference == "" {
		p.Reference = digits(by.NumberLength())
	}
	number, hint := by.Reference(p.Reference)
	if hint.Code != method.HintNone {
		return EvidenceItem{}, refuse(CodeInvalid, "reference: %s", hint.Message)
	}
	raw := []byte(jsonText(inventedFields{number, amount.Text(), string(amount.Currency), p.Payer, now.Format(timeOfEvidence)}))
	return EvidenceItem{
		AccountID: deposit.AccountID(w.AccountID), Fingerprint: sha256.Sum256(raw), Raw: raw, ReceivedAt: now, Outcome: evidence.Credit,
		Rail: by.Rail, Number: number, Amount: amount, OccurredAt: now, Precision: evidence.PrecisionExact, Payer: p.Payer,
		Strength: evidence.StrengthAny, Template: templateSandbox,
	}, nil
}

// timeOfEvidence tells two transfers apart that are invented within one second.
const timeOfEvidence = "2006-01-02T15:04:05.000000Z07:00"

// sandboxSource finds the source of a wallet's invented transfers, or adds it.
func (g *Gateway) sandboxSource(ctx context.Context, id wallet.ID) (source int64, err error) {
	find := func(q *store.Queries) error {
		rows, err := q.ListSources(ctx)
		for _, row := range rows {
			if row.WalletID != int64(id) || row.Kind != string(KindSandbox) || row.State == SourceRetired {
				continue
			}
			if source = row.ID; row.State != SourceActive {
				return refuse(CodeConflict, "source %d of wallet %d is %s: galla source resume %d", row.ID, id, row.State, row.ID)
			}
		}
		return err
	}
	if err := find(g.store.Read()); err != nil || source != 0 {
		return source, err
	}
	var entry auditEntry
	err = g.change(ctx, &entry, func(ctx context.Context, q *store.Queries) error {
		if err := find(q); err != nil || source != 0 {
			return err // somebody else was faster
		}
		source, err = g.insertSource(ctx, q, id, KindSandbox, "")
		entry = auditEntry{actSourceAdded, sourceSubject(source), string(KindSandbox)}
		return err
	})
	return source, err
}
