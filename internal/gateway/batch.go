package gateway

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/galla-gateway/galla/internal/deposit"
	"github.com/galla-gateway/galla/internal/evidence"
	"github.com/galla-gateway/galla/internal/ledger"
	"github.com/galla-gateway/galla/internal/merchant"
	"github.com/galla-gateway/galla/internal/method"
	"github.com/galla-gateway/galla/internal/store"
	"github.com/galla-gateway/galla/money"
)

// errMissingLedgerAccount: a merchant or account was added by a process that this one's directory doesn't know yet.
var errMissingLedgerAccount = errors.New("ledger account is missing")

type claimItem struct {
	ClaimRequest
	number string // "" when the shape is wrong
	hint   method.Hint
	given  string
	repeat bool // it says what is stored already
	result ClaimResult
}

type evidenceItem struct {
	EvidenceItem
	id     int64 // drawn once, so that a rerun after a doubtful commit knows its own row
	result EvidenceResult
}

// act is a decision from outside the rules: a person's, or the clock's. It runs with its reference locked and loaded.
type act struct {
	ref    refKey
	apply  func(b *batch, ref *refState) error
	result ClaimResult
}

type refKey struct {
	rail   method.Rail
	number string
}

type orderKey struct {
	merchantID merchant.ID
	orderID    string
}

type payerKey struct {
	merchantID merchant.ID
	payer      string
}

// refState is a locked reference with all that is known of it.
type refState struct {
	id       deposit.ReferenceID
	key      refKey
	reversed bool
	marked   bool // reversed by this batch
	transfer *transferState
	claims   []*claimState // live ones and those that named a wrong amount
	touched  bool          // by evidence of this batch: its claims are judged again
}

type transferState struct {
	deposit.Transfer
	stored deposit.TransferState // TransferNew: not stored yet
	dirty  bool
}

type claimState struct {
	deposit.Claim
	stored       deposit.State // New: not stored yet
	supersededBy deposit.ClaimID
	credited     money.Money
	dirty        bool
}

// batch is one transaction's work: what was loaded, what the items decided, and the rows to save.
type batch struct {
	g        *Gateway
	ctx      context.Context
	q        *store.Queries
	dir      *Directory
	now      time.Time
	ids      drawn
	known    map[[32]byte]store.LoadEvidenceRow
	refs     map[refKey]*refState
	orders   map[orderKey]*claimState
	byID     map[deposit.ClaimID]*claimState
	waiting  map[payerKey]int
	shown    map[payerKey]map[deposit.AccountID]time.Time
	disputed map[deposit.AccountID]bool
	credits  []credit
	deltas   map[int64]*deltaRow
	otp      map[int64]int64
	out      rows
	failed   bool
	lease    int64    // stored of the withdrawal that this transaction holds
	later    []func() // log lines of what is true once it is committed
	again    bool     // an earlier run may have been stored: its COMMIT had no answer
}

// credit is a deposit of this batch, for limits that count it before it is stored.
type credit struct {
	merchantID merchant.ID
	payer      string
	amount     money.Money
}

// rows is what the batch saves.
type rows struct {
	evidence    []evidenceRow
	newClaims   []*claimState
	claims      []*claimState
	transfers   []*transferState
	reversed    []reversedRow
	disputes    []disputeRow
	settled     []idRow // transfers whose dispute is over
	deposits    []depositRow
	postings    []postingRow
	transitions []transitionRow
	postbacks   []postbackRow
}

// logLater logs once the transaction is committed: what is rolled back, or run again, has not happened.
func (b *batch) logLater(level slog.Level, line string, attrs ...slog.Attr) {
	b.later = append(b.later, func() { b.g.log.LogAttrs(context.Background(), level, line, attrs...) })
}

// logNow writes what was kept for after the commit.
func (b *batch) logNow() {
	for _, line := range b.later {
		line()
	}
}

// idsFor is the reserve with which a batch starts: an item draws up to two transitions and one id of each other kind.
// Claims that a transfer settles come on top and are found by errNeedIDs.
func idsFor(items []*item) int64 { return int64(4*len(items) + 16) }

// tryBatch runs the items in one transaction: lock, load, decide, save. At least ids of each kind are in
// reserve. again: an earlier run may have been stored.
func (g *Gateway) tryBatch(items []*item, ids int64, again bool) (written []Postback, err error) {
	if err := g.ids.fill(context.Background(), ids, batchKinds); err != nil {
		return nil, err
	}
	dir := g.Directory()
	var b *batch // of the last run
	err = g.store.WriteBatch(context.Background(), func(ctx context.Context, q *store.Queries) error {
		b = &batch{
			g: g, ctx: ctx, q: q, dir: dir, now: g.now(), ids: drawn{blocks: g.ids},
			known: map[[32]byte]store.LoadEvidenceRow{}, refs: map[refKey]*refState{}, orders: map[orderKey]*claimState{},
			byID: map[deposit.ClaimID]*claimState{}, waiting: map[payerKey]int{},
			shown: map[payerKey]map[deposit.AccountID]time.Time{}, disputed: map[deposit.AccountID]bool{},
			deltas: map[int64]*deltaRow{}, otp: map[int64]int64{}, again: again,
		}
		if err := b.load(items); err != nil {
			return err
		}
		if err := b.decide(items); err != nil {
			return err
		}
		if b.ids.short {
			return errNeedIDs
		}
		return b.save()
	})
	if err == nil {
		b.logNow()
		g.watchers.committed(&b.out)
		g.budget.forgive(b.out.claims)
		written = b.postbacks()
	}
	return written, err
}

// postbacks are those that the batch wrote.
func (b *batch) postbacks() []Postback {
	list := make([]Postback, len(b.out.postbacks))
	for i, p := range b.out.postbacks {
		list[i] = Postback{
			ID: p.ID, Endpoint: Endpoint{merchant.ID(p.MerchantID), PostbackKind(p.Kind)}, SubjectID: p.SubjectID, WebhookID: p.WebhookID,
			Body: p.body, NextAt: fromMicro(p.NextAt), ScheduleAt: fromMicro(p.CreatedAt),
		}
	}
	return list
}

// load locks the references of all items and reads what the decisions need.
func (b *batch) load(items []*item) error {
	if err := b.lockReferences(items); err != nil {
		return err
	}
	prints, orders, refs := store.Rows(printsOf(items)), store.Rows(ordersOf(items)), store.Rows(b.references())
	var ahead []store.Query
	if prints.Len() > 0 {
		ahead = append(ahead, store.QueryLoadEvidence(prints))
	}
	if orders.Len() > 0 {
		ahead = append(ahead, store.QueryLoadOrderClaims(orders))
	}
	if refs.Len() > 0 {
		ahead = append(ahead, store.QueryLoadTransfers(refs), store.QueryLoadReferenceClaims(refs), store.QueryLoadDisputedAccounts())
	}
	b.q.Ahead(ahead...)
	if err := b.loadEvidence(prints); err != nil {
		return err
	}
	if err := b.loadOrders(orders); err != nil {
		return err
	}
	if err := b.loadReferences(refs); err != nil {
		return err
	}
	return b.loadContext(items)
}

func printsOf(items []*item) (prints []fingerprintRow) {
	for _, it := range items {
		if it.evidence != nil && it.evidence.Outcome != evidence.OTP {
			prints = append(prints, fingerprintRow{hex.EncodeToString(it.evidence.Fingerprint[:])})
		}
	}
	return prints
}

func ordersOf(items []*item) (orders []orderRow) {
	for _, it := range items {
		if it.claim != nil {
			orders = append(orders, orderRow{MerchantID: int64(it.claim.MerchantID), OrderID: it.claim.OrderID})
		}
	}
	return orders
}

func (b *batch) references() []idRow {
	ids := make([]idRow, 0, len(b.refs))
	for _, ref := range b.refs {
		ids = append(ids, idRow{int64(ref.id)})
	}
	return ids
}

func (b *batch) lockReferences(items []*item) error {
	wanted := map[refKey]bool{}
	for _, it := range items {
		switch {
		case it.claim != nil && it.claim.number != "":
			wanted[refKey{it.claim.Method.Rail, it.claim.number}] = true
		case it.evidence != nil && it.evidence.Number != "":
			wanted[refKey{it.evidence.Rail, it.evidence.Number}] = true
		case it.act != nil:
			wanted[it.act.ref] = true
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	list := make([]referenceRow, 0, len(wanted))
	for key := range wanted {
		list = append(list, referenceRow{b.ids.next(idReference), int(key.rail), key.number, b.now.UnixMicro()})
	}
	if b.ids.short {
		return errNeedIDs
	}
	// Sorted, each once: two transactions that want the same rows take them in the same order.
	slices.SortFunc(list, func(a, c referenceRow) int {
		if a.Rail != c.Rail {
			return a.Rail - c.Rail
		}
		return strings.Compare(a.Number, c.Number)
	})
	locked, err := b.q.LockReferences(b.ctx, store.Rows(list))
	if err != nil {
		return fmt.Errorf("lock references: %w", err)
	}
	for _, row := range locked {
		key := refKey{method.Rail(row.Rail), row.Number}
		b.refs[key] = &refState{id: deposit.ReferenceID(row.ID), key: key, reversed: row.ReversedAt.Valid}
	}
	return nil
}

func (b *batch) loadEvidence(prints store.Batch) error {
	if prints.Len() == 0 {
		return nil
	}
	known, err := b.q.LoadEvidence(b.ctx, prints)
	if err != nil {
		return fmt.Errorf("load evidence: %w", err)
	}
	for _, row := range known {
		b.known[[32]byte(row.Fingerprint)] = row
	}
	return nil
}

// loadOrders reads the current claim of each order.
func (b *batch) loadOrders(orders store.Batch) error {
	if orders.Len() == 0 {
		return nil
	}
	current, err := b.q.LoadOrderClaims(b.ctx, orders)
	if err != nil {
		return fmt.Errorf("load orders: %w", err)
	}
	for _, row := range current {
		if _, known := b.byID[deposit.ClaimID(row.ID)]; known {
			continue // two items of one order
		}
		c := orderClaim(row)
		b.byID[c.ID] = c
		b.orders[orderKey{c.MerchantID, c.OrderID}] = c
	}
	return nil
}

// loadReferences reads the transfers and the claims on the references, and which accounts are disputed.
func (b *batch) loadReferences(refs store.Batch) error {
	if refs.Len() == 0 {
		return nil
	}
	byID := map[int64]*refState{}
	for _, ref := range b.refs {
		byID[int64(ref.id)] = ref
	}
	transfers, err := b.q.LoadTransfers(b.ctx, refs)
	if err != nil {
		return fmt.Errorf("load transfers: %w", err)
	}
	for _, row := range transfers {
		byID[row.ReferenceID].transfer = &transferState{Transfer: transferOf(row), stored: deposit.TransferState(row.State)}
	}
	claims, err := b.q.LoadReferenceClaims(b.ctx, refs)
	if err != nil {
		return fmt.Errorf("load claims: %w", err)
	}
	for _, row := range claims {
		ref := byID[row.ReferenceID.Int64]
		ref.claims = append(ref.claims, b.claim(row))
	}
	disputed, err := b.q.LoadDisputedAccounts(b.ctx)
	if err != nil {
		return fmt.Errorf("load disputed accounts: %w", err)
	}
	for _, id := range disputed {
		b.disputed[deposit.AccountID(id)] = true
	}
	return nil
}

// claim gives the one state of a stored claim, however it was found.
func (b *batch) claim(row store.Claim) *claimState {
	if c, ok := b.byID[deposit.ClaimID(row.ID)]; ok {
		return c
	}
	c := &claimState{Claim: claimOf(row), stored: deposit.State(row.State)}
	b.byID[c.ID] = c
	return c
}

// loadContext reads what only some rules ask: waiting claims of a payer, wallets shown.
func (b *batch) loadContext(items []*item) error {
	payers := map[payerKey]bool{}
	needShown := false
	involve := func(id merchant.ID, payer string, ref *refState) {
		payers[payerKey{id, payer}] = true
		m, ok := b.dir.Merchant(id)
		needShown = needShown || (ok && m.Policy.RequireOffer) || (ref.transfer != nil && b.dir.shared(ref.transfer.AccountID))
	}
	var waiting []payerRow
	seen := map[payerKey]bool{}
	for _, it := range items {
		if it.claim != nil && it.claim.number != "" {
			ref := b.refs[refKey{it.claim.Method.Rail, it.claim.number}]
			involve(it.claim.MerchantID, it.claim.Payer, ref)
			key := payerKey{it.claim.MerchantID, it.claim.Payer}
			if !seen[key] && !b.mayHave(it.claim, ref) {
				seen[key] = true
				waiting = append(waiting, payerRow{int64(key.merchantID), key.payer})
			}
		}
		if it.evidence != nil && it.evidence.Number != "" {
			needShown = needShown || b.dir.shared(it.evidence.AccountID)
		}
	}
	for _, ref := range b.refs {
		for _, c := range ref.claims {
			involve(c.MerchantID, c.Payer, ref)
		}
	}
	if len(waiting) > 0 {
		if err := b.loadWaiting(waiting); err != nil {
			return err
		}
	}
	if needShown && len(payers) > 0 {
		return b.loadShown(payers)
	}
	return nil
}

// mayHave reports whether the reference has a transfer that the claim could be credited. A transfer elsewhere is as none:
// the limit on waiting claims must not tell that the number exists.
func (b *batch) mayHave(it *claimItem, ref *refState) bool {
	m, ok := b.dir.Merchant(it.MerchantID)
	return ok && ref.transfer != nil && b.dir.fits(m, deposit.Claim{Method: it.Method.Name, Amount: it.Amount}, ref.transfer.Transfer)
}

func (b *batch) loadWaiting(payers []payerRow) error {
	counts, err := b.q.CountWaiting(b.ctx, store.CountWaitingParams{Batch: store.Rows(payers), Now: b.now.UnixMicro()})
	if err != nil {
		return fmt.Errorf("count waiting claims: %w", err)
	}
	for _, row := range counts {
		b.waiting[payerKey{merchant.ID(row.MerchantID), row.Payer}] = int(row.Waiting)
	}
	return nil
}

func (b *batch) loadShown(payers map[payerKey]bool) error {
	list := make([]payerRow, 0, len(payers))
	for key := range payers {
		list = append(list, payerRow{int64(key.merchantID), key.payer})
	}
	shown, err := b.q.LoadShown(b.ctx, store.Rows(list))
	if err != nil {
		return fmt.Errorf("load shown wallets: %w", err)
	}
	for _, row := range shown {
		key := payerKey{merchant.ID(row.MerchantID), row.Payer}
		if b.shown[key] == nil {
			b.shown[key] = map[deposit.AccountID]time.Time{}
		}
		b.shown[key][deposit.AccountID(row.AccountID)] = fromMicro(row.FirstShownAt)
	}
	return nil
}

func transferOf(row store.Transfer) deposit.Transfer {
	return deposit.Transfer{
		ID: deposit.TransferID(row.ID), ReferenceID: deposit.ReferenceID(row.ReferenceID), AccountID: deposit.AccountID(row.AccountID),
		Amount: money.Money{Minor: row.Amount, Currency: money.Currency(row.Currency)}, OccurredAt: fromMicro(row.OccurredAt),
		Precision: evidence.Precision(row.Accuracy), Strength: evidence.Strength(row.Strength), Payer: row.Payer,
		Marks: deposit.Mark(row.Marks), Released: deposit.Mark(row.Released), State: deposit.TransferState(row.State),
		ObservedAt: fromMicro(row.ObservedAt),
	}
}

func claimOf(row store.Claim) deposit.Claim {
	return deposit.Claim{
		ID: deposit.ClaimID(row.ID), MerchantID: merchant.ID(row.MerchantID), OrderID: row.OrderID, Payer: row.Payer,
		Method: row.Method, ReferenceID: deposit.ReferenceID(row.ReferenceID.Int64), Given: row.Given,
		Amount: money.Money{Minor: row.Amount, Currency: money.Currency(row.Currency)}, State: deposit.State(row.State),
		Reason: deposit.Reason(row.Reason), UntilEvidence: row.UntilEvidence == 1, Corrections: int(row.Corrections), Told: row.Told == 1,
		CreatedAt: fromMicro(row.CreatedAt), DecidedAt: fromMicro(row.DecidedAt), ExpiresAt: fromMicro(row.ExpiresAt),
	}
}

// position is where a transfer's money stands in the books.
func position(t deposit.Transfer) ledger.Position {
	if !t.State.OnBooks() {
		return ledger.Position{}
	}
	return ledger.Position{AccountID: int64(t.AccountID), Amount: t.Amount}
}
