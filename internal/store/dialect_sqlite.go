package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
	"modernc.org/sqlite"
)

const (
	// sqliteBusy bounds the wait for another process's write transaction; the turnstile makes it rare.
	sqliteBusy = "10000"
	// sqliteReaders is the read-only pool: more readers than cores only fight for the page cache.
	sqliteReaders = 4
	// sqliteCache is the page cache of the writing connection, in bytes.
	sqliteCache = 32 << 20
	// sqliteReaderCache is that of each reading one. It is thrown away whenever something was written since, page by
	// page, so a large one costs more than it saves.
	sqliteReaderCache = 2 << 20
)

func init() {
	// decode(text, 'hex') is PostgreSQL's; bytes travel in a JSON batch as hex.
	sqlite.MustRegisterDeterministicScalarFunction("decode", 2, func(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
		text, ok := args[0].(string)
		if !ok {
			if args[0] == nil {
				return nil, nil
			}
			return nil, fmt.Errorf("decode: expected text, got %T", args[0])
		}
		return hex.DecodeString(text)
	})
}

func (s *Store) openSQLite(ctx context.Context, path string, access Access, opts Options) error {
	if access != Create {
		if info, err := os.Stat(path); err != nil || info.IsDir() {
			return fmt.Errorf("%w at %s", ErrMissing, path)
		}
	} else if err := makeFile(path); err != nil {
		return err
	}
	if opts.Exclusive {
		lock, err := lockFile(path + ".lock")
		if err != nil {
			return err
		}
		s.lock = lock
	}
	turn, err := newTurnstile(path + ".turn")
	if err != nil {
		return err
	}
	s.turn = turn
	synchronous := opts.SQLiteSynchronous
	if synchronous == "" {
		synchronous = "FULL"
	}
	autoCheckpoint := ownCheckpoint
	if opts.Exclusive {
		autoCheckpoint = lastCheckpoint
	}
	s.write, err = openSQLiteDB(path, synchronous, autoCheckpoint, false)
	if err != nil {
		return err
	}
	s.write.SetMaxOpenConns(1)
	conn, err := s.write.Conn(ctx)
	if err != nil {
		return fmt.Errorf("database: open %s: %w", path, err)
	}
	if s.writer, err = newSession(ctx, conn); err != nil {
		return err
	}
	s.read, err = openSQLiteDB(path, synchronous, autoCheckpoint, true)
	if err != nil {
		return err
	}
	s.read.SetMaxOpenConns(sqliteReaders)
	s.read.SetMaxIdleConns(sqliteReaders)
	s.readStmt = newStatements(s.read)
	if opts.Exclusive {
		return s.startCheckpointer(path, synchronous)
	}
	return nil
}

// makeFile makes an empty database that nobody but its owner reads, if there is none: SQLite itself would go by the
// umask. Its other files (-wal, -shm) take the mode of this one.
func makeFile(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("database: make folder: %w", err)
	}
	// One that is there isn't even opened: to close it again would free the locks of another store in this process.
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("database: make file: %w", err)
	}
	return f.Close()
}

func openSQLiteDB(path, synchronous, autoCheckpoint string, readOnly bool) (*sql.DB, error) {
	cache := sqliteCache
	if readOnly {
		cache = sqliteReaderCache
	}
	// Busy timeout first: the pragmas behind it may already have to wait.
	q := url.Values{"_pragma": {
		"busy_timeout(" + sqliteBusy + ")", "journal_mode(WAL)", "synchronous(" + synchronous + ")",
		"foreign_keys(1)", "cache_size(" + strconv.Itoa(-cache>>10) + ")", "wal_autocheckpoint(" + autoCheckpoint + ")",
	}}
	if readOnly {
		q.Add("_pragma", "query_only(1)")
	}
	return sql.Open("sqlite", "file:"+path+"?"+q.Encode())
}

// lockFile takes the exclusive lock that names a running server. The kernel releases it when the process dies.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("database: lock file: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("%w (%s)", ErrLocked, path)
	}
	return f, nil
}

// turnstile makes processes take turns at BEGIN IMMEDIATE. SQLite's own busy handler polls, so beside a busy writer
// another process could starve; flock queues.
type turnstile struct{ f *os.File }

func newTurnstile(path string) (*turnstile, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("database: turnstile: %w", err)
	}
	return &turnstile{f}, nil
}

func (t *turnstile) enter() error {
	for {
		if err := unix.Flock(int(t.f.Fd()), unix.LOCK_EX); err != unix.EINTR {
			return err
		}
	}
}

func (t *turnstile) leave() error { return unix.Flock(int(t.f.Fd()), unix.LOCK_UN) }
func (t *turnstile) close() error { return t.f.Close() }

var (
	recordset = regexp.MustCompile(`json_to_recordset\(CAST\(\$(\d+) AS json\)\) AS (\w+)\(([^)]*)\)`)
	parameter = regexp.MustCompile(`\$(\d+)`)
	rowLock   = regexp.MustCompile(`(?i)\s+FOR UPDATE( OF \w+)?( SKIP LOCKED)?`)
	anyOf     = regexp.MustCompile(`(?s)= ANY\(ARRAY\((.*?)\n\)\)`)
)

// sqliteText swaps what SQLite spells otherwise: a batch becomes what source says, = ANY(ARRAY(…)) becomes IN (…), $n
// becomes ?n, and row locks go, because there is one writer.
func sqliteText(query string, source func(parameter, alias string, columns []string) string) string {
	text := recordset.ReplaceAllStringFunc(query, func(match string) string {
		part := recordset.FindStringSubmatch(match)
		return source("$"+part[1], part[2], columnNames(part[3]))
	})
	text = anyOf.ReplaceAllString(rowLock.ReplaceAllString(text, ""), "IN ($1)")
	return parameter.ReplaceAllString(text, "?$1")
}

func columnNames(definitions string) []string {
	var names []string
	for _, column := range strings.Split(definitions, ",") {
		name, _, _ := strings.Cut(strings.TrimSpace(column), " ")
		names = append(names, name)
	}
	return names
}

// fromJSON reads a batch from its JSON text.
func fromJSON(parameter, alias string, columns []string) string {
	list := make([]string, len(columns))
	for i, name := range columns {
		list[i] = "value ->> '" + name + "' AS " + name
	}
	return "(SELECT " + strings.Join(list, ", ") + " FROM json_each(" + parameter + ")) AS " + alias
}

// fromTable reads a batch in place, see Batch.
func fromTable(parameter, alias string, columns []string) string {
	list := make([]string, len(columns))
	for i, name := range columns {
		list[i] = fmt.Sprintf("c%d AS %s", i, name)
	}
	return "(SELECT " + strings.Join(list, ", ") + " FROM temp.batch WHERE handle = " + parameter + ") AS " + alias
}

// batchColumnsOf names the columns that a statement takes from its batch, nil when it takes none.
func batchColumnsOf(query string) []string {
	if part := recordset.FindStringSubmatch(query); part != nil {
		return columnNames(part[3])
	}
	return nil
}

var (
	sqliteTypes = strings.NewReplacer(" bigint", " INTEGER", " smallint", " INTEGER", " bytea", " BLOB", " text", " TEXT", "\n);", "\n) STRICT;")
	// fillFactor leaves room in a page for the next version of a row, which only PostgreSQL keeps.
	fillFactor = regexp.MustCompile(`\) WITH \(fillfactor = \d+\);`)
)

// sqliteSchema swaps the types of a migration and makes its tables STRICT.
func sqliteSchema(text string) string {
	return sqliteTypes.Replace(fillFactor.ReplaceAllString(text, ");"))
}

func readMigration(files fs.FS, name string, engine Engine) (string, error) {
	text, err := fs.ReadFile(files, name)
	if err != nil {
		return "", err
	}
	up, _, _ := strings.Cut(string(text), "-- +goose Down")
	if engine == SQLite {
		return sqliteSchema(up), nil
	}
	return up, nil
}
