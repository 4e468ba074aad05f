package gateway

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/galla-gateway/galla/internal/keyring"
	"github.com/galla-gateway/galla/internal/oracle"
	"github.com/galla-gateway/galla/internal/store"
)

// RestoreIDGap is how far a restore moves every id counter, and the positions of every feed of events, ahead. What was
// given out after the backup is known to merchants; it must not come again for something else.
const RestoreIDGap = 1_000_000

// Restore fills an empty database from a backup and leaves it in recovery: nothing is credited by itself until
// EndRecovery, because credits made since the backup are unknown. The key file isn't in a backup: keys must be the one
// that the backup was sealed with. All or nothing is stored.
func Restore(ctx context.Context, s *store.Store, keys *keyring.Keyring, b *store.Backup, now time.Time, progress func(done, total int64)) error {
	if err := keys.Verify(b.Info.KeyCheck); err != nil {
		return err
	}
	return s.Restore(ctx, b, func(ctx context.Context, q *store.Queries) error {
		if err := q.AdvanceIDs(ctx, RestoreIDGap); err != nil {
			return fmt.Errorf("move ids ahead: %w", err)
		}
		if err := skipPositions(ctx, q); err != nil {
			return err
		}
		if err := q.SetRecovery(ctx, sql.NullInt64{Int64: now.UnixMicro(), Valid: true}); err != nil {
			return fmt.Errorf("begin recovery: %w", err)
		}
		// Leases belong to servers that aren't there any more.
		if _, err := q.DropLeases(ctx); err != nil {
			return fmt.Errorf("drop leases: %w", err)
		}
		return nil
	}, progress)
}

// CheckBackup proves that a backup can be restored: it restores it into a SQLite database of its own, in a new folder
// below dir that is deleted afterwards, and audits that.
func CheckBackup(ctx context.Context, r io.Reader, dir string, progress func(done, total int64)) (report oracle.Report, err error) {
	scratch, err := os.MkdirTemp(dir, ".galla-check-")
	if err != nil {
		return report, fmt.Errorf("check backup: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	b, err := store.OpenBackup(r)
	if err != nil {
		return report, err
	}
	// Nothing of it outlives this function, so nothing needs to reach the disk.
	s, err := store.Open(ctx, "sqlite:"+filepath.Join(scratch, "check.db"), store.Create, store.Options{SQLiteSynchronous: "OFF"})
	if err != nil {
		return report, fmt.Errorf("check backup: %w", err)
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	total := 2 * b.Info.Rows // restoring takes about as long as auditing
	err = s.Restore(ctx, b, nil, func(done, _ int64) { tell(progress, done, total) })
	if err != nil {
		return report, fmt.Errorf("check backup: %w", err)
	}
	return Audit(ctx, s, oracle.Options{Progress: func(done, of int64) { tell(progress, total/2+total/2*done/max(of, 1), total) }})
}

func tell(progress func(done, total int64), done, total int64) {
	if progress != nil {
		progress(done, total)
	}
}
