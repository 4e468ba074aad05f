package cluster

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// child is the variable that makes this test binary start a server, print its folder and wait to be killed.
const child = "GALLA_TEST_CLUSTER_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(child) != "" {
		startAndWait()
		return
	}
	os.Exit(m.Run())
}

func startAndWait() {
	c, err := Start(context.Background(), Options{})
	if err != nil {
		os.Stderr.WriteString(err.Error())
		os.Exit(1)
	}
	os.Stdout.WriteString(c.dir + "\n")
	select {}
}

// require ends the test when PostgreSQL is not installed. It is testkit's rule, told again because testkit imports this
// package.
func require(t *testing.T, err error) {
	t.Helper()
	switch {
	case errors.Is(err, ErrNoBinaries) && os.Getenv("REQUIRE_POSTGRES") == "":
		t.Skip(err)
	case err != nil:
		t.Fatal(err)
	}
}

func TestServerSurvivesCrashWithCommittedRows(t *testing.T) {
	ctx := t.Context()
	c, err := Start(ctx, Options{Durable: true})
	require(t, err)
	conn, err := pgx.Connect(ctx, c.DSN("postgres"))
	require(t, err)
	for _, setting := range []string{"fsync", "full_page_writes", "synchronous_commit"} {
		var value string
		require(t, conn.QueryRow(ctx, "SHOW "+setting).Scan(&value))
		if value != "on" {
			t.Errorf("%s is %q on a durable server, want on", setting, value)
		}
	}
	_, err = conn.Exec(ctx, "CREATE TABLE kept (id bigint); INSERT INTO kept VALUES (7)")
	require(t, err)
	server := serverPID(t, c.dir)

	require(t, c.Crash())
	if alive(server) {
		t.Errorf("server process %d is there after Crash", server)
	}
	if err := conn.Ping(ctx); err == nil {
		t.Error("a connection from before the crash still answers")
	}
	require(t, c.Restart(ctx))
	if log, err := os.ReadFile(filepath.Join(c.dir, "log")); err != nil || !strings.Contains(string(log), "automatic recovery in progress") {
		t.Errorf("the server's log tells of no recovery, so Crash was a clean stop (%v):\n%s", err, log)
	}
	conn, err = pgx.Connect(ctx, c.DSN("postgres"))
	require(t, err)
	var id int
	require(t, conn.QueryRow(ctx, "SELECT id FROM kept").Scan(&id))
	if id != 7 {
		t.Errorf("kept row is %d after the crash, want 7", id)
	}
	server = serverPID(t, c.dir)
	require(t, c.Stop())
	if alive(server) {
		t.Errorf("server process %d is there after Stop", server)
	}
	if _, err := os.Stat(c.dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("folder %s is there after Stop", c.dir)
	}
}

func TestNothingIsLeftWhenTheOwnerIsKilled(t *testing.T) {
	_, err := binaries()
	require(t, err)
	self, err := os.Executable()
	require(t, err)
	owner := exec.Command(self)
	owner.Env = append(os.Environ(), child+"=1")
	output, err := owner.StdoutPipe()
	require(t, err)
	require(t, owner.Start())
	line := make([]byte, 256)
	n, err := output.Read(line)
	require(t, err)
	dir := strings.TrimSpace(string(line[:n]))
	server := serverPID(t, dir)
	if !alive(server) {
		t.Fatalf("server process %d is not there before its owner is killed", server)
	}

	require(t, owner.Process.Kill())
	_ = owner.Wait() // it was killed, so there is always an error
	deadline := time.Now().Add(startLimit)
	for alive(server) || exists(dir) {
		if time.Now().After(deadline) {
			t.Fatalf("server process %d or folder %s is there %v after its owner was killed", server, dir, startLimit)
		}
		time.Sleep(pollEvery)
	}
}

func TestServerThatCannotStartSaysWhy(t *testing.T) {
	c, err := Start(t.Context(), Options{})
	require(t, err)
	require(t, c.Crash())
	c.settings = append(c.settings, "-c", "max_connections=many")
	err = c.Restart(t.Context())
	if err == nil || !strings.Contains(err.Error(), `"max_connections"`) {
		t.Errorf("error is %v, want one that quotes the server's reason", err)
	}
	if exists(c.dir) {
		t.Errorf("folder %s is left behind", c.dir)
	}
}

// serverPID reads the pid file of the server.
func serverPID(t *testing.T, dir string) int {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(dir, "data", "postmaster.pid"))
	require(t, err)
	first, _, _ := strings.Cut(string(content), "\n")
	pid, err := strconv.Atoi(first)
	require(t, err)
	return pid
}

func alive(pid int) bool {
	return !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
