package gateway

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/galla-gateway/galla/internal/deposit"
	"github.com/galla-gateway/galla/internal/evidence"
	"github.com/galla-gateway/galla/internal/keyring"
	"github.com/galla-gateway/galla/internal/merchant"
	"github.com/galla-gateway/galla/internal/method"
	"github.com/galla-gateway/galla/internal/store"
	"github.com/galla-gateway/galla/internal/testkit"
	"github.com/galla-gateway/galla/money"
)

// world is one gateway over a real database with two merchants and their wallets, on a clock that the test moves.
// Merchant 1 (shop) has account 1 to itself, merchant 2 (other) has account 2, account 3 serves both.
type world struct {
	t        testing.TB
	g        *Gateway
	clock    *testkit.Clock
	database string
	keys     *keyring.Keyring
	evidence atomic.Int64
}

const (
	shop  merchant.ID = 1
	other merchant.ID = 2
)

var phonePe, _ = method.Lookup("phone_pe")

func newWorld(t testing.TB, database string) *world {
	t.Helper()
	path := filepath.Join(t.TempDir(), "key")
	if err := keyring.Generate(path); err != nil {
		t.Fatal(err)
	}
	keys, err := keyring.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, clock: testkit.NewClock(), database: database, keys: keys}
	w.g = w.instance()
	w.seed()
	return w
}

// instance opens one more gateway over the same database, on the test's clock.
func (w *world) instance() *Gateway {
	w.t.Helper()
	g, end := w.open(Options{Now: w.clock.Now, LeaseNow: w.clock.Now})
	w.t.Cleanup(end)
	return g
}

// open opens one more gateway over the same database, until end.
func (w *world) open(options Options) (g *Gateway, end func()) {
	w.t.Helper()
	s, err := store.Open(context.Background(), w.database, store.Create, store.Options{})
	if err != nil {
		w.t.Fatal(err)
	}
	options.OnFatal = func(err error) { w.t.Error("fatal:", err) }
	g, err = Open(context.Background(), s, w.keys, options)
	if err != nil {
		w.t.Fatal(err)
	}
	return g, func() {
		g.Close()
		if err := s.Close(); err != nil {
			w.t.Error(err)
		}
	}
}

func (w *world) seed() {
	w.t.Helper()
	now := w.clock.Now().UnixMicro()
	err := w.g.store.Write(context.Background(), func(ctx context.Context, q *store.Queries) error {
		for id, slug := range map[int64]string{1: "shop", 2: "other"} {
			if err := q.InsertMerchant(ctx, store.InsertMerchantParams{
				ID: id, Slug: slug, Name: slug, Currency: "INR", TimeZone: merchant.DefaultTimeZone,
				PostbackUrl: "http://127.0.0.1:1/", Policy: merchant.DefaultPolicy().JSON(), CreatedAt: now,
			}); err != nil {
				return err
			}
			if err := q.InsertMerchantKey(ctx, store.InsertMerchantKeyParams{
				ID: id, MerchantID: id, Kind: keyPostback, Public: fmt.Sprintf("access%d", id),
				Sealed: w.keys.Seal([]byte("private"), keyring.Place("merchant_key", "sealed", id)), CreatedAt: now,
			}); err != nil {
				return err
			}
		}
		for id := int64(1); id <= 3; id++ {
			if err := q.InsertReceivingAccount(ctx, store.InsertReceivingAccountParams{
				ID: id, Currency: "INR", Rail: int16(method.RailIndia), Holder: "Holder", Tails: "[]", CreatedAt: now,
			}); err != nil {
				return err
			}
			if err := q.InsertWallet(ctx, store.InsertWalletParams{
				ID: id, AccountID: id, Method: "phone_pe", Identifier: fmt.Sprintf("623423423%d", id), Currency: "INR", Holder: "Holder", CreatedAt: now,
			}); err != nil {
				return err
			}
			if id == 3 {
				continue
			}
			if err := q.InsertWalletMerchant(ctx, store.InsertWalletMerchantParams{WalletID: id, MerchantID: id}); err != nil {
				return err
			}
		}
		ledgerID := int64(0)
		for owner := int64(1); owner <= 3; owner++ {
			for _, kind := range []string{"receiving", "unclaimed", "merchant", "fees", "reserved", "paid_out", "treasury"} {
				ledgerID++
				if err := q.EnsureLedgerAccount(ctx, store.EnsureLedgerAccountParams{ID: ledgerID, Kind: kind, OwnerID: owner, Currency: "INR"}); err != nil {
					return err
				}
			}
		}
		return q.BumpRevision(ctx)
	})
	if err == nil {
		err = w.g.Reload(context.Background())
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// policy changes a merchant's policy.
func (w *world) policy(id merchant.ID, change func(*merchant.Policy)) {
	w.t.Helper()
	m, _ := w.g.Directory().Merchant(id)
	p := m.Policy
	change(&p)
	err := w.g.store.Write(context.Background(), func(ctx context.Context, q *store.Queries) error {
		if _, err := q.UpdateMerchant(ctx, store.UpdateMerchantParams{
			ID: int64(id), Name: m.Name, TimeZone: m.Zone.String(), PostbackUrl: m.PostbackURL, State: string(m.State), Policy: p.JSON(),
		}); err != nil {
			return err
		}
		return q.BumpRevision(ctx)
	})
	if err == nil {
		err = w.g.Reload(context.Background())
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

func inr(text string) money.Money {
	m, err := money.Parse(text, "INR")
	if err != nil {
		panic(err)
	}
	return m
}

// claimOf builds a claim request of merchant 1; change adjusts it.
func claimRequest(order, payer, number, amount string) ClaimRequest {
	return ClaimRequest{MerchantID: shop, OrderID: order, Payer: payer, Method: phonePe, Key1: number, Amount: inr(amount)}
}

func (w *world) claim(r ClaimRequest) ClaimResult {
	w.t.Helper()
	results, err := w.g.Activate(context.Background(), []ClaimRequest{r})
	if err != nil {
		w.t.Fatal(err)
	}
	return results[0]
}

// wantClaim claims and checks state and reason.
func (w *world) wantClaim(r ClaimRequest, state deposit.State, reason deposit.Reason) ClaimResult {
	w.t.Helper()
	got := w.claim(r)
	if got.State != state || got.Reason != reason {
		w.t.Fatalf("claim %s %s: got %s (%s), want %s (%s)", r.OrderID, r.Key1, got.State, got.Reason, state, reason)
	}
	return got
}

// credit is evidence of a structured transfer on account 1, seen now.
func (w *world) credit(number, amount string) EvidenceItem {
	n := w.evidence.Add(1)
	return EvidenceItem{
		SourceID: 1, AccountID: 1, Fingerprint: sha256.Sum256(fmt.Appendf(nil, "%d", n)), Raw: []byte("raw \x00\xff"), ReceivedAt: w.clock.Now(),
		Outcome: evidence.Credit, Rail: method.RailIndia, Number: number, Amount: inr(amount), OccurredAt: w.clock.Now(),
		Precision: evidence.PrecisionExact, Payer: "payer@ybl", Strength: evidence.StrengthAny,
	}
}

func (w *world) observe(items ...EvidenceItem) []EvidenceResult {
	w.t.Helper()
	results, err := w.g.Observe(context.Background(), items)
	if err != nil {
		w.t.Fatal(err)
	}
	return results
}

func (w *world) wantEvidence(item EvidenceItem, status EvidenceStatus, reason evidence.Reason) EvidenceResult {
	w.t.Helper()
	got := w.observe(item)[0]
	if got.Status != status || got.Reason != reason {
		w.t.Fatalf("evidence %s %s: got %s (%s), want %s (%s)", item.Number, item.Amount, got.Status, got.Reason, status, reason)
	}
	return got
}

// count runs a count query on the database.
func (w *world) count(query string, args ...any) int64 {
	w.t.Helper()
	var n sql.NullInt64
	if err := w.g.store.ReadPool().QueryRow(w.g.store.Rewrite(query), args...).Scan(&n); err != nil {
		w.t.Fatal(err)
	}
	return n.Int64
}

func (w *world) want(what string, got, want int64) {
	w.t.Helper()
	if got != want {
		w.t.Fatalf("%s: got %d, want %d", what, got, want)
	}
}
