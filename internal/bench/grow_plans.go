package bench

import (
	"context"
	"database/sql"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/galla-gateway/galla/internal/store"
)

// QueryPlan is how a database runs a statement.
type QueryPlan struct {
	Name  string   `json:"name"`
	Lines []string `json:"lines"`
	// Scan is the line that reads all of a table that grows with the deposits, "" for none.
	Scan string `json:"scan,omitzero"`
}

// plansOf explains the statements of a deposit's way and of those who read.
func plansOf(ctx context.Context, s *grownSide) ([]QueryPlan, error) {
	var plans []QueryPlan
	// PostgreSQL is right to read a small table as a whole, and does where it is left a choice.
	small := s.engine.store.Engine() == store.Postgres && s.transfers() <= 2*GrowBase
	one := s.history.pick(true)
	writes := s.engine.store.ReadPool()
	if s.engine.store.Engine() == store.Postgres {
		writes = s.engine.store.Raw()
	}
	for _, side := range []struct {
		db    *sql.DB
		calls []namedCall
	}{{writes, writingCalls(one)}, {s.engine.store.ReadPool(), readingCalls(one)}} {
		for _, call := range side.calls {
			e := &explainer{db: side.db, store: s.engine.store, name: call.name}
			call.run(ctx, store.New(e)) // its error says that an explanation has no rows
			if e.err != nil {
				return nil, fmt.Errorf("explain %s: %w", call.name, e.err)
			}
			for i := range e.plans {
				if small && side.db == s.engine.store.ReadPool() {
					e.plans[i].Scan = ""
				}
			}
			plans = append(plans, e.plans...)
		}
	}
	return plans, nil
}

type namedCall struct {
	name string
	run  func(ctx context.Context, q *store.Queries)
}

// writingCalls are the statements of the money transactions.
func writingCalls(one picked) []namedCall {
	credits := []credit{{n: 1, order: one.order, payer: "payer-1", number: one.number, merchant: one.owner.merchant, reference: one.reference, transfer: one.transfer, sum: amountMinor}}
	l, s := lookupsOf(credits, 1), savesOf(credits, 1)
	ids := idsOf(credits)
	byID := store.Rows([]idRow{{one.claim}})
	payers := store.Rows([]payerRow{{one.owner.merchant, "payer-1"}})
	prints := store.Rows([]printRow{{strings.Repeat("00", 32)}})
	return []namedCall{
		{"LockReferences", func(ctx context.Context, q *store.Queries) { _, _ = q.LockReferences(ctx, l.references) }},
		{"LoadEvidence", func(ctx context.Context, q *store.Queries) { _, _ = q.LoadEvidence(ctx, prints) }},
		{"LoadTransfers", func(ctx context.Context, q *store.Queries) { _, _ = q.LoadTransfers(ctx, ids) }},
		{"LoadOrderClaims", func(ctx context.Context, q *store.Queries) { _, _ = q.LoadOrderClaims(ctx, l.orders) }},
		{"LoadReferenceClaims", func(ctx context.Context, q *store.Queries) { _, _ = q.LoadReferenceClaims(ctx, ids) }},
		{"LoadClaimsByID", func(ctx context.Context, q *store.Queries) { _, _ = q.LoadClaimsByID(ctx, byID) }},
		{"CountWaiting", func(ctx context.Context, q *store.Queries) {
			_, _ = q.CountWaiting(ctx, store.CountWaitingParams{Batch: payers, Now: 1})
		}},
		{"UpdateTransfers", func(ctx context.Context, q *store.Queries) { _ = q.UpdateTransfers(ctx, s.transfers) }},
		{"SumMerchantDeposits", func(ctx context.Context, q *store.Queries) {
			_, _ = q.SumMerchantDeposits(ctx, store.SumMerchantDepositsParams{MerchantID: one.owner.merchant, Currency: currency, Since: latestMoment})
		}},
		{"SumPayerDeposits", func(ctx context.Context, q *store.Queries) {
			_, _ = q.SumPayerDeposits(ctx, store.SumPayerDepositsParams{MerchantID: one.owner.merchant, Currency: currency, Since: latestMoment, Payer: "payer-1"})
		}},
		{"SumAccountTransfers", func(ctx context.Context, q *store.Queries) {
			_, _ = q.SumAccountTransfers(ctx, store.SumAccountTransfersParams{AccountID: one.owner.account, Currency: currency, Since: latestMoment, Until: latestMoment + 1})
		}},
		{"TakeNewEvents", func(ctx context.Context, q *store.Queries) {
			_, _ = q.TakeNewEvents(ctx, store.TakeNewEventsParams{MerchantID: one.owner.merchant, Most: 10})
		}},
		{"TakeDeltas", func(ctx context.Context, q *store.Queries) { _, _ = q.TakeDeltas(ctx, one.owner.credited) }},
	}
}

// findStretch is how many ids galla find looks through for what begins with a text.
const findStretch = 500_000

// latestMoment is a time after all that is stored.
const latestMoment = 4_000_000_000_000_000

type (
	payerRow struct {
		MerchantID int64  `json:"merchant_id"`
		Payer      string `json:"payer"`
	}
	printRow struct {
		Fingerprint string `json:"fingerprint"`
	}
)

// readingCalls are the probes, and what runs in the background on connections that read.
func readingCalls(one picked) []namedCall {
	var calls []namedCall
	for _, p := range probes {
		if p.name == "search by number" {
			continue // it asks what it was answered: its statements stand below
		}
		calls = append(calls, namedCall{p.name, func(ctx context.Context, q *store.Queries) { _ = p.read(ctx, q, one) }})
	}
	id := sql.NullInt64{Int64: one.reference, Valid: true}
	return append(calls,
		namedCall{"FindReferences", func(ctx context.Context, q *store.Queries) {
			_, _ = q.FindReferences(ctx, store.Rows([]numberRow{{1, one.number}}))
		}},
		namedCall{"GetTransferOfReference", func(ctx context.Context, q *store.Queries) { _, _ = q.GetTransferOfReference(ctx, one.reference) }},
		namedCall{"ListClaimsOfReference", func(ctx context.Context, q *store.Queries) { _, _ = q.ListClaimsOfReference(ctx, id) }},
		namedCall{"ListEvidenceOfReference", func(ctx context.Context, q *store.Queries) { _, _ = q.ListEvidenceOfReference(ctx, id) }},
		namedCall{"FindReferencesByPrefix", func(ctx context.Context, q *store.Queries) {
			_, _ = q.FindReferencesByPrefix(ctx, store.FindReferencesByPrefixParams{Length: 4, Prefix: "6312", Stretch: findStretch, Rows: pageRows})
		}},
		namedCall{"FindClaims", func(ctx context.Context, q *store.Queries) {
			_, _ = q.FindClaims(ctx, store.FindClaimsParams{Length: 4, Prefix: "6312", Stretch: findStretch, Rows: pageRows})
		}},
		namedCall{"FindTransfers", func(ctx context.Context, q *store.Queries) {
			_, _ = q.FindTransfers(ctx, store.FindTransfersParams{Length: 4, Prefix: "6312", Stretch: findStretch, Rows: pageRows})
		}},
		namedCall{"GetClaim", func(ctx context.Context, q *store.Queries) { _, _ = q.GetClaim(ctx, one.claim) }},
		namedCall{"ListTransitions", func(ctx context.Context, q *store.Queries) {
			_, _ = q.ListTransitions(ctx, store.ListTransitionsParams{Kind: "claim", SubjectID: one.claim})
		}},
		namedCall{"GetPostback", func(ctx context.Context, q *store.Queries) {
			_, _ = q.GetPostback(ctx, store.GetPostbackParams{Kind: "deposit", SubjectID: one.claim})
		}},
		namedCall{"GetOrderClaim", func(ctx context.Context, q *store.Queries) {
			_, _ = q.GetOrderClaim(ctx, store.GetOrderClaimParams{MerchantID: one.owner.merchant, OrderID: one.order})
		}},
		namedCall{"ListExpired", func(ctx context.Context, q *store.Queries) {
			_, _ = q.ListExpired(ctx, store.ListExpiredParams{Now: 1, Size: 100})
		}},
		namedCall{"ListMissed", func(ctx context.Context, q *store.Queries) {
			_, _ = q.ListMissed(ctx, store.ListMissedParams{Now: 1, Size: 100})
		}},
		namedCall{"ListNewEventMerchants", func(ctx context.Context, q *store.Queries) { _, _ = q.ListNewEventMerchants(ctx) }},
		namedCall{"ListLanes", func(ctx context.Context, q *store.Queries) { _, _ = q.ListLanes(ctx, 1) }},
	)
}

// explainer explains statements instead of running them.
type explainer struct {
	db    *sql.DB
	store *store.Store
	name  string
	plans []QueryPlan
	err   error
}

func (e *explainer) explain(ctx context.Context, query string, args []any) {
	statement, column := "EXPLAIN "+query, 0
	if e.store.Engine() == store.SQLite {
		statement, column = "EXPLAIN QUERY PLAN "+e.store.Rewrite(query), 3
	}
	rows, err := e.db.QueryContext(ctx, statement, args...)
	if err != nil {
		e.err = err
		return
	}
	defer rows.Close()
	plan := QueryPlan{Name: e.name}
	columns, err := rows.Columns()
	for err == nil && rows.Next() {
		values := make([]any, len(columns))
		for i := range values {
			values[i] = new(any)
		}
		values[column] = new(string)
		if err = rows.Scan(values...); err == nil {
			plan.Lines = append(plan.Lines, *values[column].(*string))
		}
	}
	if e.err = firstError(err, rows.Err()); e.err == nil {
		plan.Scan = fullScan(query, plan.Lines)
		e.plans = append(e.plans, plan)
	}
}

var (
	// An index of PostgreSQL is read as a whole where no condition follows.
	postgresScan  = regexp.MustCompile(`Seq Scan on (\w+)`)
	postgresIndex = regexp.MustCompile(`Index (?:Only )?Scan(?: Backward)? using \w+ on (\w+)`)
	sqliteScan    = regexp.MustCompile(`^SCAN (\w+)`)
)

// fullScan finds the step that reads all of a big table, or of an index of it.
func fullScan(query string, lines []string) string {
	big := func(name string) bool {
		return slices.ContainsFunc(historyTables, func(t historyTable) bool {
			return t.name == name || regexp.MustCompile(`\b`+t.name+` (AS )?`+name+`\b`).MatchString(query)
		})
	}
	for i, line := range lines {
		found := postgresScan.FindStringSubmatch(line)
		if found == nil {
			found = sqliteScan.FindStringSubmatch(line)
		}
		if found == nil && (i+1 == len(lines) || !strings.Contains(lines[i+1], "Index Cond")) {
			found = postgresIndex.FindStringSubmatch(line)
		}
		// An index that holds only what is still to be done may be read as a whole.
		if found != nil && big(found[1]) && !partialIndex.MatchString(line) && !highestID(lines, i) {
			return strings.TrimSpace(line)
		}
	}
	return ""
}

// highestID tells whether a step reads an index only for the highest id: it ends after one row.
func highestID(lines []string, i int) bool {
	return i > 0 && strings.Contains(lines[i-1], "Limit") && i+1 < len(lines) && strings.Contains(lines[i+1], "(id IS NOT NULL)")
}

// partialIndex names the indexes of what is still to be done.
var partialIndex = regexp.MustCompile(`\b(claim_waiting|claim_expiry|claim_held|postback_due|postback_exhausted|evidence_unparsed)\b`)

// ExecContext explains a statement without rows.
func (e *explainer) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	e.explain(ctx, query, args)
	return nil, sql.ErrNoRows
}

// PrepareContext isn't used by the generated code.
func (e *explainer) PrepareContext(context.Context, string) (*sql.Stmt, error) {
	return nil, sql.ErrNoRows
}

// QueryContext explains a query.
func (e *explainer) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	e.explain(ctx, query, args)
	return nil, sql.ErrNoRows
}

// QueryRowContext explains a query; the row that it returns has no columns, which nobody looks at.
func (e *explainer) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	e.explain(ctx, query, args)
	return e.db.QueryRowContext(ctx, "SELECT 1 WHERE false")
}
