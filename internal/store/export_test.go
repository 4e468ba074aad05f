package store

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// PrepareForTest prepares one statement on the read pool, which sees the same schema.
func PrepareForTest(s *Store, query string) (*sql.Stmt, error) {
	return s.read.PrepareContext(context.Background(), s.Rewrite(query))
}

// BackupTables are the tables of a backup.
var BackupTables = backupTables

// PragmaForTest reads a setting of SQLite's writing connection, or of a reading one.
func PragmaForTest(s *Store, writer bool, name string) (value string, err error) {
	query := "PRAGMA " + name
	if writer {
		return value, s.writer.conn.QueryRowContext(context.Background(), query).Scan(&value)
	}
	return value, s.read.QueryRowContext(context.Background(), query).Scan(&value)
}

// ExecForTest runs a statement on a writing connection. SQLite's only one is held by the store.
func ExecForTest(s *Store, statement string) error {
	if s.engine == SQLite {
		_, err := s.writer.conn.ExecContext(context.Background(), statement)
		return err
	}
	_, err := s.write.Exec(statement)
	return err
}

// WriteWithinForTest is Write on SQLite with another time limit.
func WriteWithinForTest(s *Store, limit time.Duration, f func(context.Context, *Queries) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	return s.writeSQLite(ctx, f)
}

// BreakSyncForTest lets the sync of the database file fail.
func BreakSyncForTest(s *Store) error { return s.checkpoint.file.Close() }

// CloseAnywayForTest closes the connections of a store that left them open.
func CloseAnywayForTest(s *Store) error {
	return errors.Join(s.writer.close(), s.read.Close(), s.write.Close(), s.turn.close(), s.lock.Close())
}
