package bench

import (
	"context"
	"fmt"

	"github.com/galla-gateway/galla/internal/method"
	"github.com/galla-gateway/galla/internal/store"
)

// The ledger accounts of the rows: one receiving account with its unclaimed money, and one account per merchant.
const (
	receivingAccount = 1
	unclaimedAccount = 2
	merchantAccounts = 10 // + the merchant's id
)

// claimWindow is how long a claim waits, in microseconds.
const claimWindow = 72 * 3600 * 1_000_000

// lookups are the sets with which an activation reads.
type lookups struct{ references, ids, orders store.Batch }

func lookupsOf(credits []credit, now int64) lookups {
	references, orders := make([]referenceRow, len(credits)), make([]orderRow, len(credits))
	for i := range credits {
		c := &credits[i]
		// The id isn't taken: the reference is there.
		references[i] = referenceRow{1<<40 + c.id(), int(method.RailIndia), c.number, now}
		orders[i] = orderRow{MerchantID: c.merchant, OrderID: c.order}
	}
	return lookups{references: store.Rows(references), orders: store.Rows(orders)}
}

func idsOf(credits []credit) store.Batch {
	ids := make([]idRow, len(credits))
	for i := range credits {
		ids[i].ID = credits[i].reference
	}
	return store.Rows(ids)
}

// saves are the sets with which an activation writes.
type saves struct {
	claims, transfers, deposits, postings, deltas, transitions, postbacks, events store.Batch
}

func savesOf(credits []credit, now int64) saves {
	n := len(credits)
	claims, transfers, deposits := make([]claimRow, n), make([]transferRow, n), make([]depositRow, n)
	postings, transitions, postbacks := make([]postingRow, n), make([]transitionRow, n), make([]postbackRow, n)
	events := make([]eventRow, n)
	sums := map[int64]int64{}
	for i := range credits {
		c := &credits[i]
		id, account := c.id(), merchantAccounts+c.merchant
		claims[i] = claimRow{
			ID: id, MerchantID: c.merchant, OrderID: c.order, Payer: c.payer, Method: walletType, ReferenceID: c.reference,
			Given: c.number, Amount: c.sum, Currency: currency, State: "accepted", Reason: "matched", CreatedAt: now, DecidedAt: now,
			ExpiresAt: now + claimWindow,
		}
		transfers[i] = transferOf(c, now)
		transfers[i].FromState, transfers[i].State = "observed", "credited"
		deposits[i] = depositRow{id, id, c.transfer, c.merchant, c.sum, 0, currency, now}
		postings[i] = postingRow{2 * id, 0, "deposit", id, unclaimedAccount, account, c.sum, currency, now}
		transitions[i] = transitionRow{id, "claim", id, "", "accepted", now, "rules", "matched", facts}
		postbacks[i] = postbackRow{id, c.merchant, "deposit", id, webhookID, postbackPacked(), now, now}
		events[i] = eventRow{id, c.merchant}
		sums[unclaimedAccount] -= c.sum
		sums[account] += c.sum
	}
	deltas := make([]deltaRow, 0, len(sums))
	for account, sum := range sums {
		deltas = append(deltas, deltaRow{account, 2 * credits[0].id(), sum})
	}
	return saves{
		store.Rows(claims), store.Rows(transfers), store.Rows(deposits), store.Rows(postings), store.Rows(deltas),
		store.Rows(transitions), store.Rows(postbacks), store.Rows(events),
	}
}

func transferOf(c *credit, now int64) transferRow {
	return transferRow{
		ID: c.transfer, ReferenceID: c.reference, AccountID: receivingAccount, Amount: c.sum, Currency: currency, OccurredAt: c.occurred,
		Strength: 2, Payer: payerVPA, ObservedAt: now,
	}
}

// read runs the statements with which an activation reads.
func (l *lookups) read(ctx context.Context, q *store.Queries) error {
	if _, err := q.LockReferences(ctx, l.references); err != nil {
		return err
	}
	if _, err := q.LoadTransfers(ctx, l.ids); err != nil {
		return err
	}
	return l.readClaims(ctx, q)
}

// find is read where nobody knows yet which references and transfers the credits are about: they learn it.
func (l *lookups) find(ctx context.Context, q *store.Queries, credits []credit) error {
	references, err := q.LockReferences(ctx, l.references)
	if err != nil {
		return err
	}
	byNumber := make(map[string]int64, len(references))
	for i := range references {
		byNumber[references[i].Number] = references[i].ID
	}
	for i := range credits {
		credits[i].reference = byNumber[credits[i].number]
	}
	l.ids = idsOf(credits)
	q.Ahead(store.QueryLoadTransfers(l.ids), store.QueryLoadOrderClaims(l.orders), store.QueryLoadReferenceClaims(l.ids), store.QueryLoadDisputedAccounts())
	transfers, err := q.LoadTransfers(ctx, l.ids)
	if err != nil {
		return err
	}
	byReference := make(map[int64]*store.Transfer, len(transfers))
	for i := range transfers {
		byReference[transfers[i].ReferenceID] = &transfers[i]
	}
	for i := range credits {
		t := byReference[credits[i].reference]
		if t == nil {
			return fmt.Errorf("no transfer %s", credits[i].number)
		}
		credits[i].transfer, credits[i].sum, credits[i].occurred = t.ID, t.Amount, t.OccurredAt
	}
	return l.readClaims(ctx, q)
}

func (l *lookups) readClaims(ctx context.Context, q *store.Queries) error {
	if _, err := q.LoadOrderClaims(ctx, l.orders); err != nil {
		return err
	}
	if _, err := q.LoadReferenceClaims(ctx, l.ids); err != nil {
		return err
	}
	_, err := q.LoadDisputedAccounts(ctx)
	return err
}

// write runs the statements with which an activation writes.
func (s *saves) write(ctx context.Context, q *store.Queries) error {
	for _, save := range []struct {
		rows      store.Batch
		statement func(context.Context, store.Batch) error
	}{
		{s.claims, q.InsertClaims}, {s.transfers, q.UpdateTransfers}, {s.deposits, q.InsertDeposits}, {s.postings, q.InsertPostings},
		{s.deltas, q.InsertDeltas}, {s.transitions, q.InsertTransitions}, {s.postbacks, q.InsertPostbacks},
		{s.events, q.InsertNewEvents},
	} {
		if err := save.statement(ctx, save.rows); err != nil {
			return err
		}
	}
	return nil
}

// fillSet is how many transfers one transaction of fill stores.
const fillSet = 1000

// fill stores transfers as evidence would have left them, for units from up to until, so that the raw loops and the
// barest API find what they credit.
func fill(ctx context.Context, s *store.Store, from, until, now int64) error {
	for ; from < until; from += fillSet {
		var references []referenceRow
		var transfers []transferRow
		var postings []postingRow
		for n := from; n < min(from+fillSet, until); n++ {
			c := creditOf(n, 1)
			references = append(references, referenceRow{c.reference, int(method.RailIndia), c.number, now})
			t := transferOf(&c, now)
			t.State = "observed"
			transfers = append(transfers, t)
			postings = append(postings, postingRow{2*c.id() + 1, 0, "transfer", c.transfer, receivingAccount, unclaimedAccount, c.sum, currency, now})
		}
		err := s.Write(ctx, func(ctx context.Context, q *store.Queries) error {
			if _, err := q.LockReferences(ctx, store.Rows(references)); err != nil {
				return err
			}
			if err := q.InsertTransfers(ctx, store.Rows(transfers)); err != nil {
				return err
			}
			return q.InsertPostings(ctx, store.Rows(postings))
		})
		if err != nil {
			return fmt.Errorf("store transfers to credit: %w", err)
		}
	}
	return nil
}
