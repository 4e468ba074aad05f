package gateway

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/galla-gateway/galla/internal/deposit"
	"github.com/galla-gateway/galla/internal/evidence"
	"github.com/galla-gateway/galla/internal/merchant"
	"github.com/galla-gateway/galla/internal/store"
	"github.com/galla-gateway/galla/internal/testkit"
)

const (
	histories    = 16
	historySteps = 60
)

// Random histories of few numbers, payers and orders, so that they meet often. After each step every invariant is
// recomputed, and what somebody was told stays true. A failure prints the seed and the history.
func TestHistories(t *testing.T) {
	for seed := range uint64(histories) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			runHistory(newWorld(t, testkit.SQLite(t)), seed)
		})
	}
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		runHistory(newWorld(t, testkit.Postgres(t)), histories)
	})
}

// history is one random run with what was told in it.
type history struct {
	*world
	rand *rand.Rand
	log  []string
	said []EvidenceItem
	ok   map[string]told
}

// told is an order that was answered ok.
type told struct {
	request ClaimRequest
	result  ClaimResult
}

func runHistory(w *world, seed uint64) {
	h := &history{world: w, rand: rand.New(rand.NewPCG(seed, 1)), ok: map[string]told{}}
	defer func() {
		if w.t.Failed() {
			w.t.Logf("history of seed %d:\n%s", seed, strings.Join(h.log, "\n"))
		}
	}()
	h.policies()
	steps := []func(){h.claims, h.claims, h.claims, h.evidence, h.evidence, h.time, h.resolveClaim, h.resolveTransfer, h.show, h.background, h.recovery}
	for range historySteps {
		steps[h.rand.IntN(len(steps))]()
		h.check()
		if w.t.Failed() {
			return
		}
	}
}

func (h *history) note(format string, args ...any) {
	h.log = append(h.log, fmt.Sprintf(format, args...))
}

func pick[T any](h *history, list ...T) T { return list[h.rand.IntN(len(list))] }

func (h *history) policies() {
	for _, id := range []merchant.ID{shop, other} {
		h.policy(id, func(p *merchant.Policy) {
			p.Mismatch = pick(h, merchant.MismatchHold, merchant.MismatchCredit, merchant.MismatchRefuse)
			p.WaitingLimit = pick(h, 1, 2, 10)
			p.RequireOffer = pick(h, false, false, true)
			p.DailyAmount = pick(h, int64(0), 0, 1500_00)
			p.PayerCount = pick(h, int64(0), 0, 2)
			p.Fees = map[string]merchant.Fee{"*": {PPM: pick(h, int64(0), 15_000), Fixed: pick(h, int64(0), 2_00)}}
			h.note("merchant %d: %s", id, p.JSON())
		})
	}
}

func (h *history) number() string {
	return "32130203812" + pick(h, "1", "2", "3", "4", "5", "6", "7", "8")
}
func (h *history) payer() string { return pick(h, "p1", "p2") }

// claims sends one to three claims in one call.
func (h *history) claims() {
	requests := make([]ClaimRequest, 1+h.rand.IntN(3))
	for i := range requests {
		r := claimRequest(fmt.Sprint("o", h.rand.IntN(24)), h.payer(), h.number(), pick(h, "500", "500", "500", "500", "600"))
		if h.rand.IntN(20) == 0 {
			r.Key1 = "12345"
		}
		r.MerchantID = pick(h, shop, shop, shop, shop, other)
		requests[i] = r
	}
	results, err := h.g.Activate(context.Background(), requests)
	if err != nil {
		h.t.Fatal(err)
	}
	for i, r := range requests {
		got := results[i]
		h.note("claim %d/%s %s %s %s: %s %s", r.MerchantID, r.OrderID, r.Payer, r.Key1, r.Amount, got.State, got.Reason)
		answer := got.Answer()
		if answer.Status == "" || (got.State == deposit.Accepted) != (got.Amount.Minor > 0) || (answer.Status == "fail") != (got.Message != "") {
			h.t.Errorf("an answer that says nothing, or too much: %+v", got)
		}
		key := fmt.Sprint(r.MerchantID, r.OrderID)
		if before, known := h.ok[key]; known {
			if same := before.request.Payer == r.Payer && before.request.Key1 == r.Key1 && before.request.Amount == r.Amount; same != (got.State == deposit.Accepted) {
				h.t.Errorf("order %s was told ok for %+v; now %+v", key, before, got)
			}
			continue
		}
		if got.State == deposit.Accepted {
			h.ok[key] = told{r, got}
		}
	}
}

// evidence sends one or two pieces, some of them again.
func (h *history) evidence() {
	var items []EvidenceItem
	for range 1 + h.rand.IntN(2) {
		if len(h.said) > 0 && h.rand.IntN(5) == 0 {
			items = append(items, pick(h, h.said...))
			continue
		}
		it := h.credit(h.number(), pick(h, "500", "500", "500", "500", "500", "600"))
		it.AccountID = pick(h, deposit.AccountID(1), 1, 1, 1, 1, 1, 1, 2, 3)
		it.Payer = pick(h, "payer@ybl", "", "payer@ybl", "", "payer@ybl", "6234234232@ybl")
		it.Strength = pick(h, evidence.StrengthAny, evidence.StrengthAny, evidence.StrengthAny, evidence.StrengthSMS, evidence.StrengthWeak)
		it.OccurredAt = h.clock.Now().Add(pick(h, 0, 0, 0, -time.Minute, -time.Minute, -80*time.Hour, time.Hour))
		it.Precision = pick(h, evidence.PrecisionExact, evidence.PrecisionDay, evidence.PrecisionNone)
		switch h.rand.IntN(16) {
		case 0:
			it.Outcome, it.Reason = evidence.Reversal, evidence.ReasonReversal
		case 1:
			it.Outcome, it.Number, it.Reason = evidence.Unparsed, "", evidence.ReasonNoReference
		}
		items = append(items, it)
	}
	results, err := h.g.Observe(context.Background(), items)
	if err != nil {
		h.t.Fatal(err)
	}
	h.said = append(h.said, items...)
	for i, it := range items {
		h.note("evidence %s %s on %d from %q, strength %s: %s %s", it.Number, it.Amount, it.AccountID, it.Payer, it.Strength, results[i].Status, results[i].Reason)
	}
}

func (h *history) time() {
	h.clock.Advance(pick(h, time.Second, time.Second, 15*time.Minute, 24*time.Hour, 80*time.Hour))
	h.note("it is %s", h.clock.Now())
}

// anID is one of the ids that a query finds, 0 for none.
func (h *history) anID(query string) int64 {
	rows, err := h.g.store.ReadPool().Query(query)
	if err != nil {
		h.t.Fatal(err)
	}
	defer rows.Close()
	var ids []int64
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			h.t.Fatal(err)
		}
		ids = append(ids, id)
	}
	if len(ids) == 0 {
		return 0
	}
	return pick(h, ids...)
}

// allowed lets refusals through: the person asked for what can't be.
func (h *history) allowed(err error) {
	var refusal *Refusal
	if err != nil && !errors.As(err, &refusal) {
		h.t.Fatal(err)
	}
}

func (h *history) resolveClaim() {
	id, accept := h.anID("SELECT id FROM claim WHERE state IN ('held', 'waiting') ORDER BY id"), pick(h, true, false)
	if id == 0 {
		return
	}
	got, err := h.g.ResolveClaim(context.Background(), deposit.ClaimID(id), accept, "asha", "a story")
	h.note("claim %d resolved, accept %t: %s %v", id, accept, got.State, err)
	h.allowed(err)
}

func (h *history) resolveTransfer() {
	id := h.anID("SELECT id FROM transfer WHERE state NOT IN ('observed', 'credited') OR id % 5 = 0 ORDER BY id")
	release := h.rand.IntN(4) > 0
	if id == 0 {
		return
	}
	err := h.g.ResolveTransfer(context.Background(), deposit.TransferID(id), release, "asha", "a story")
	h.note("transfer %d resolved, release %t: %v", id, release, err)
	h.allowed(err)
}

func (h *history) show() {
	m, _ := h.g.Directory().Merchant(pick(h, shop, other))
	got, err := h.g.Offer(context.Background(), OfferRequest{Merchant: m, Payer: h.payer(), Method: phonePe, Currency: "INR"})
	h.note("merchant %d shows wallet %d", m.ID, got.Wallet.ID)
	h.allowed(err)
}

func (h *history) background() {
	ctx := context.Background()
	if err := errors.Join(h.g.Expire(ctx), h.g.RollUp(ctx), h.g.Sweep(ctx)); err != nil {
		h.t.Fatal(err)
	}
	h.note("background work")
	h.want("found by the sweep", h.g.counters.SweepFound.Load(), 0)
}

// recovery begins, seldom, or ends.
func (h *history) recovery() {
	ctx := context.Background()
	if h.g.Directory().Recovery {
		judged, err := h.g.EndRecovery(ctx, "asha", "a story")
		if err != nil {
			h.t.Fatal(err)
		}
		h.note("recovery has ended, %d judged", judged)
		return
	}
	if h.rand.IntN(8) > 0 {
		return
	}
	err := h.g.store.Write(ctx, func(ctx context.Context, q *store.Queries) error {
		return q.SetRecovery(ctx, sql.NullInt64{Int64: 1, Valid: true})
	})
	if err := errors.Join(err, h.g.Reload(ctx)); err != nil {
		h.t.Fatal(err)
	}
	h.note("recovery")
}

// check holds after every step.
func (h *history) check() {
	h.t.Helper()
	h.clean()
	// Everyone who was told ok is still told ok, with the same amount.
	for key, before := range h.ok {
		got := h.claim(before.request)
		if got.ClaimID != before.result.ClaimID || got.State != deposit.Accepted || got.Amount != before.result.Amount {
			h.t.Errorf("order %s was told %+v and is now told %+v", key, before.result, got)
		}
	}
	for what, query := range map[string]string{
		// Rule 5: two payers' live claims on one number are both held, unless rule 4 came first for one of them.
		"waiting beside another payer's live claim": "SELECT count(*) FROM claim a JOIN claim b ON a.reference_id = b.reference_id AND a.id <> b.id " +
			"WHERE a.state = 'waiting' AND b.state IN ('waiting', 'held') AND b.reason <> 'quarantined' AND (a.merchant_id <> b.merchant_id OR a.payer <> b.payer) AND b.expires_at > " + fmt.Sprint(h.clock.Now().UnixMicro()) +
			" AND a.expires_at > " + fmt.Sprint(h.clock.Now().UnixMicro()),
		"live on a credited number":             "SELECT count(*) FROM claim c JOIN transfer t ON t.reference_id = c.reference_id WHERE t.state IN ('credited', 'disputed') AND c.state IN ('waiting', 'held')",
		"live and replaced":                     "SELECT count(*) FROM claim WHERE state IN ('waiting', 'held', 'accepted') AND superseded_by <> 0",
		"disputes that aren't listed, or are":   "SELECT (SELECT count(*) FROM transfer WHERE state = 'disputed') - (SELECT count(*) FROM disputed_transfer)",
		"states without a transition to them":   "SELECT count(*) FROM claim c WHERE NOT EXISTS (SELECT 1 FROM transition x WHERE x.kind = 'claim' AND x.subject_id = c.id AND x.to_state = c.state)",
		"transfers without a transition":        "SELECT count(*) FROM transfer t WHERE t.state NOT IN ('observed', 'credited') AND NOT EXISTS (SELECT 1 FROM transition x WHERE x.kind = 'transfer' AND x.subject_id = t.id AND x.to_state = t.state)",
		"moves out of terminal states":          "SELECT count(*) FROM transition WHERE kind = 'claim' AND from_state IN ('accepted', 'refused', 'expired', 'withdrawn')",
		"waiting with money that it could have": "SELECT count(*) FROM claim c JOIN transfer t ON t.reference_id = c.reference_id WHERE c.state = 'waiting' AND t.state = 'observed' AND t.account_id = c.merchant_id AND c.expires_at > " + fmt.Sprint(h.clock.Now().UnixMicro()),
	} {
		if n := h.count(query); n != 0 {
			h.t.Errorf("%s: %d", what, n)
		}
	}
}
