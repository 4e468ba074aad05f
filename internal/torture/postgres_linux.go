package torture

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// superuser owns the server; nobody else reaches its socket or its network.
	superuser = "galla"
	// startLimit bounds a start of anything, recovery from its log included.
	startLimit = 60 * time.Second
)

// server is a PostgreSQL server of a campaign's own.
type server struct {
	bin, data, sockets string
	settings           []string
	owner              *syscall.Credential
	address            string   // its address when it is reached over a network
	prefix             []string // the command that runs it elsewhere
	command            *exec.Cmd
	ended              chan struct{}
	logFile            string
}

// postgresPrograms finds the folder of initdb and postgres.
func postgresPrograms() (string, error) {
	if initdb, err := exec.LookPath("initdb"); err == nil {
		if real, err := filepath.EvalSymlinks(initdb); err == nil {
			if _, err := os.Stat(filepath.Join(filepath.Dir(real), "postgres")); err == nil {
				return filepath.Dir(real), nil
			}
		}
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(found) == 0 {
		return "", errors.New("no PostgreSQL server (initdb, postgres)")
	}
	return filepath.Dir(found[len(found)-1]), nil
}

// serverOwner is whom the server runs as: not root, which it refuses.
func serverOwner() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	found, err := user.Lookup("postgres")
	if err != nil {
		return nil, errors.New("no user postgres, and the server refuses to run as root")
	}
	uid, uidErr := strconv.ParseUint(found.Uid, 10, 32)
	gid, gidErr := strconv.ParseUint(found.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, errors.Join(uidErr, gidErr)
}

// newServer makes a server whose data lies in folder; its socket and log are in a place without faults.
func newServer(ctx context.Context, folder, elsewhere string, settings ...string) (*server, error) {
	bin, err := postgresPrograms()
	if err != nil {
		return nil, err
	}
	owner, err := serverOwner()
	if err != nil {
		return nil, err
	}
	s := &server{
		bin: bin, data: filepath.Join(folder, "data"), sockets: filepath.Join(elsewhere, "pg"), owner: owner,
		logFile: filepath.Join(elsewhere, "postgres.log"),
		settings: append([]string{
			"max_connections=60", "shared_buffers=16MB", "max_wal_size=64MB", "min_wal_size=32MB", "checkpoint_timeout=30s",
			"fsync=on", "full_page_writes=on", "restart_after_crash=on",
		}, settings...),
	}
	for _, path := range []string{s.data, s.sockets} {
		if err := os.Mkdir(path, 0o700); err != nil {
			return nil, err
		}
		if owner != nil {
			if err := os.Chown(path, int(owner.Uid), int(owner.Gid)); err != nil {
				return nil, err
			}
		}
	}
	init := exec.CommandContext(ctx, filepath.Join(bin, "initdb"), "-D", s.data, "-U", superuser, "--auth=trust", "--encoding=UTF8", "--no-locale")
	init.Dir, init.SysProcAttr = "/", &syscall.SysProcAttr{Credential: owner}
	if output, err := init.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w\n%s", err, output)
	}
	return s, nil
}

// dsn is the address of a database.
func (s *server) dsn(database string) string {
	query, host := url.Values{"user": {superuser}}, s.address
	if host == "" {
		query.Set("host", s.sockets)
	} else {
		query.Set("connect_timeout", "5")
	}
	return (&url.URL{Scheme: "postgres", Host: host, Path: "/" + database, RawQuery: query.Encode()}).String()
}

// start starts the server and returns when it answers.
func (s *server) start(ctx context.Context) error {
	arguments := append(append([]string{}, s.prefix...), filepath.Join(s.bin, "postgres"), "-D", s.data)
	host, _, _ := strings.Cut(s.address, ":")
	for _, setting := range append([]string{"listen_addresses=" + host, "unix_socket_directories=" + s.sockets}, s.settings...) {
		arguments = append(arguments, "-c", setting)
	}
	log, err := os.OpenFile(s.logFile, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	s.command = exec.Command(arguments[0], arguments[1:]...)
	s.command.Dir, s.command.Stdout, s.command.Stderr = "/", log, log
	s.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if len(s.prefix) == 0 {
		s.command.SysProcAttr.Credential = s.owner
	}
	if err := s.command.Start(); err != nil {
		return fmt.Errorf("postgres: %w", err)
	}
	s.ended = make(chan struct{})
	go func(command *exec.Cmd, ended chan struct{}) {
		_ = command.Wait() // how it ended is in its log
		close(ended)
	}(s.command, s.ended)
	return s.await(ctx)
}

// await returns when the server answers.
func (s *server) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, s.dsn("postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-s.ended:
			return fmt.Errorf("postgres ended by itself:\n%s", tail(s.logFile))
		case <-ctx.Done():
			return fmt.Errorf("postgres doesn't answer: %w\n%s", err, tail(s.logFile))
		case <-time.After(4 * pollEvery):
		}
	}
}

// runs tells whether the postmaster lives.
func (s *server) runs() bool {
	if s.command == nil {
		return false
	}
	select {
	case <-s.ended:
		return false
	default:
		return true
	}
}

// crash kills every process of the server at one moment, more or less: the postmaster is stopped first, so that it starts no more.
func (s *server) crash() {
	if s.command == nil {
		return
	}
	pid := s.command.Process.Pid
	_ = syscall.Kill(pid, syscall.SIGSTOP)
	orphans := children(pid)
	killAll(orphans...)
	_ = syscall.Kill(pid, syscall.SIGKILL)
	<-s.ended
	reap(orphans...)
}

// behead kills the postmaster alone. Its children notice and end.
func (s *server) behead() {
	pid := s.command.Process.Pid
	orphans := children(pid)
	_ = syscall.Kill(pid, syscall.SIGKILL)
	<-s.ended
	for _, orphan := range orphans {
		for began := 0; lives(orphan); began++ {
			if time.Sleep(pollEvery); began > 2000 {
				killAll(orphan)
			}
		}
	}
	reap(orphans...)
}

// quit is an immediate stop: no checkpoint.
func (s *server) quit() {
	_ = s.command.Process.Signal(syscall.SIGQUIT)
	select {
	case <-s.ended:
	case <-time.After(endLimit):
		s.crash()
	}
}

// backends are the processes that serve galla; inCommit are those that are at a COMMIT.
func (s *server) backends(ctx context.Context) (all, inCommit []int, err error) {
	conn, err := pgx.Connect(ctx, s.dsn("postgres"))
	if err != nil {
		return nil, nil, err
	}
	defer conn.Close(ctx)
	rows, err := conn.Query(ctx, "SELECT pid, state = 'active' AND query ILIKE 'commit%' FROM pg_stat_activity WHERE datname = 'galla' AND backend_type = 'client backend'")
	if err != nil {
		return nil, nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var pid int
		var committing bool
		if err := rows.Scan(&pid, &committing); err != nil {
			return nil, nil, err
		}
		all = append(all, pid)
		if committing {
			inCommit = append(inCommit, pid)
		}
	}
	return all, inCommit, rows.Err()
}

// execute runs one statement.
func (s *server) execute(ctx context.Context, database, statement string) error {
	conn, err := pgx.Connect(ctx, s.dsn(database))
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, statement)
	return errors.Join(err, conn.Close(ctx))
}

// tailBytes is how much of a log is quoted.
const tailBytes = 1500

// tail is the end of a log.
func tail(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-tailBytes):])
}

// trust adds a line to who may connect.
func (s *server) trust(line string) error {
	f, err := os.OpenFile(filepath.Join(s.data, "pg_hba.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(line)
	return errors.Join(err, f.Close())
}
