package gateway

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/galla-gateway/galla/internal/merchant"
	"github.com/galla-gateway/galla/internal/postback"
	"github.com/galla-gateway/galla/internal/store"
)

// PostbackLease is how long a leased lane belongs to who leased it. On PostgreSQL the database's clock says when it is
// over, so that clocks of instances may differ.
const PostbackLease = 45 * time.Second

// exhaustSize bounds the postbacks that are given up in one transaction.
const exhaustSize = 500

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

// LaneStatus is a lane, the endpoint of undelivered postbacks, as it is stored.
type LaneStatus struct {
	Endpoint Endpoint
	State    postback.BreakerState
	DueAt    time.Time // when somebody may send; zero: not while it is paused
	Leased   bool      // somebody sends already
}

// Lanes lists the endpoints with undelivered postbacks, in no order. Those of a merchant that this process hasn't heard
// of yet are left out: it will within refreshEvery.
func (g *Gateway) Lanes(ctx context.Context) ([]LaneStatus, error) {
	now, directory := g.now(), g.Directory()
	rows, err := g.store.Read().ListLanes(ctx, now.Add(-postback.FreshProbe).UnixMicro())
	if err != nil {
		return nil, fmt.Errorf("list lanes: %w", err)
	}
	leaseNow := now
	if slices.ContainsFunc(rows, func(row store.ListLanesRow) bool { return row.LeaseUntil > 0 }) {
		if leaseNow, err = g.leaseClock(ctx, g.store.Read()); err != nil {
			return nil, fmt.Errorf("read clock: %w", err)
		}
	}
	lanes := make([]LaneStatus, 0, len(rows))
	for _, row := range rows {
		_, known := directory.Merchant(merchant.ID(row.MerchantID))
		if !known || row.NextAt < 0 {
			continue
		}
		lanes = append(lanes, LaneStatus{
			Endpoint: Endpoint{merchant.ID(row.MerchantID), PostbackKind(row.Kind)}, State: postback.BreakerState(row.State),
			DueAt: dueAt(row), Leased: row.LeaseUntil > leaseNow.UnixMicro(),
		})
	}
	return lanes, nil
}

// dueAt is when a lane may be sent to: when its first postback is due, and while it is open not before the next probe.
func dueAt(row store.ListLanesRow) time.Time {
	switch {
	case row.State == string(postback.Paused):
		return time.Time{}
	case row.State == string(postback.Open) && row.FreshAt >= 0:
		return fromMicro(min(row.FreshAt, max(row.NextAt, row.ProbeAt)))
	}
	return fromMicro(max(row.NextAt, row.ProbeAt))
}

// LaneLease names a lane and the lease of its owner.
type LaneLease struct {
	Endpoint Endpoint
	Lease    int64 // fencing: who records an attempt names it
}

// NewLaneLease makes a lease that nobody had.
func NewLaneLease(e Endpoint) LaneLease { return LaneLease{e, newLease()} }

// newLease is a number that no other holder of a lease has.
func newLease() int64 { return 1 + rand.Int64N(math.MaxInt64) }

// LeasedLane is a lane whose postbacks the caller alone may send, until Until by the caller's clock.
type LeasedLane struct {
	LaneLease
	Until   time.Time
	Breaker postback.Breaker
}

// LeaseLanes takes lanes for PostbackLease, or renews them where the lease is the caller's. What is paused or somebody
// else's is left out.
func (g *Gateway) LeaseLanes(ctx context.Context, wanted []LaneLease) (leased []LeasedLane, err error) {
	if len(wanted) == 0 {
		return nil, nil
	}
	rows := laneRows(wanted)
	until := g.opts.Now().Add(PostbackLease) // before the database's clock is read, and by a clock that nobody sets: ours ends first
	var got []store.LeaseLanesRow
	err = g.write(ctx, func(ctx context.Context, q *store.Queries) error {
		now, err := g.leaseClock(ctx, q)
		if err != nil {
			return fmt.Errorf("read clock: %w", err)
		}
		got, err = q.LeaseLanes(ctx, store.LeaseLanesParams{
			LeaseUntil: now.Add(PostbackLease).UnixMicro(), Now: now.UnixMicro(), Batch: store.Rows(rows),
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("lease lanes: %w", err)
	}
	for _, row := range got {
		leased = append(leased, LeasedLane{
			LaneLease: LaneLease{Endpoint{merchant.ID(row.MerchantID), PostbackKind(row.Kind)}, row.Lease}, Until: until,
			Breaker: postback.Breaker{
				State: postback.BreakerState(row.State), Reason: row.Reason, Failures: int(row.Failures), ChangedAt: sometime(row.ChangedAt),
				ProbeID: row.ProbeID, ProbeAt: sometime(row.ProbeAt), ProbedAt: sometime(row.ProbedAt),
			},
		})
	}
	return leased, nil
}

// leaseClock is the clock that leases go by: the database's on PostgreSQL, which all instances share.
func (g *Gateway) leaseClock(ctx context.Context, q *store.Queries) (time.Time, error) {
	if g.opts.LeaseNow != nil {
		return g.opts.LeaseNow(), nil
	}
	if g.store.Engine() == store.SQLite {
		return g.now(), nil
	}
	return store.Clock(ctx, q)
}

// laneRow is named like the columns of queries/postback.sql.
type laneRow struct {
	MerchantID int64  `json:"merchant_id"`
	Kind       string `json:"kind"`
	Lease      int64  `json:"lease"`
}

// laneRows are sorted: whoever locks several lanes does it in this order.
func laneRows(lanes []LaneLease) []laneRow {
	rows := make([]laneRow, len(lanes))
	for i, l := range lanes {
		rows[i] = laneRow{int64(l.Endpoint.MerchantID), string(l.Endpoint.Kind), l.Lease}
	}
	slices.SortFunc(rows, func(a, b laneRow) int {
		return cmp.Or(cmp.Compare(a.MerchantID, b.MerchantID), cmp.Compare(a.Kind, b.Kind))
	})
	return rows
}

// Postback is what the owner of a lane sends.
type Postback struct {
	ID            int64
	Endpoint      Endpoint
	SubjectID     int64 // of the deposit or withdrawal
	WebhookID     string
	Body          []byte // the exact bytes of every attempt
	Damaged       error  // why Body isn't known, see postback.ErrDamaged: then nothing may be sent
	Attempts      int    // made before
	NextAt        time.Time
	ScheduleAt    time.Time
	ScheduleTries int // of the attempts, those made before the schedule began
}

// LaneReading is how far the postbacks of a lane were read, in the order in which they are due.
type LaneReading struct {
	LaneLease
	AfterAt time.Time // zero: from the start
	AfterID int64
}

// DuePostbacks reads the due postbacks of leased lanes, at most so many of each, those that are due longest first. It
// doesn't know of what the caller is sending already.
func (g *Gateway) DuePostbacks(ctx context.Context, lanes []LaneLease, most int) ([]Postback, error) {
	readings := make([]LaneReading, len(lanes))
	for i, lane := range lanes {
		readings[i].LaneLease = lane
	}
	return g.ReadLanes(ctx, readings, most)
}

// ReadLanes is DuePostbacks from where the last reading ended.
func (g *Gateway) ReadLanes(ctx context.Context, lanes []LaneReading, most int) ([]Postback, error) {
	if len(lanes) == 0 {
		return nil, nil
	}
	batch := make([]readingRow, len(lanes))
	for i, l := range lanes {
		batch[i] = readingRow{int64(l.Endpoint.MerchantID), string(l.Endpoint.Kind), l.Lease, micros(l.AfterAt), l.AfterID}
	}
	rows, err := g.store.Read().ListDuePostbacks(ctx, store.ListDuePostbacksParams{Batch: store.Rows(batch), Now: g.now().UnixMicro(), Most: int32(most)})
	if err != nil {
		return nil, fmt.Errorf("list due postbacks: %w", err)
	}
	due := make([]Postback, len(rows))
	for i, row := range rows {
		due[i] = postbackOf(row)
	}
	return due, nil
}

type readingRow struct {
	MerchantID int64  `json:"merchant_id"`
	Kind       string `json:"kind"`
	Lease      int64  `json:"lease"`
	AfterAt    int64  `json:"after_at"`
	AfterID    int64  `json:"after_id"`
}

// DueProbe reads what a leased lane whose breaker is open is to be probed with now. ProbeNone: with nothing yet.
func (g *Gateway) DueProbe(ctx context.Context, lane LeasedLane) (p Postback, probe postback.Probe, err error) {
	now, id, kind := g.now(), int64(lane.Endpoint.MerchantID), string(lane.Endpoint.Kind)
	if !now.Before(lane.Breaker.ProbeAt) {
		row, err := g.store.Read().GetProbe(ctx, store.GetProbeParams{ID: lane.Breaker.ProbeID, MerchantID: id, Kind: kind, Now: now.UnixMicro()})
		if err == nil {
			return postbackOf(store.ListDuePostbacksRow(row)), postback.ProbeScheduled, nil
		}
		if !isNoRows(err) {
			return p, 0, fmt.Errorf("read probe: %w", err)
		}
		due, err := g.DuePostbacks(ctx, []LaneLease{lane.LaneLease}, 1)
		if len(due) == 1 {
			return due[0], postback.ProbeScheduled, nil
		}
		return p, postback.ProbeNone, err
	}
	if now.Before(lane.Breaker.ProbedAt.Add(postback.FreshProbe)) {
		return p, postback.ProbeNone, nil
	}
	row, err := g.store.Read().GetFreshPostback(ctx, store.GetFreshPostbackParams{
		MerchantID: id, Kind: kind, After: lane.Breaker.ProbedAt.UnixMicro(), Now: now.UnixMicro(),
	})
	switch {
	case isNoRows(err):
		return p, postback.ProbeNone, nil
	case err != nil:
		return p, 0, fmt.Errorf("read fresh postback: %w", err)
	}
	return postbackOf(store.ListDuePostbacksRow(row)), postback.ProbeFresh, nil
}

// postbackOf tells of a damaged body in the postback: one such row must not keep the others of its lane from being sent.
func postbackOf(row store.ListDuePostbacksRow) Postback {
	body, err := postback.StoredBody(row.ID, row.Body, row.Packed)
	return Postback{
		ID: row.ID, Endpoint: Endpoint{merchant.ID(row.MerchantID), PostbackKind(row.Kind)}, SubjectID: row.SubjectID, WebhookID: row.WebhookID,
		Body: body, Damaged: err, Attempts: int(row.Attempts), NextAt: fromMicro(row.NextAt), ScheduleAt: fromMicro(row.ScheduleAt), ScheduleTries: int(row.ScheduleTries),
	}
}

// DropLaneLeases frees the lanes that a process leased which is gone. On SQLite the lock file proves that; call it once
// at start, from the process that holds the lock file. On PostgreSQL others may be sending: it does nothing there, and
// leases end by themselves.
func (g *Gateway) DropLaneLeases(ctx context.Context) (dropped int64, err error) {
	if !g.OwnsLanes() {
		return 0, nil
	}
	err = g.write(ctx, func(ctx context.Context, q *store.Queries) (err error) {
		dropped, err = q.DropLeases(ctx)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("drop leases: %w", err)
	}
	return dropped, nil
}

// OwnsLanes tells whether nobody but this process ever sends: then it need not give lanes back when they are empty.
func (g *Gateway) OwnsLanes() bool { return g.store.Engine() == store.SQLite }

// ExhaustPostbacks gives up what waits for longer than its schedule at endpoints that nothing is sent to, and tells of
// each such endpoint how many. Where something is sent, the last failed try gives a postback up.
func (g *Gateway) ExhaustPostbacks(ctx context.Context, lanes []LaneStatus) (map[Endpoint]int, error) {
	exhausted := map[Endpoint]int{}
	for _, lane := range lanes {
		if lane.State == postback.Closed {
			continue
		}
		for more := true; more; {
			found, count, err := g.exhaust(ctx, lane.Endpoint)
			if err != nil {
				return exhausted, fmt.Errorf("exhaust postbacks: %w", err)
			}
			if count > 0 {
				exhausted[lane.Endpoint] += count
			}
			more = found == exhaustSize && count > 0
		}
	}
	return exhausted, nil
}

// exhaust gives up the first postbacks of an endpoint that are too old. Mostly there are none, which costs no transaction:
// among many dead endpoints those of others would wait for these.
func (g *Gateway) exhaust(ctx context.Context, e Endpoint) (found, count int, err error) {
	id, kind, now := int64(e.MerchantID), string(e.Kind), g.now()
	before := now.Add(-postback.Lifetime).UnixMicro()
	old, err := g.store.Read().ListOverduePostbacks(ctx, store.ListOverduePostbacksParams{MerchantID: id, Kind: kind, Before: before, Most: exhaustSize})
	if err != nil || len(old) == 0 {
		return 0, 0, err
	}
	rows := make([]idRow, len(old))
	for i, id := range old {
		rows[i].ID = id
	}
	err = g.write(ctx, func(ctx context.Context, q *store.Queries) error {
		count = 0
		leaseNow, err := g.leaseClock(ctx, q)
		if err != nil {
			return err
		}
		_, err = q.LockFreeLane(ctx, store.LockFreeLaneParams{MerchantID: id, Kind: kind, Now: leaseNow.UnixMicro()})
		if isNoRows(err) {
			return nil // a probe is under way
		}
		if err != nil {
			return err
		}
		ids, err := q.ExhaustPostbacks(ctx, store.ExhaustPostbacksParams{
			Now: sql.NullInt64{Int64: now.UnixMicro(), Valid: true}, Batch: store.Rows(rows), Before: before,
		})
		count = len(ids)
		return err
	})
	return len(old), count, err
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
