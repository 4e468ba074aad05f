package main

import (
	"context"
	"errors"
	"fmt"
	"net"
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

// superuser owns the servers, which only this machine reaches.
const superuser = "galla"

// startLimit bounds how long a server may take until it answers, or takes over.
const startLimit = 60 * time.Second

// pair is a primary and its synchronous standby.
type pair struct {
	bin, folder string
	owner       *syscall.SysProcAttr
	ports       [2]string
	running     [2]*exec.Cmd
}

func startPair(ctx context.Context, folder, commits string) (p *pair, err error) {
	if commits != "on" && commits != "remote_apply" {
		return nil, errors.New("commits: expected on or remote_apply")
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if path, err := exec.LookPath("pg_basebackup"); err == nil && len(found) == 0 {
		found = []string{path}
	}
	if len(found) == 0 {
		return nil, errors.New("PostgreSQL's programs are not installed (apt-get install postgresql)")
	}
	p = &pair{bin: filepath.Dir(found[len(found)-1]), folder: filepath.Join(folder, "postgres")}
	if err := os.Mkdir(p.folder, 0o700); err != nil {
		return nil, err
	}
	if err := p.chooseOwner(folder); err != nil {
		return nil, err
	}
	for i := range p.ports {
		if p.ports[i], err = freePort(); err != nil {
			return nil, err
		}
	}
	defer func() {
		if err != nil {
			p.stop()
		}
	}()
	if err := p.program(ctx, "initdb", "-D", p.data(0), "-U", superuser, "--auth=trust", "--encoding=UTF8", "--no-locale"); err != nil {
		return nil, err
	}
	if err := p.serve(ctx, 0, commits); err != nil {
		return nil, err
	}
	if err := p.program(ctx, "pg_basebackup", "-D", p.data(1), "-R", "-X", "stream", "-c", "fast",
		"-d", "host=127.0.0.1 port="+p.ports[0]+" user="+superuser+" application_name=standby"); err != nil {
		return nil, err
	}
	if err := p.serve(ctx, 1, commits); err != nil {
		return nil, err
	}
	// Only the primary waits for the standby: once that has taken over, there is none that it could wait for.
	for _, statement := range []string{"CREATE DATABASE galla TEMPLATE template0", "ALTER SYSTEM SET synchronous_standby_names = 'standby'", "SELECT pg_reload_conf()"} {
		if err := p.execute(ctx, 0, statement); err != nil {
			return nil, err
		}
	}
	return p, p.await(ctx, "the standby is synchronous", func(ctx context.Context) error {
		return p.ask(ctx, 0, "SELECT 1 FROM pg_stat_replication WHERE application_name = 'standby' AND sync_state = 'sync'", new(int))
	})
}

// chooseOwner: PostgreSQL refuses to be root.
func (p *pair) chooseOwner(folder string) error {
	p.owner = &syscall.SysProcAttr{Pdeathsig: syscall.SIGQUIT}
	if os.Geteuid() != 0 {
		return nil
	}
	found, err := user.Lookup("postgres")
	if err != nil {
		return fmt.Errorf("this runs as root, so the servers need the user postgres: %w", err)
	}
	uid, err1 := strconv.Atoi(found.Uid)
	gid, err2 := strconv.Atoi(found.Gid)
	p.owner.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return errors.Join(err1, err2, os.Chmod(folder, 0o711), os.Chown(p.folder, uid, gid))
}

func (p *pair) data(i int) string {
	return filepath.Join(p.folder, [...]string{"primary", "standby"}[i])
}

// url names both servers, as GALLA_DATABASE would.
func (p *pair) url() string {
	return fmt.Sprintf("postgres://%s@127.0.0.1:%s,127.0.0.1:%s/galla?target_session_attrs=read-write", superuser, p.ports[0], p.ports[1])
}

func (p *pair) program(ctx context.Context, name string, args ...string) error {
	command := exec.CommandContext(ctx, filepath.Join(p.bin, name), args...)
	command.Dir, command.SysProcAttr = p.folder, p.owner
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", name, err, output)
	}
	return nil
}

func (p *pair) serve(ctx context.Context, i int, commits string) error {
	log, err := os.Create(filepath.Join(filepath.Dir(p.folder), filepath.Base(p.data(i))+".log"))
	if err != nil {
		return err
	}
	defer log.Close()
	command := exec.Command(filepath.Join(p.bin, "postgres"), "-D", p.data(i), "-p", p.ports[i], "-c", "listen_addresses=127.0.0.1",
		"-c", "unix_socket_directories=", "-c", "synchronous_commit="+commits, "-c", "wal_receiver_status_interval=1")
	command.Dir, command.SysProcAttr, command.Stdout, command.Stderr = p.folder, p.owner, log, log
	if err := command.Start(); err != nil {
		return err
	}
	p.running[i] = command
	return p.await(ctx, "a server answers", func(ctx context.Context) error { return p.ask(ctx, i, "SELECT 1", new(int)) })
}

func (p *pair) await(ctx context.Context, what string, try func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	for {
		err := try(ctx)
		if err == nil {
			return nil
		}
		if sleepErr := sleep(ctx, 20*time.Millisecond); sleepErr != nil {
			return fmt.Errorf("until %s: %w", what, errors.Join(sleepErr, err))
		}
	}
}

func (p *pair) connect(ctx context.Context, i int, database string) (*pgx.Conn, error) {
	return pgx.Connect(ctx, "postgres://"+superuser+"@127.0.0.1:"+p.ports[i]+"/"+database)
}

func (p *pair) ask(ctx context.Context, i int, query string, into any) error {
	conn, err := p.connect(ctx, i, "postgres")
	if err != nil {
		return err
	}
	return errors.Join(conn.QueryRow(ctx, query).Scan(into), conn.Close(ctx))
}

func (p *pair) execute(ctx context.Context, i int, statement string) error {
	conn, err := p.connect(ctx, i, "postgres")
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, statement)
	return errors.Join(err, conn.Close(ctx))
}

// kill ends all processes of the primary at once, as the end of its machine would.
func (p *pair) kill() error {
	postmaster := p.running[0].Process.Pid
	pids := []int{postmaster}
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return err
	}
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		_, rest, _ := strings.Cut(string(text), ") ")
		fields := strings.Fields(rest)
		if len(fields) > 1 && fields[1] == strconv.Itoa(postmaster) {
			if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path))); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	for _, pid := range pids {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			return err
		}
	}
	_ = p.running[0].Wait() // killed
	p.running[0] = nil
	return nil
}

// promote makes the standby the primary and returns when it takes writes.
func (p *pair) promote(ctx context.Context) error {
	if err := p.execute(ctx, 1, "SELECT pg_promote(false)"); err != nil {
		return err
	}
	return p.await(ctx, "the standby is primary", func(ctx context.Context) error {
		return p.ask(ctx, 1, "SELECT 1 WHERE NOT pg_is_in_recovery()", new(int))
	})
}

func (p *pair) stop() {
	for i, command := range p.running {
		if command != nil {
			_ = command.Process.Signal(syscall.SIGQUIT) // nothing of it is needed any more
			_ = command.Wait()
			p.running[i] = nil
		}
	}
}

func freePort() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	_, port, err := net.SplitHostPort(listener.Addr().String())
	return port, errors.Join(err, listener.Close())
}
