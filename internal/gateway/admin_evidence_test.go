package gateway

import (
	"context"
	"crypto/sha256"
	"testing"
	"time"

	"github.com/galla-gateway/galla/internal/deposit"
	"github.com/galla-gateway/galla/internal/evidence"
	"github.com/galla-gateway/galla/internal/method"
)

func TestRetryEvidence(t *testing.T) {
	eachWorld(t, func(w *world) {
		ctx := context.Background()
		w.must(addSourceRow(w))
		unparsed := func(raw string) EvidenceItem {
			return EvidenceItem{
				SourceID: 1, AccountID: 1, Fingerprint: sha256.Sum256([]byte(raw)), Raw: []byte(raw), ReceivedAt: w.clock.Now(),
				Outcome: evidence.Unparsed, Reason: evidence.ReasonNotACredit, Rail: method.RailIndia,
			}
		}
		w.observe(unparsed("credit"), unparsed("again"), unparsed("otp"), unparsed("refused"), unparsed("never"), unparsed("unreadable"), unparsed("reversal"))
		w.wantClaim(claimRequest("o1", "p1", "321302038123", "500"), deposit.Waiting, deposit.ReasonNoTransfer)
		received := w.clock.Now()
		w.clock.Advance(time.Hour)

		read := func(_ *Source, raw []byte, at time.Time) (EvidenceItem, bool) {
			if !at.Equal(received) {
				t.Errorf("%s is read as of %v, it came at %v", raw, at, received)
			}
			item := unparsed(string(raw))
			switch string(raw) {
			case "credit", "again":
				item = w.credit("321302038123", "500")
				item.Raw, item.OccurredAt = raw, at
			case "reversal":
				item.Outcome, item.Reason, item.Number = evidence.Reversal, evidence.ReasonReversal, "321302038777"
			case "otp":
				item.Outcome, item.Reason = evidence.OTP, evidence.ReasonOTP
			case "refused":
				item.Outcome, item.Reason = evidence.Refused, evidence.ReasonRefund
			case "unreadable":
				return item, false
			}
			return item, true
		}
		got, err := w.g.RetryEvidence(ctx, read)
		w.must(err)
		if got != (Retried{Read: 7, Created: 1, Duplicate: 1, Refused: 3, Unparsed: 2}) {
			t.Fatalf("retried %+v", got)
		}
		w.wantClaim(claimRequest("o1", "p1", "321302038123", "500"), deposit.Accepted, deposit.ReasonMatched)
		w.want("one transfer", w.count("SELECT count(*) FROM transfer"), 1)
		w.want("evidence of it", w.count("SELECT count(*) FROM evidence WHERE transfer_id = (SELECT id FROM transfer)"), 2)
		w.want("reversed numbers", w.count("SELECT count(*) FROM reference WHERE reversed_at IS NOT NULL"), 1)
		w.want("one-time passwords kept", w.count("SELECT count(*) FROM evidence WHERE reason = 'otp' AND length(raw) > 0"), 0)
		got, err = w.g.RetryEvidence(ctx, read)
		w.must(err)
		if got != (Retried{Read: 2, Unparsed: 2}) {
			t.Fatalf("a second run: %+v", got)
		}
		if failed, report := w.audited(); failed != nil {
			t.Fatalf("audit %v: %+v", failed, report)
		}
	})
}

// A claim on an account of several merchants is credited by late reading if the payer was shown the wallet.
func TestRetryEvidenceOfSharedAccount(t *testing.T) {
	eachWorld(t, func(w *world) {
		ctx := context.Background()
		w.must(addSourceRow(w))
		w.mutate("INSERT INTO assignment (merchant_id, payer, method, currency, wallet_id, account_id, first_shown_at, assigned_at, reason) VALUES (1, 'p1', 'phone_pe', 'INR', 3, 3, 1, 1, '')")
		item := w.credit("321302038123", "500")
		item.AccountID, item.Outcome, item.Number = 3, evidence.Unparsed, ""
		w.observe(item)
		w.wantClaim(claimRequest("o1", "p1", "321302038123", "500"), deposit.Waiting, deposit.ReasonNoTransfer)
		got, err := w.g.RetryEvidence(ctx, func(*Source, []byte, time.Time) (EvidenceItem, bool) {
			item.Outcome, item.Number = evidence.Credit, "321302038123"
			return item, true
		})
		w.must(err)
		if got.Created != 1 {
			t.Fatalf("retried %+v", got)
		}
		w.wantClaim(claimRequest("o1", "p1", "321302038123", "500"), deposit.Accepted, deposit.ReasonMatched)
	})
}

// addSourceRow gives the seeded world the source that its evidence names.
func addSourceRow(w *world) error {
	w.mutate("INSERT INTO source (id, wallet_id, account_id, sandbox, kind, state, created_at) VALUES (1, 1, 1, 0, 'statement', 'active', 1)")
	return w.g.Reload(context.Background())
}
