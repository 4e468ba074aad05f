package gateway

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/galla-gateway/galla/internal/oracle"
	"github.com/galla-gateway/galla/internal/store"
)

// Judge is the oracle over a store, on a connection of its own.
type Judge struct {
	*oracle.Oracle
	db *sql.DB
}

// OpenJudge opens the oracle over a store. Close it before the store.
func OpenJudge(s *store.Store) (*Judge, error) {
	db, err := s.Apart()
	if err != nil {
		return nil, err
	}
	return &Judge{oracle.New(db, string(s.Engine())), db}, nil
}

// Close gives the connection back.
func (j *Judge) Close() error { return errors.Join(j.Oracle.Close(), j.db.Close()) }

// Audit holds everything that is stored against every check of the oracle. It may run beside a working server.
func Audit(ctx context.Context, s *store.Store, opts oracle.Options) (report oracle.Report, err error) {
	judge, err := OpenJudge(s)
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, judge.Close()) }()
	return judge.Audit(ctx, opts)
}

// NewJudgeLease names one who wants to judge for all instances.
func NewJudgeLease() int64 { return newLease() }

// TakeJudging tells whether it is this lease's turn to look at the books for all instances, and holds it for so long from now:
// the first who asks has it until it isn't asked for again in time. A SQLite database has one server, whose turn it always is.
func (g *Gateway) TakeJudging(ctx context.Context, lease int64, length time.Duration) (mine bool, err error) {
	if g.store.Engine() == store.SQLite {
		return true, nil
	}
	err = g.write(ctx, func(ctx context.Context, q *store.Queries) error {
		now, err := g.leaseClock(ctx, q)
		if err != nil {
			return err
		}
		rows, err := q.TakeJudging(ctx, store.TakeJudgingParams{Lease: lease, Until: now.Add(length).UnixMicro(), Now: now.UnixMicro()})
		mine = rows > 0
		return err
	})
	if err != nil {
		return false, fmt.Errorf("take the turn to judge: %w", err)
	}
	return mine, nil
}

// LeaveJudging ends that turn, so that another instance need not wait for the end of the lease.
func (g *Gateway) LeaveJudging(ctx context.Context, lease int64) error {
	if g.store.Engine() == store.SQLite {
		return nil
	}
	err := g.write(ctx, func(ctx context.Context, q *store.Queries) error { return q.LeaveJudging(ctx, lease) })
	if err != nil {
		return fmt.Errorf("leave the turn to judge: %w", err)
	}
	return nil
}
