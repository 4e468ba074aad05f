package store

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// pgConnLifetime renews connections, so that a failed-over server is left within minutes.
const pgConnLifetime = 30 * time.Minute

func (s *Store) openPostgres(dsn string, opts Options) error {
	writer, err := pgConfig(dsn)
	if err != nil {
		return err
	}
	byIndex(writer)
	// An instance that froze in a transaction loses its locks, and who waits for them tries again.
	writer.RuntimeParams["idle_in_transaction_session_timeout"] = "15000"
	writer.RuntimeParams["lock_timeout"] = "4000"
	writer.RuntimeParams["plan_cache_mode"] = "force_generic_plan"
	reader, err := pgConfig(dsn)
	if err != nil {
		return err
	}
	conns := opts.MaxConns
	if conns == 0 {
		conns = DefaultMaxConns
	}
	s.memory = openMemory()
	s.write = stdlib.OpenDB(*writer, stdlib.OptionAfterConnect(syncCommits))
	s.write.SetMaxOpenConns(max(2, conns/2))
	s.write.SetMaxIdleConns(max(2, conns/2))
	s.write.SetConnMaxLifetime(pgConnLifetime)
	s.read = stdlib.OpenDB(*reader)
	s.read.SetMaxOpenConns(max(2, conns-conns/2))
	s.read.SetMaxIdleConns(max(2, conns-conns/2))
	s.read.SetConnMaxLifetime(pgConnLifetime)
	return nil
}

// byIndex makes every statement look the rows of a set up by index. The planner, which knows nothing of a batch and little of
// young tables, would sometimes read a whole table or index to join it: leave it one way.
func byIndex(config *pgx.ConnConfig) {
	for _, other := range []string{"enable_seqscan", "enable_hashjoin", "enable_mergejoin", "enable_bitmapscan"} {
		config.RuntimeParams[other] = "off"
	}
	config.RuntimeParams["jit"] = "off" // a plan that was left no choice looks dear enough for it
	config.RuntimeParams["random_page_cost"] = "1"
}

// openPostgresApart opens connections beside the pools, which can't write.
func openPostgresApart(dsn string) (*sql.DB, error) {
	config, err := pgConfig(dsn)
	if err != nil {
		return nil, err
	}
	byIndex(config)
	config.RuntimeParams["default_transaction_read_only"] = "on"
	return stdlib.OpenDB(*config), nil
}

// syncCommits makes commits durable where the server's default would acknowledge them before. A stronger default stays.
func syncCommits(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'")
	return err
}

// Sessions of a Galla that has just ended are still seen for a moment: so many looks, so far apart, tell them from others.
const (
	inUseLooks = 40
	inUseEvery = 50 * time.Millisecond
)

// InUse reports whether another Galla is connected to a PostgreSQL database now, and stays. A restore must not run beside
// a server: that one has ids in reserve that the restore brings back. On SQLite the lock file says it (Options.Exclusive).
func InUse(ctx context.Context, database string) (bool, error) {
	engine, dsn, err := Parse(database)
	if err != nil || engine != Postgres {
		return false, err
	}
	config, err := pgConfig(dsn)
	if err != nil {
		return false, err
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return false, classify(err, false)
	}
	defer conn.Close(ctx)
	for look := 1; ; look++ {
		var used bool
		err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "+
			"AND application_name = current_setting('application_name'))").Scan(&used)
		if err != nil || !used || look == inUseLooks {
			return used && err == nil, classify(err, false)
		}
		time.Sleep(inUseEvery)
	}
}

// A machine that is gone refuses nothing: without these a connection to it would be waited on for a quarter of an hour.
const (
	// pgUnanswered is how long the server's machine may leave what it was sent, or a probe, unacknowledged.
	pgUnanswered = 10 * time.Second
	// A connection on which the server says nothing is probed after pgProbeIdle, and every pgProbeEvery from then on.
	pgProbeIdle  = 5 * time.Second
	pgProbeEvery = 2 * time.Second
	pgProbes     = 3
)

// dialPostgres connects as pgx would, and notices soon when the other machine has died.
func dialPostgres(ctx context.Context, network, address string) (net.Conn, error) {
	dialer := net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: pgProbeIdle, Interval: pgProbeEvery, Count: pgProbes}}
	if strings.HasPrefix(network, "tcp") {
		dialer.Control = func(_, _ string, raw syscall.RawConn) error {
			var err error
			controlErr := raw.Control(func(fd uintptr) {
				err = boundUnanswered(fd, pgUnanswered)
			})
			return errors.Join(controlErr, err)
		}
	}
	return dialer.DialContext(ctx, network, address)
}

func pgConfig(dsn string) (*pgx.ConnConfig, error) {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, errors.New("database: GALLA_DATABASE isn't a valid postgres:// URL")
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = 5 * time.Second
	}
	config.DialFunc = dialPostgres
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "galla"
	}
	return config, nil
}

func isNetwork(err error) bool {
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// Clock is the time of the PostgreSQL server, which all instances share.
func Clock(ctx context.Context, q *Queries) (time.Time, error) {
	var us int64
	err := q.db.QueryRowContext(ctx, "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint)").Scan(&us)
	return time.UnixMicro(us).UTC(), err
}
