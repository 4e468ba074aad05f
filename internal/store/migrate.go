package store

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// migrate brings the schema up to date (Create), or checks that it is (Existing).
func (s *Store) migrate(ctx context.Context, access Access) error {
	latest, err := latestMigration()
	if err != nil {
		return err
	}
	current, err := s.schemaVersion(ctx)
	switch {
	case err != nil:
		return classify(fmt.Errorf("database: read schema version: %w", err), false)
	case current > latest:
		return fmt.Errorf("%w: its schema is %d, this one knows %d", ErrNewerSchema, current, latest)
	case current == latest:
		return nil
	case access == Existing && current == 0:
		return fmt.Errorf("%w: the database is empty; run galla migrate or galla serve first", ErrMissing)
	case access == Existing:
		return fmt.Errorf("%w: its schema is %d, this one needs %d", ErrOlderSchema, current, latest)
	}
	provider, err := s.provider()
	if err != nil {
		return err
	}
	if s.engine == SQLite {
		// goose takes its connections from the pool, whose only one the writer holds.
		if err := s.releaseWriter(); err != nil {
			return err
		}
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("database: migrate: %w", err)
	}
	if s.engine == SQLite {
		conn, err := s.write.Conn(ctx)
		if err != nil {
			return err
		}
		if s.writer, err = newSession(ctx, conn); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) releaseWriter() error {
	err := s.writer.close()
	s.writer = nil
	return err
}

// schemaVersion reads goose's table; 0 when there is none yet.
func (s *Store) schemaVersion(ctx context.Context) (int64, error) {
	exists := "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'goose_db_version'"
	if s.engine == Postgres {
		exists = "SELECT count(*) FROM pg_catalog.pg_class WHERE relname = 'goose_db_version' AND pg_catalog.pg_table_is_visible(oid)"
	}
	var tables int
	if err := s.read.QueryRowContext(ctx, exists).Scan(&tables); err != nil || tables == 0 {
		return 0, err
	}
	var version sql.NullInt64
	err := s.read.QueryRowContext(ctx, "SELECT max(version_id) FROM goose_db_version WHERE is_applied").Scan(&version)
	return version.Int64, err
}

// migrationNames are the files of the migrations, oldest first.
func migrationNames() ([]string, error) { return fs.Glob(migrationFiles, "migrations/*.sql") }

// migrationVersion is the number in the name of a migration's file.
func migrationVersion(name string) (int64, error) {
	number, _, _ := strings.Cut(strings.TrimPrefix(name, "migrations/"), "_")
	version, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("database: migration %s has no number", name)
	}
	return version, nil
}

func latestMigration() (int64, error) {
	names, err := migrationNames()
	if err != nil || len(names) == 0 {
		return 0, err
	}
	return migrationVersion(names[len(names)-1])
}

// provider gives goose the migrations in this engine's words.
func (s *Store) provider() (*goose.Provider, error) {
	names, err := migrationNames()
	if err != nil {
		return nil, err
	}
	var migrations []*goose.Migration
	for _, name := range names {
		version, err := migrationVersion(name)
		if err != nil {
			return nil, err
		}
		text, err := readMigration(migrationFiles, name, s.engine)
		if err != nil {
			return nil, err
		}
		migrations = append(migrations, goose.NewGoMigration(version, &goose.GoFunc{RunTx: func(ctx context.Context, tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, text)
			return err
		}}, nil))
	}
	dialect, options := goose.DialectSQLite3, []goose.ProviderOption{goose.WithGoMigrations(migrations...), goose.WithDisableGlobalRegistry(true)}
	if s.engine == Postgres {
		dialect = goose.DialectPostgres
		locker, err := lock.NewPostgresSessionLocker()
		if err != nil {
			return nil, err
		}
		options = append(options, goose.WithSessionLocker(locker))
	}
	return goose.NewProvider(dialect, s.write, nil, options...)
}
