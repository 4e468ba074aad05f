// Package cluster runs a private PostgreSQL server for tests: a new data directory, a Unix socket and no TCP port.
// The server can't outlive the process that started it, however that process ends.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
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
	// superuser owns the server; the socket's folder, not a password, keeps others out.
	superuser = "galla"
	// maxConnections lets many tests run side by side, some of them with ten times more clients than connections.
	maxConnections = 400
	// startLimit bounds how long a server may take from its start to its first answer, crash recovery included.
	startLimit = 60 * time.Second
	// pollEvery is how often a starting server is asked whether it answers.
	pollEvery = 20 * time.Millisecond
	// logTail is how many bytes of the server's log an error quotes.
	logTail = 2000
)

// ErrNoBinaries says that PostgreSQL's server programs are not installed on this machine.
var ErrNoBinaries = errors.New("cluster: no initdb and postgres in PATH or in /usr/lib/postgresql/*/bin")

// watchdog is the parent of the server. It sits in read until its stdin closes, which the kernel does when the process
// at the other end is gone, also after kill -9. It then ends the server at once (SIGQUIT: no checkpoint, the data is
// thrown away anyway) and deletes the folder, unless the line it read says that the data is needed again.
const watchdog = `
PATH=$PATH:/usr/bin:/bin # a test may have emptied it
postgres=$1 dir=$2
shift 2
"$postgres" -D "$dir/data" "$@" >"$dir/log" 2>&1 &
server=$!
order=end
read -r order || order=end
kill -QUIT "$server" 2>/dev/null
wait "$server"
[ "$order" = keep ] || rm -rf "$dir"
`

// Options choose how a server is started.
type Options struct {
	// Durable keeps fsync and full-page writes on, as in production. Tests of rules need neither and run faster without;
	// tests that crash the server need both. synchronous_commit is on in either case.
	Durable bool
}

// Cluster is one running PostgreSQL server with its data directory. Its methods are not for concurrent use.
type Cluster struct {
	dir      string
	postgres string
	settings []string
	owner    *syscall.SysProcAttr
	stdin    io.WriteCloser
	parent   *exec.Cmd
}

// Start makes a data directory, starts a server on it and returns when the server answers, after about a second.
func Start(ctx context.Context, options Options) (*Cluster, error) {
	bin, err := binaries()
	if err != nil {
		return nil, err
	}
	// A socket's path is limited to 107 bytes, so the folder can't be a test's own, deep one.
	dir, err := os.MkdirTemp("/tmp", "galla-pg-")
	if err != nil {
		return nil, fmt.Errorf("cluster: folder: %w", err)
	}
	c := &Cluster{dir: dir, postgres: filepath.Join(bin, "postgres"), settings: settings(dir, options)}
	if err := c.init(ctx, filepath.Join(bin, "initdb")); err != nil {
		_ = os.RemoveAll(dir)
		return nil, err
	}
	if err := c.Restart(ctx); err != nil {
		return nil, err
	}
	return c, nil
}

// DSN is the address of the named database as a URL that pgx and libpq both read.
func (c *Cluster) DSN(database string) string {
	query := url.Values{"host": {c.dir}, "user": {superuser}}
	return (&url.URL{Scheme: "postgres", Path: "/" + database, RawQuery: query.Encode()}).String()
}

// Crash ends the server at once, as a crash of all its processes would: no checkpoint, open transactions lost, recovery
// from the write-ahead log at the next Restart. It returns when no process is left.
func (c *Cluster) Crash() error {
	return c.end("keep\n")
}

// Restart starts the server again after Crash and returns when it answers.
func (c *Cluster) Restart(ctx context.Context) error {
	if c.parent != nil {
		return errors.New("cluster: the server is running already")
	}
	// await reads the log to see whether the server gave up; what an earlier start wrote must not count.
	if err := os.RemoveAll(filepath.Join(c.dir, "log")); err != nil {
		return fmt.Errorf("cluster: log: %w", err)
	}
	arguments := append([]string{"-c", watchdog, "watchdog", c.postgres, c.dir}, c.settings...)
	parent := exec.Command("/bin/sh", arguments...)
	parent.Dir = c.dir
	parent.SysProcAttr = c.owner
	stdin, err := parent.StdinPipe()
	if err != nil {
		return fmt.Errorf("cluster: watchdog: %w", err)
	}
	if err := parent.Start(); err != nil {
		return fmt.Errorf("cluster: watchdog: %w", err)
	}
	c.parent, c.stdin = parent, stdin
	if err := c.await(ctx); err != nil {
		log := c.logTail()
		return errors.Join(fmt.Errorf("cluster: server did not start: %w\n%s", err, log), c.Stop())
	}
	return nil
}

// Stop ends the server and deletes its data. It returns when no process is left.
func (c *Cluster) Stop() error {
	if c.parent == nil {
		return os.RemoveAll(c.dir)
	}
	return c.end("")
}

// end gives the watchdog its last order and waits for it.
func (c *Cluster) end(order string) error {
	if c.parent == nil {
		return errors.New("cluster: the server is not running")
	}
	_, writeErr := io.WriteString(c.stdin, order)
	err := errors.Join(writeErr, c.stdin.Close(), c.parent.Wait())
	c.parent, c.stdin = nil, nil
	if err != nil {
		return fmt.Errorf("cluster: end: %w", err)
	}
	return nil
}

// init fills the data directory.
func (c *Cluster) init(ctx context.Context, initdb string) error {
	// A process group of its own: Ctrl-C on a terminal reaches the tests, and their end reaches the server.
	c.owner = &syscall.SysProcAttr{Setpgid: true}
	if os.Geteuid() == 0 {
		credential, err := serverUser()
		if err != nil {
			return err
		}
		c.owner.Credential = credential
		if err := os.Chown(c.dir, int(credential.Uid), int(credential.Gid)); err != nil {
			return fmt.Errorf("cluster: folder: %w", err)
		}
	}
	command := exec.CommandContext(ctx, initdb, "-D", filepath.Join(c.dir, "data"), "-U", superuser,
		"--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync")
	command.Dir = c.dir
	command.SysProcAttr = c.owner
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("cluster: initdb: %w\n%s", err, output)
	}
	return nil
}

// await returns when the server answers.
func (c *Cluster) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	for {
		conn, err := pgx.Connect(ctx, c.DSN("postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		if c.gaveUp() {
			return errors.New("it ended by itself")
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			return err
		}
	}
}

// gaveUp tells whether the server has written why it can't start and has removed its pid file, which it does last.
func (c *Cluster) gaveUp() bool {
	_, err := os.Stat(filepath.Join(c.dir, "data", "postmaster.pid"))
	return errors.Is(err, os.ErrNotExist) && strings.Contains(c.logTail(), "FATAL:")
}

// logTail returns the end of the server's log.
func (c *Cluster) logTail() string {
	log, err := os.ReadFile(filepath.Join(c.dir, "log"))
	if err != nil {
		return err.Error()
	}
	return string(log[max(0, len(log)-logTail):])
}

// settings are the server's command line after the data directory.
func settings(dir string, options Options) []string {
	values := []string{
		"listen_addresses=",
		"unix_socket_directories=" + dir,
		"unix_socket_permissions=0777", // the tests may run as another user; the folder is the fence
		"max_connections=" + strconv.Itoa(maxConnections),
		"synchronous_commit=on",
	}
	if !options.Durable {
		values = append(values, "fsync=off", "full_page_writes=off")
	}
	var arguments []string
	for _, value := range values {
		arguments = append(arguments, "-c", value)
	}
	return arguments
}

// serverUser is whom the server runs as when the tests run as root, which PostgreSQL refuses to be.
func serverUser() (*syscall.Credential, error) {
	found, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("cluster: the tests run as root, so the server needs the user postgres: %w", err)
	}
	uid, uidErr := strconv.ParseUint(found.Uid, 10, 32)
	gid, gidErr := strconv.ParseUint(found.Gid, 10, 32)
	if err := errors.Join(uidErr, gidErr); err != nil {
		return nil, fmt.Errorf("cluster: user postgres: %w", err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

// binaries finds the folder of initdb and postgres: the one in PATH, else Debian's folder of the newest version.
func binaries() (string, error) {
	if initdb, err := exec.LookPath("initdb"); err == nil {
		// The link in PATH may stand alone; the server's other programs are beside the real file.
		if real, err := filepath.EvalSymlinks(initdb); err == nil && isProgram(filepath.Join(filepath.Dir(real), "postgres")) {
			return filepath.Dir(real), nil
		}
	}
	best, bestVersion := "", -1
	installed, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if err != nil {
		return "", fmt.Errorf("cluster: %w", err)
	}
	for _, postgres := range installed {
		bin := filepath.Dir(postgres)
		version, err := strconv.Atoi(filepath.Base(filepath.Dir(bin)))
		if err == nil && version > bestVersion && isProgram(postgres) && isProgram(filepath.Join(bin, "initdb")) {
			best, bestVersion = bin, version
		}
	}
	if best == "" {
		return "", ErrNoBinaries
	}
	return best, nil
}

// isProgram tells whether the path is a file that may be run.
func isProgram(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0
}
