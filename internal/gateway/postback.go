package gateway

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/galla-gateway/galla/internal/merchant"
	"github.com/galla-gateway/galla/internal/store"
)

// PostbackLease is how long a leased postback belongs to who leased it. The times are those of Options.Now, not of the
// database: clocks of instances may differ by PostbackLease less the longest time between a lease and the end of its
// request (see package lane).
const PostbackLease = 45 * time.Second

// How long a sender that nobody wakes waits before it looks for due postbacks again.
const (
	pollSQLite      = time.Second // new ones come from this process and wake it; only commands write beside it
	pollPostgresMin = 50 * time.Millisecond
	pollPostgresMax = 250 * time.Millisecond
)

// PostbackKind is what a postback tells about.
type PostbackKind string

// The kinds of postbacks.
const (
	PostbackDeposit    PostbackKind = "deposit"
	PostbackWithdrawal PostbackKind = "withdrawal"
)

// PostbackState is where a postback stands.
type PostbackState string

// A postback is pending until it is delivered or all its tries are used up.
const (
	PostbackPending   PostbackState = "pending"
	PostbackDelivered PostbackState = "delivered"
	PostbackExhausted PostbackState = "exhausted"
)

// Endpoint is one address that postbacks go to: a merchant's for deposits, or for withdrawals.
type Endpoint struct {
	MerchantID merchant.ID
	Kind       PostbackKind
}

// URLOf is where the merchant takes postbacks of a kind, now.
func (m *Merchant) URLOf(kind PostbackKind) string {
	if kind == PostbackWithdrawal && m.WithdrawalPostbackURL != "" {
		return m.WithdrawalPostbackURL
	}
	return m.PostbackURL
}

// LeasedPostback is a postback that the caller alone may send, until LeasedUntil.
type LeasedPostback struct {
	ID          int64
	Endpoint    Endpoint
	SubjectID   int64 // of the deposit or withdrawal
	WebhookID   string
	Body        []byte // the exact bytes of every attempt
	Attempts    int    // made before
	CreatedAt   time.Time
	Lease       int64 // fencing: who records an attempt names it
	LeasedUntil time.Time
}

// LeasePostbacks takes up to limit (1 or more) due postbacks for the caller, in one transaction and at most room(e) for
// an endpoint e, those that are due longest first. Endpoints share evenly, whatever their backlogs. more: others are due
// that the limit or the room kept out, or may be.
//
// Several instances on PostgreSQL get different ones. What the caller neither records nor sends is due again when the
// lease ends.
func (g *Gateway) LeasePostbacks(ctx context.Context, limit int, room func(Endpoint) int) (leased []LeasedPostback, more bool, err error) {
	due, err := g.dueEndpoints(ctx)
	if err != nil {
		return nil, false, err
	}
	shares := shareOut(due, limit, room)
	more = len(shares) < len(due)
	if len(shares) == 0 {
		return nil, more, nil
	}
	full := false
	err = g.write(ctx, func(ctx context.Context, q *store.Queries) (err error) {
		leased, full, err = leaseShares(ctx, q, shares, g.now())
		return err
	})
	if err != nil {
		return nil, false, fmt.Errorf("lease postbacks: %w", err)
	}
	return leased, more || full, nil
}

// dueEndpoints lists the endpoints with due postbacks. Those of a merchant that this process hasn't heard of yet are
// left for later: it will within refreshEvery.
func (g *Gateway) dueEndpoints(ctx context.Context) ([]Endpoint, error) {
	rows, err := g.store.Read().ListEndpoints(ctx)
	if err != nil {
		return nil, fmt.Errorf("list endpoints: %w", err)
	}
	now, directory := g.now().UnixMicro(), g.Directory()
	var due []Endpoint
	for _, row := range rows {
		_, known := directory.Merchant(merchant.ID(row.MerchantID))
		if known && row.NextAt >= 0 && row.NextAt <= now {
			due = append(due, Endpoint{merchant.ID(row.MerchantID), PostbackKind(row.Kind)})
		}
	}
	return due, nil
}

// share is how many postbacks of an endpoint one lease takes.
type share struct {
	endpoint Endpoint
	most     int
}

// shareOut divides limit evenly among the endpoints that have room. Who comes first is left to chance, so that nobody's
// place in the list favours them; due is reordered.
func shareOut(due []Endpoint, limit int, room func(Endpoint) int) []share {
	rand.Shuffle(len(due), func(i, j int) { due[i], due[j] = due[j], due[i] })
	var shares []share
	for _, endpoint := range due {
		if most := room(endpoint); most > 0 {
			shares = append(shares, share{endpoint, most})
		}
	}
	shares = shares[:min(len(shares), limit)]
	for i := range shares {
		left := len(shares) - i
		shares[i].most = min(shares[i].most, (limit+left-1)/left)
		limit -= shares[i].most
	}
	return shares
}

// leaseShares takes the due postbacks of each share. full: a share was used up, so there may be more.
func leaseShares(ctx context.Context, q *store.Queries, shares []share, now time.Time) (leased []LeasedPostback, full bool, err error) {
	lease, until := 1+rand.Int64N(math.MaxInt64), now.Add(PostbackLease)
	var ids []idRow
	for _, s := range shares {
		rows, err := q.LockDuePostbacks(ctx, store.LockDuePostbacksParams{
			MerchantID: int64(s.endpoint.MerchantID), Kind: string(s.endpoint.Kind), Now: now.UnixMicro(), Most: int32(s.most),
		})
		if err != nil {
			return nil, false, fmt.Errorf("lock due: %w", err)
		}
		full = full || len(rows) == s.most
		for _, row := range rows {
			ids = append(ids, idRow{row.ID})
			leased = append(leased, LeasedPostback{
				ID: row.ID, Endpoint: s.endpoint, SubjectID: row.SubjectID, WebhookID: row.WebhookID, Body: []byte(row.Body),
				Attempts: int(row.Attempts), CreatedAt: fromMicro(row.CreatedAt), Lease: lease, LeasedUntil: until,
			})
		}
	}
	if len(ids) == 0 {
		return nil, full, nil
	}
	taken, err := q.LeasePostbacks(ctx, store.LeasePostbacksParams{
		Lease: lease, LeasedUntil: until.UnixMicro(), Now: now.UnixMicro(), Batch: store.Rows(ids),
	})
	if err != nil {
		return nil, false, err
	}
	if len(taken) < len(leased) {
		leased = slices.DeleteFunc(leased, func(p LeasedPostback) bool { return !slices.Contains(taken, p.ID) })
	}
	return leased, full, nil
}

// DropPostbackLeases makes postbacks due at once that a process leased which is gone. On SQLite the lock file proves
// that; call it once at start, from the process that holds the lock file. On PostgreSQL others may be sending: it does
// nothing there, and leases end by themselves.
func (g *Gateway) DropPostbackLeases(ctx context.Context) (dropped int64, err error) {
	if g.store.Engine() != store.SQLite {
		return 0, nil
	}
	err = g.write(ctx, func(ctx context.Context, q *store.Queries) (err error) {
		dropped, err = q.DropLeases(ctx, g.now().UnixMicro())
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("drop leases: %w", err)
	}
	return dropped, nil
}

// PostbackPoll is how long to wait before looking for due postbacks again, unless woken. On PostgreSQL it varies, so
// that instances don't all ask at the same moment.
func (g *Gateway) PostbackPoll() time.Duration {
	if g.store.Engine() == store.SQLite {
		return pollSQLite
	}
	return pollPostgresMin + rand.N(pollPostgresMax-pollPostgresMin)
}

// Undelivered is what has not reached merchants.
type Undelivered struct {
	Pending   int64     // not delivered yet, and tried again by itself
	OldestAt  time.Time // when the oldest of these was written; zero when there is none
	Exhausted int64     // given up
}

// Undelivered counts what has not reached merchants. It reads the index of pending postbacks, whatever is delivered.
func (g *Gateway) Undelivered(ctx context.Context) (Undelivered, error) {
	row, err := g.store.Read().CountUndelivered(ctx)
	if err != nil {
		return Undelivered{}, fmt.Errorf("count undelivered postbacks: %w", err)
	}
	u := Undelivered{Pending: row.Pending, Exhausted: row.Exhausted}
	if row.Pending > 0 {
		u.OldestAt = fromMicro(row.OldestAt)
	}
	return u, nil
}
