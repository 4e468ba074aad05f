package store

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"strings"
	"time"
)

const (
	// restoreRows is how many rows one statement inserts; times the widest table it stays below SQLite's 32,766 arguments.
	restoreRows = 200
	// maxBackupLine bounds one row of a backup in bytes: evidence is far smaller.
	maxBackupLine = 64 << 20
)

// ErrNotEmpty: a restore needs a database that holds nothing.
var ErrNotEmpty = errors.New("the database isn't empty")

// Backup is a backup that is being read.
type Backup struct {
	Info  BackupInfo
	lines *bufio.Reader
	hash  hash.Hash
	rows  int64
}

// OpenBackup reads the head of a backup. Its rows follow with Store.Restore.
func OpenBackup(r io.Reader) (*Backup, error) {
	zip, err := gzip.NewReader(r)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBackup, err)
	}
	b := &Backup{lines: bufio.NewReaderSize(zip, 1<<16), hash: sha256.New()}
	line, err := b.line()
	if err != nil {
		return nil, err
	}
	var head backupHeader
	if err := json.Unmarshal(line, &head); err != nil || head.Format == 0 {
		return nil, fmt.Errorf("%w: it doesn't begin as one", ErrBackup)
	}
	if head.Format != backupFormat {
		return nil, fmt.Errorf("%w: it was made by a newer galla (format %d, this one knows %d)", ErrBackup, head.Format, backupFormat)
	}
	b.hash.Write(line)
	b.Info = BackupInfo{
		Schema: head.Schema, Engine: head.Engine, MadeAt: time.UnixMicro(head.MadeAt).UTC(), KeyCheck: head.KeyCheck, Rows: head.Rows,
	}
	return b, nil
}

// line reads the next line with its end. A backup that is cut off has none.
func (b *Backup) line() ([]byte, error) {
	line, err := b.lines.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		long := bytes.Clone(line)
		for errors.Is(err, bufio.ErrBufferFull) && len(long) < maxBackupLine {
			line, err = b.lines.ReadSlice('\n')
			long = append(long, line...)
		}
		line = long
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBackup, err)
	}
	return line, nil
}

// Restore fills an empty database of the same schema with everything that is in the backup, in one transaction: all of
// it or nothing. finish runs at its end, before the commit. progress, which may be nil, is told how many of how many
// rows are in. ErrNotEmpty: the database holds something. ErrBackup: the backup was cut off or changed.
func (s *Store) Restore(ctx context.Context, b *Backup, finish func(context.Context, *Queries) error, progress func(done, total int64)) error {
	current, err := s.schemaVersion(ctx)
	switch {
	case err != nil:
		return classify(err, false)
	case b.Info.Schema > current:
		return fmt.Errorf("%w: the backup's schema is %d, this one knows %d", ErrNewerSchema, b.Info.Schema, current)
	case b.Info.Schema < current:
		return fmt.Errorf("the backup's schema is %d, this galla has %d: restore it with the galla that made it, then migrate", b.Info.Schema, current)
	}
	return s.wholly(ctx, func(tx DBTX) error {
		if err := emptied(ctx, tx); err != nil {
			return err
		}
		if err := b.load(ctx, s.engine, tx, progress); err != nil {
			return err
		}
		if finish == nil {
			return nil
		}
		return finish(ctx, New(tx))
	})
}

// wholly runs f in one transaction without the time limit of Write, for work that has the database to itself.
func (s *Store) wholly(ctx context.Context, f func(DBTX) error) error {
	if s.engine == Postgres {
		tx, err := s.write.BeginTx(ctx, nil)
		if err != nil {
			return classify(err, false)
		}
		if err := f(tx); err != nil {
			_ = tx.Rollback() // the connection is discarded when this fails
			return classify(err, false)
		}
		return classify(tx.Commit(), true)
	}
	s.writerMu.Lock()
	defer s.writerMu.Unlock()
	defer s.writer.release()
	if _, err := s.writer.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return classify(err, false)
	}
	if err := f(s.writer); err != nil {
		return s.rollback(ctx, err)
	}
	if _, err := s.writer.ExecContext(ctx, "COMMIT"); err != nil {
		return s.rollback(ctx, err)
	}
	return nil
}

// emptied checks that nothing is stored but what a migration writes, and takes that away.
func emptied(ctx context.Context, tx DBTX) error {
	for _, table := range backupTables {
		if table == "id_counter" || table == "installation" || table == "audit_head" {
			if _, err := tx.ExecContext(ctx, "DELETE FROM "+table); err != nil {
				return err
			}
			continue
		}
		var rows int64
		err := tx.QueryRowContext(ctx, "SELECT count(*) FROM (SELECT 1 FROM "+table+" LIMIT 1) AS t").Scan(&rows)
		if err != nil {
			return err
		}
		if rows > 0 {
			return fmt.Errorf("%w: it has a %s", ErrNotEmpty, strings.ReplaceAll(table, "_", " "))
		}
	}
	return nil
}

// load inserts the rows and checks at the end that none was lost or changed.
func (b *Backup) load(ctx context.Context, engine Engine, tx DBTX, progress func(done, total int64)) error {
	var table *tableLoader
	for {
		line, err := b.line()
		if err != nil {
			return err
		}
		if line[0] == '[' {
			if table == nil {
				return fmt.Errorf("%w: a row before its table", ErrBackup)
			}
			if err := table.add(line); err != nil {
				return err
			}
			b.hash.Write(line)
			b.rows++
			if progress != nil && (b.rows%progressStep == 0 || b.rows == b.Info.Rows) {
				progress(b.rows, b.Info.Rows)
			}
			continue
		}
		if table != nil {
			if err := table.flush(); err != nil {
				return err
			}
		}
		var end backupTrailer
		if err := json.Unmarshal(line, &end); err == nil && end.SHA256 != "" {
			return b.check(end)
		}
		b.hash.Write(line)
		if table, err = newTableLoader(ctx, engine, tx, line); err != nil {
			return err
		}
	}
}

func (b *Backup) check(end backupTrailer) error {
	b.Info.SHA256 = hex.EncodeToString(b.hash.Sum(nil))
	if end.SHA256 != b.Info.SHA256 || end.Rows != b.rows || b.Info.Rows != b.rows {
		return fmt.Errorf("%w: it was changed: %d rows with sum %s, expected %d with sum %s", ErrBackup, b.rows, b.Info.SHA256, end.Rows, end.SHA256)
	}
	if _, err := b.lines.ReadByte(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: it goes on after its end", ErrBackup) // or its own checksum is wrong
	}
	return nil
}

// tableLoader inserts the rows of one table, many with each statement.
type tableLoader struct {
	ctx    context.Context
	engine Engine
	tx     DBTX
	head   tableHead
	full   string // the statement for restoreRows rows
	values []any
	rows   int
}

func newTableLoader(ctx context.Context, engine Engine, tx DBTX, line []byte) (*tableLoader, error) {
	t := &tableLoader{ctx: ctx, engine: engine, tx: tx}
	if err := json.Unmarshal(line, &t.head); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBackup, err)
	}
	// Names become part of a statement: only those that the schema has.
	if !slices.Contains(backupTables, t.head.Table) {
		return nil, fmt.Errorf("%w: it has a table %q", ErrBackup, t.head.Table)
	}
	known, err := columnsOf(ctx, tx, t.head.Table)
	if err != nil {
		return nil, err
	}
	if !slices.Equal(slices.Sorted(slices.Values(known)), slices.Sorted(slices.Values(t.head.Columns))) {
		return nil, fmt.Errorf("%w: its table %s has other columns", ErrBackup, t.head.Table)
	}
	t.full = insertText(engine, t.head, restoreRows)
	return t, nil
}

func columnsOf(ctx context.Context, tx DBTX, table string) ([]string, error) {
	rows, err := tx.QueryContext(ctx, "SELECT * FROM "+table+" WHERE false")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	return columns, errors.Join(err, rows.Err())
}

func (t *tableLoader) add(line []byte) error {
	var row []json.RawMessage
	if err := json.Unmarshal(line, &row); err != nil || len(row) != len(t.head.Columns) {
		return fmt.Errorf("%w: a row of %s has %d values for %d columns", ErrBackup, t.head.Table, len(row), len(t.head.Columns))
	}
	for i, text := range row {
		value, err := readValue(text)
		if err != nil {
			return fmt.Errorf("%w: %s.%s: %w", ErrBackup, t.head.Table, t.head.Columns[i], err)
		}
		t.values = append(t.values, value)
	}
	if t.rows++; t.rows == restoreRows {
		return t.flush()
	}
	return nil
}

func (t *tableLoader) flush() error {
	if t.rows == 0 {
		return nil
	}
	statement := t.full
	if t.rows < restoreRows {
		statement = insertText(t.engine, t.head, t.rows)
	}
	_, err := t.tx.ExecContext(t.ctx, statement, t.values...)
	t.values, t.rows = t.values[:0], 0
	if err != nil {
		return fmt.Errorf("restore %s: %w", t.head.Table, err)
	}
	return nil
}
