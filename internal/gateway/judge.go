package gateway

import (
	"context"
	"database/sql"
	"errors"

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
