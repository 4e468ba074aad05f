package gateway

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/galla-gateway/galla/internal/deposit"
	"github.com/galla-gateway/galla/internal/evidence"
)

func TestStatementSourceIsOnePerAccount(t *testing.T) {
	eachEmpty(t, func(w *world) {
		ctx := context.Background()
		w.addMerchant(newShop("shop"))
		one := w.addWallet(phone("6234234231"))
		upi := phone("6234234232")
		upi.AccountID = one.AccountID
		same := w.addWallet(upi)
		other := w.addWallet(phone("6234234233"))
		sandbox := phone("6234234234")
		sandbox.Sandbox = true
		played := w.addWallet(sandbox)

		second := w.instance()
		ids := make([]int64, 8)
		var group sync.WaitGroup
		for i := range ids {
			group.Go(func() {
				g, id := w.g, one.ID
				if i%2 == 1 {
					g, id = second, same.ID
				}
				var err error
				if ids[i], err = g.StatementSource(ctx, id); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		for _, id := range ids {
			w.want("source", id, ids[0])
		}
		w.want("sources", w.count("SELECT count(*) FROM source WHERE kind = 'statement' AND token_hash IS NULL"), 1)
		apart, err := w.g.StatementSource(ctx, other.ID)
		w.must(err)
		if apart == ids[0] {
			t.Fatal("two accounts share a source")
		}
		_, err = w.g.StatementSource(ctx, played.ID)
		w.refused(err, CodeConflict, "sandbox")
		_, err = w.g.StatementSource(ctx, 99)
		w.refused(err, CodeNotFound, "wallet 99")

		w.must(w.g.MoveSource(ctx, apart, SourcePaused))
		_, err = w.g.StatementSource(ctx, other.ID)
		w.refused(err, CodeConflict, "paused")
		w.must(w.g.MoveSource(ctx, apart, SourceRetired))
		fresh, err := w.g.StatementSource(ctx, other.ID)
		w.must(err)
		if fresh == apart {
			t.Fatal("a retired source is used again")
		}
	})
}

func TestImportNoticesWhatOthersChange(t *testing.T) {
	eachWorld(t, func(w *world) {
		ctx := context.Background()
		importer := w.instance()
		w.wantClaim(claimRequest("order", "payer", "321302038123", "500"), deposit.Waiting, deposit.ReasonNoTransfer)
		w.must(w.g.SetMerchant(ctx, "shop", []Setting{{"maximum", "100"}}))
		_, err := importer.ImportEvidence(ctx, []EvidenceItem{w.credit("321302038123", "500")})
		w.must(err)
		w.wantClaim(claimRequest("order", "payer", "321302038123", "500"), deposit.Held, deposit.ReasonLimit)
	})
}

// TestPreviewTellsWhatObserveAnswers shows the same items to a dry run first and to Observe then.
func TestPreviewTellsWhatObserveAnswers(t *testing.T) {
	eachWorld(t, func(w *world) {
		random := rand.New(rand.NewPCG(1, 2))
		item := func() EvidenceItem {
			item := w.credit(fmt.Sprintf("3213020381%02d", random.IntN(40)), fmt.Sprint(100+random.IntN(2)))
			if random.IntN(10) == 0 {
				item.AccountID, item.SourceID = 3, 2
			}
			switch random.IntN(12) {
			case 0:
				item.Outcome, item.Reason = evidence.Reversal, evidence.ReasonReversal
			case 1:
				item.Outcome, item.Reason, item.Number = evidence.Unparsed, evidence.ReasonNoReference, ""
			case 2:
				item.Outcome, item.Reason, item.Number = evidence.Refused, evidence.ReasonReversal, ""
			}
			// What an item says decides its fingerprint.
			item.Fingerprint = sha256.Sum256(fmt.Append(nil, item.Outcome, item.Number, item.Amount.Minor, item.AccountID))
			return item
		}
		for range 6 {
			preview, err := w.g.NewPreview(context.Background(), 1)
			w.must(err)
			var chunks [2][]EvidenceItem
			var foreseen [2][]EvidenceResult
			for i := range chunks {
				for range 25 {
					chunks[i] = append(chunks[i], item())
				}
				foreseen[i], err = preview.Observe(context.Background(), chunks[i])
				w.must(err)
			}
			before := w.count("SELECT count(*) FROM evidence")
			for i := range chunks {
				for j, got := range w.observe(chunks[i]...) {
					if want := foreseen[i][j]; got.Status != want.Status || got.Reason != want.Reason {
						t.Errorf("%s %s on account %d: foreseen %s (%s), answered %s (%s)", chunks[i][j].Number, chunks[i][j].Amount,
							chunks[i][j].AccountID, want.Status, want.Reason, got.Status, got.Reason)
					}
				}
			}
			if after := w.count("SELECT count(*) FROM evidence"); before == after {
				t.Error("nothing was stored: this proved nothing")
			}
		}
	})
}
