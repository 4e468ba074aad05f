package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/galla-gateway/galla/internal/deposit"
	"github.com/galla-gateway/galla/internal/store"
	"github.com/galla-gateway/galla/internal/withdrawal"
	"github.com/galla-gateway/galla/money"
)

const (
	// auditStep is how many ids one statement of the audit looks at, so that memory stays small on any database.
	auditStep = 5000
	// MaxAuditExamples is how many failures of one check are told in words; all are counted.
	MaxAuditExamples = 10
)

// AuditCheck is one invariant with what the audit found.
type AuditCheck struct {
	ID       string   `json:"id"`
	What     string   `json:"what"`
	Checked  int64    `json:"checked"`
	Failed   int64    `json:"failed"`
	Examples []string `json:"examples,omitempty"`
}

// AuditReport is what Audit found.
type AuditReport struct {
	Checks []AuditCheck `json:"checks"`
}

// Failed is how many failures all checks found.
func (r AuditReport) Failed() int64 {
	var failed int64
	for _, check := range r.Checks {
		failed += check.Failed
	}
	return failed
}

// audit is one run. Its checks are in the order of the report.
type audit struct {
	ctx      context.Context
	q        *store.Queries
	checks   []AuditCheck
	byID     map[string]*AuditCheck
	progress func(done, total int64)
	done     int64
	total    int64
}

// AuditQueries are the queries that Audit runs best on. PostgreSQL's planner would join each range of ids with whole
// tables; the connections that write are set to look up by index.
func AuditQueries(s *store.Store) *store.Queries {
	if s.Engine() == store.Postgres {
		return store.New(s.Raw())
	}
	return s.Read()
}

// Audit recomputes from single rows what must always hold of the books and of every credit. It may run beside a
// working server: what belongs to one comparison is read by one statement, and so of one moment. progress, which may be
// nil, is told how many of how many rows have been looked at.
func Audit(ctx context.Context, q *store.Queries, progress func(done, total int64)) (AuditReport, error) {
	a := &audit{ctx: ctx, q: q, progress: progress, byID: map[string]*AuditCheck{}, checks: []AuditCheck{
		{ID: "M-1", What: "each posting moves a positive amount between two accounts of its currency, so every entry sums to zero"},
		{ID: "M-2", What: "stored balance and open deltas of each ledger account are the sum of its postings"},
		{ID: "M-4", What: "each credit is the observed amount, and the ledger moved just that"},
		{ID: "books", What: "balances agree with the transfers and deposits they tell of"},
		{ID: "C-1", What: "each transfer, number and claim is credited at most once"},
		{ID: "C-2", What: "each credit has its accepted claim, its transfer and its entry, and none of these is without a credit"},
		{ID: "C-3", What: "each order has one current claim"},
		{ID: "P-1", What: "each credit and each ended withdrawal has its postback, which says the same, and no postback is without one"},
		{ID: "W-1", What: "each withdrawal that has ended gave its money one way: out, or back to the merchant; none that hasn't did"},
		{ID: "W-4", What: "each withdrawal has its money reserved, and all its approvals before a bank heard of it"},
		{ID: "feed", What: "each postback is one event in its merchant's feed, or waits for its position; positions have no gaps"},
	}}
	for i := range a.checks {
		a.byID[a.checks[i].ID] = &a.checks[i]
	}
	ranges, err := q.AuditRanges(ctx)
	if err != nil {
		return AuditReport{}, fmt.Errorf("audit: %w", err)
	}
	a.total = ranges.Entries + ranges.Deposits + ranges.Claims + ranges.Transfers + ranges.Withdrawals + 2*ranges.Postbacks
	for _, pass := range []struct {
		last int64
		look func(after, until int64) error
	}{
		{ranges.Entries, a.postings}, {ranges.Deposits, a.deposits}, {ranges.Claims, a.claims},
		{ranges.Transfers, a.transfers}, {ranges.Withdrawals, a.withdrawals}, {ranges.Postbacks, a.postbacks}, {ranges.Postbacks, a.events},
	} {
		if err := a.pass(pass.last, pass.look); err != nil {
			return AuditReport{}, fmt.Errorf("audit: %w", err)
		}
	}
	if err := errors.Join(a.balances(), a.feeds()); err != nil {
		return AuditReport{}, fmt.Errorf("audit: %w", err)
	}
	return AuditReport{a.checks}, nil
}

// pass looks at a table by ranges of its ids.
func (a *audit) pass(last int64, look func(after, until int64) error) error {
	for after := int64(0); after < last; after += auditStep {
		if err := look(after, min(after+auditStep, last)); err != nil {
			return err
		}
		a.done += min(auditStep, last-after)
		if a.progress != nil {
			a.progress(a.done, a.total)
		}
	}
	return a.ctx.Err()
}

// expect counts one comparison and keeps it in words when it failed.
func (a *audit) expect(id string, holds bool, format string, args ...any) {
	check := a.byID[id]
	check.Checked++
	if holds {
		return
	}
	check.Failed++
	if len(check.Examples) < MaxAuditExamples {
		check.Examples = append(check.Examples, fmt.Sprintf(format, args...))
	}
}

func (a *audit) postings(after, until int64) error {
	rows, err := a.q.AuditPostings(a.ctx, store.AuditPostingsParams{After: after, Until: until})
	for _, p := range rows {
		a.expect("M-1", p.Amount > 0 && p.SourceCurrency == p.Currency && p.DestinationCurrency == p.Currency,
			"entry %d line %d: %d %s from a %q to a %q account", p.EntryID, p.Line, p.Amount, p.Currency, p.SourceCurrency, p.DestinationCurrency)
		if p.Kind == "deposit" || p.Kind == "deposit_fee" {
			a.expect("C-2", p.DepositID != 0, "entry %d line %d credits deposit %d, which isn't there", p.EntryID, p.Line, p.EventID)
		}
	}
	return err
}

func (a *audit) deposits(after, until int64) error {
	rows, err := a.q.AuditDeposits(a.ctx, store.AuditDepositsParams{After: after, Until: until})
	for _, d := range rows {
		a.expect("M-4", d.Amount == d.TransferAmount && d.Currency == d.TransferCurrency,
			"deposit %d is %d %s, its transfer %d %s", d.ID, d.Amount, d.Currency, d.TransferAmount, d.TransferCurrency)
		a.expect("M-4", d.Posted == d.Amount && d.PostedFee == d.Fee,
			"deposit %d is %d with fee %d, the ledger moved %d and %d", d.ID, d.Amount, d.Fee, d.Posted, d.PostedFee)
		a.expect("C-1", d.OfClaim == 1 && d.OfTransfer == 1 && d.OfReference == 1,
			"deposit %d: its claim has %d deposits, its transfer %d, its number %d", d.ID, d.OfClaim, d.OfTransfer, d.OfReference)
		a.expect("C-2", d.ClaimState == string(deposit.Accepted) && d.ClaimMerchant == d.MerchantID,
			"deposit %d of merchant %d has claim %d, which is %q and of merchant %d", d.ID, d.MerchantID, d.ClaimID, d.ClaimState, d.ClaimMerchant)
		a.expect("C-2", creditedState(d.TransferState) && d.TransferReference == d.ClaimReference,
			"deposit %d has transfer %d, which is %q, on number %d; its claim is on number %d", d.ID, d.TransferID, d.TransferState, d.TransferReference, d.ClaimReference)
		problem := checkPostback(d)
		a.expect("P-1", problem == "", "deposit %d: %s", d.ID, problem)
	}
	return err
}

func creditedState(state string) bool {
	return state == string(deposit.Credited) || state == string(deposit.Disputed)
}

// checkPostback compares the stored body with the deposit; "" when all agrees.
func checkPostback(d store.AuditDepositsRow) string {
	if d.Body == "" {
		return "has no postback"
	}
	var body struct {
		Amount   json.Number `json:"amount"`
		Currency string      `json:"currency_code"`
		Label    string      `json:"label"`
		Data     []struct {
			DepositID int64  `json:"stockpiling_id"`
			Number    string `json:"transaction_id"`
			OrderID   string `json:"plugin_custom_order_id"`
		} `json:"additional_data"`
	}
	if err := json.Unmarshal([]byte(d.Body), &body); err != nil || len(body.Data) != 1 {
		return "its postback can't be read"
	}
	amount := money.Money{Minor: d.Amount, Currency: money.Currency(d.Currency)}
	switch data := body.Data[0]; {
	case d.PostbackMerchant != d.MerchantID:
		return fmt.Sprintf("its postback goes to merchant %d", d.PostbackMerchant)
	case body.Amount.String() != amount.Text() || body.Currency != d.Currency:
		return fmt.Sprintf("its postback says %s %s, it is %s", body.Amount, body.Currency, amount)
	case data.DepositID != d.ID || data.Number != d.Number || data.OrderID != d.OrderID || body.Label != d.Payer:
		return fmt.Sprintf("its postback tells of deposit %d, order %q", data.DepositID, data.OrderID)
	}
	return ""
}

func (a *audit) claims(after, until int64) error {
	rows, err := a.q.AuditClaims(a.ctx, store.AuditClaimsParams{After: after, Until: until})
	for _, c := range rows {
		accepted := c.State == string(deposit.Accepted)
		a.expect("C-2", accepted == (c.DepositID != 0), "claim %d is %s and has deposit %d", c.ID, c.State, c.DepositID)
		a.expect("C-3", c.CurrentClaims == 1, "the order of claim %d has %d current claims", c.ID, c.CurrentClaims)
	}
	return err
}

func (a *audit) transfers(after, until int64) error {
	rows, err := a.q.AuditTransfers(a.ctx, store.AuditTransfersParams{After: after, Until: until})
	for _, t := range rows {
		a.expect("C-2", creditedState(t.State) == (t.DepositID != 0), "transfer %d is %s and has deposit %d", t.ID, t.State, t.DepositID)
		a.expect("C-1", t.OfReference == 1, "the number of transfer %d has %d transfers", t.ID, t.OfReference)
	}
	return err
}

func (a *audit) postbacks(after, until int64) error {
	rows, err := a.q.AuditPostbacks(a.ctx, store.AuditPostbacksParams{After: after, Until: until})
	for _, p := range rows {
		switch PostbackKind(p.Kind) {
		case PostbackWithdrawal:
			a.expect("P-1", withdrawal.State(p.WithdrawalState).Ended(), "postback %d tells of withdrawal %d, which is %q", p.ID, p.SubjectID, p.WithdrawalState)
		case PostbackDeposit:
			a.expect("P-1", p.DepositID != 0, "postback %d tells of deposit %d, which isn't there", p.ID, p.SubjectID)
		}
	}
	return err
}

// balances compares every ledger account with the sum of its postings, and with what its events say it should be. Each
// is one statement, because balances move while it runs.
func (a *audit) balances() error {
	accounts, err := a.q.AuditBalances(a.ctx)
	if err != nil {
		return err
	}
	for _, b := range accounts {
		a.expect("M-2", b.Balance == b.Posted, "%s of %d in %s has %d, its postings make %d", b.Kind, b.OwnerID, b.Currency, b.Balance, b.Posted)
	}
	stray, err := a.q.AuditStray(a.ctx)
	if err != nil {
		return err
	}
	a.expect("M-2", stray == 0, "%d open deltas belong to no ledger account", stray)
	expected, err := a.q.AuditAccounts(a.ctx)
	for _, b := range expected {
		a.expect("books", b.Balance == b.Expected, "%s of %d in %s has %d, its transfers and deposits make %d", b.Kind, b.OwnerID, b.Currency, b.Balance, b.Expected)
	}
	return err
}
