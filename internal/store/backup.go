package store

import (
	"bufio"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// A backup is the same on both engines and restores into either: gzip of lines of JSON. The first is a backupHeader;
// then comes for each table its head and each of its rows as an array of its columns; the last is a backupTrailer.
// A value is null, a number, a string, or bytes in an object, see appendValue.

// backupFormat is the version of that format.
const backupFormat = 1

// backupTables are all tables of the schema, each after those that it refers to.
var backupTables = []string{
	"installation", "id_counter", "merchant", "merchant_domain", "merchant_key", "redirect_url", "merchant_brand",
	"merchant_origin", "receiving_account", "wallet", "wallet_merchant", "assignment", "source", "sender_header", "conversion_rate",
	"reference", "evidence", "transfer", "disputed_transfer", "claim", "deposit", "ledger_account", "posting", "balance_delta", "transition",
	"endpoint", "postback", "postback_attempt", "event_new", "event_feed", "event",
	"operator", "rail", "audit_log", "audit_head", "withdrawal", "withdrawal_refusal", "withdrawal_approval", "withdrawal_answer", "withdrawal_resolution", "adjustment",
	"payout_batch", "payout_batch_item", "payout_report", "ifsc_table",
}

// ErrBackup: a backup can't be read: it is cut off, was changed, or is none.
var ErrBackup = errors.New("backup can't be read")

// BackupInfo is what a backup tells of itself. SHA256 is of its lines and known once all of them are written or read.
type BackupInfo struct {
	Schema   int64
	Engine   Engine // that it was made from
	MadeAt   time.Time
	KeyCheck string // which key opens its secrets, see keyring.Verify
	Rows     int64
	SHA256   string
}

type backupHeader struct {
	Format   int    `json:"galla_backup"`
	Schema   int64  `json:"schema"`
	Engine   Engine `json:"engine"`
	MadeAt   int64  `json:"made_at"`
	KeyCheck string `json:"key_check"`
	Rows     int64  `json:"rows"`
}

type tableHead struct {
	Table   string   `json:"table"`
	Columns []string `json:"columns"`
}

type backupTrailer struct {
	Rows   int64  `json:"rows"`
	SHA256 string `json:"sha256"` // of every byte of the lines above
}

// Backup writes everything that is stored, as of one moment, beside whatever reads and writes meanwhile. progress, which
// may be nil, is told how many of how many rows are written.
func (s *Store) Backup(ctx context.Context, w io.Writer, now time.Time, progress func(done, total int64)) (BackupInfo, error) {
	// One snapshot: a reader's transaction is one on SQLite as it is; PostgreSQL is asked for it.
	options := &sql.TxOptions{ReadOnly: true}
	if s.engine == Postgres {
		options.Isolation = sql.LevelRepeatableRead
	}
	tx, err := s.read.BeginTx(ctx, options)
	if err != nil {
		return BackupInfo{}, fmt.Errorf("backup: %w", classify(err, false))
	}
	defer func() { _ = tx.Rollback() }() // it only read
	b := &backupWriter{ctx: ctx, tx: tx, hash: sha256.New(), progress: progress}
	b.zip = gzip.NewWriter(w)
	b.lines = bufio.NewWriterSize(io.MultiWriter(b.zip, b.hash), 1<<16)
	info, err := b.write(BackupInfo{Engine: s.engine, MadeAt: now.UTC()})
	if err != nil {
		return info, fmt.Errorf("backup: %w", err)
	}
	return info, nil
}

type backupWriter struct {
	ctx      context.Context
	tx       *sql.Tx
	zip      *gzip.Writer
	hash     hash.Hash
	lines    *bufio.Writer
	progress func(done, total int64)
	done     int64
	total    int64
}

func (b *backupWriter) write(info BackupInfo) (BackupInfo, error) {
	var keyCheck sql.NullString
	if err := b.tx.QueryRowContext(b.ctx, "SELECT max(version_id) FROM goose_db_version WHERE is_applied").Scan(&info.Schema); err != nil {
		return info, fmt.Errorf("read schema version: %w", err)
	}
	if err := b.tx.QueryRowContext(b.ctx, "SELECT max(key_check) FROM installation").Scan(&keyCheck); err != nil {
		return info, fmt.Errorf("read installation: %w", err)
	}
	for _, table := range backupTables {
		var rows int64
		if err := b.tx.QueryRowContext(b.ctx, "SELECT count(*) FROM "+table).Scan(&rows); err != nil {
			return info, fmt.Errorf("count %s: %w", table, err)
		}
		b.total += rows
	}
	info.KeyCheck, info.Rows = keyCheck.String, b.total
	if err := b.line(backupHeader{backupFormat, info.Schema, info.Engine, info.MadeAt.UnixMicro(), info.KeyCheck, info.Rows}); err != nil {
		return info, err
	}
	for _, table := range backupTables {
		if err := b.table(table); err != nil {
			return info, fmt.Errorf("%s: %w", table, err)
		}
	}
	if err := b.lines.Flush(); err != nil {
		return info, err
	}
	info.SHA256 = hex.EncodeToString(b.hash.Sum(nil))
	return info, errors.Join(b.line(backupTrailer{b.done, info.SHA256}), b.lines.Flush(), b.zip.Close())
}

func (b *backupWriter) line(v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = b.lines.Write(append(text, '\n'))
	return err
}

func (b *backupWriter) table(table string) error {
	rows, err := b.tx.QueryContext(b.ctx, "SELECT * FROM "+table)
	if err != nil {
		return err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	if err := b.line(tableHead{table, columns}); err != nil {
		return err
	}
	values, targets := make([]any, len(columns)), make([]any, len(columns))
	for i := range values {
		targets[i] = &values[i]
	}
	var line []byte
	for rows.Next() {
		if err := rows.Scan(targets...); err != nil {
			return err
		}
		line = append(line[:0], '[')
		for i, value := range values {
			if i > 0 {
				line = append(line, ',')
			}
			if line, err = appendValue(line, value); err != nil {
				return fmt.Errorf("%s: %w", columns[i], err)
			}
		}
		if _, err := b.lines.Write(append(line, "]\n"...)); err != nil {
			return err
		}
		b.count()
	}
	return rows.Err()
}

// progressStep is how many rows pass between two reports of progress.
const progressStep = 1000

func (b *backupWriter) count() {
	b.done++
	if b.progress != nil && (b.done%progressStep == 0 || b.done == b.total) {
		b.progress(b.done, b.total)
	}
}

// bytesValue is how a value is written that isn't text in UTF-8. Text is a text that isn't: SQLite would keep one.
type bytesValue struct {
	Bytes *string `json:"bytes,omitempty"`
	Text  *string `json:"text,omitempty"`
}

func appendValue(line []byte, value any) ([]byte, error) {
	switch v := value.(type) {
	case nil:
		return append(line, "null"...), nil
	case int64:
		return strconv.AppendInt(line, v, 10), nil
	case []byte:
		return appendBytes(line, "bytes", v), nil
	case string:
		if !utf8.ValidString(v) {
			return appendBytes(line, "text", []byte(v)), nil
		}
		text, err := json.Marshal(v)
		return append(line, text...), err
	}
	return nil, fmt.Errorf("a value of type %T", value)
}

func appendBytes(line []byte, kind string, v []byte) []byte {
	line = append(line, `{"`+kind+`":"`...)
	line = base64.StdEncoding.AppendEncode(line, v)
	return append(line, `"}`...)
}

// readValue is the other way of appendValue.
func readValue(text json.RawMessage) (any, error) {
	switch {
	case len(text) == 0:
		return nil, errors.New("no value")
	case string(text) == "null":
		return nil, nil
	case text[0] == '"':
		var s string
		err := json.Unmarshal(text, &s)
		return s, err
	case text[0] != '{':
		return strconv.ParseInt(string(text), 10, 64)
	}
	var v bytesValue
	if err := json.Unmarshal(text, &v); err != nil {
		return nil, err
	}
	switch {
	case v.Bytes != nil:
		return base64.StdEncoding.DecodeString(*v.Bytes)
	case v.Text != nil:
		plain, err := base64.StdEncoding.DecodeString(*v.Text)
		return string(plain), err
	}
	return nil, errors.New("an object that is no value")
}

// insertText is the statement that inserts n rows. SQLite's driver is told nothing by the number of an argument but loses
// much time with it.
func insertText(engine Engine, head tableHead, n int) string {
	var text strings.Builder
	fmt.Fprintf(&text, "INSERT INTO %s (%s) VALUES ", head.Table, strings.Join(head.Columns, ", "))
	argument := 0
	for row := range n {
		if row > 0 {
			text.WriteString(", ")
		}
		for column := range head.Columns {
			text.WriteString(map[bool]string{true: "(", false: ", "}[column == 0])
			if argument++; engine == SQLite {
				text.WriteString("?")
			} else {
				text.WriteString("$" + strconv.Itoa(argument))
			}
		}
		text.WriteString(")")
	}
	return text.String()
}
