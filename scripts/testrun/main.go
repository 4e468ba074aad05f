// Command testrun runs `go test` for `make test`: one PostgreSQL server for all packages, output that is plain to read,
// and a count on the last line. Nothing is skipped silently: a skip that is not listed here fails the run.
//
// Arguments are those of `go test`; without any it tests ./... .
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"github.com/galla-gateway/galla/internal/testkit"
	"github.com/galla-gateway/galla/internal/testkit/cluster"
)

const (
	module = "github.com/galla-gateway/galla"
	// uninstrumented keeps the race detector out of the translated C of SQLite: it would be slow, would report C's own
	// habits, and our code around it stays watched.
	uninstrumented = "-gcflags=modernc.org/sqlite/lib=-race=false"
	// packageLimit ends a package that hangs, with the stacks of all its goroutines.
	packageLimit = "-timeout=30m"
	// pulse is how often the run says which packages it waits for.
	pulse = time.Minute
	// goodbye is how long an interrupted `go test` may take to end its children.
	goodbye = 10 * time.Second
)

// allowedSkips lists tests that may be skipped although everything is required, each with its reason.
var allowedSkips = map[string]string{}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	good, err := run(ctx, os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "testrun:", err)
	}
	if !good {
		os.Exit(1)
	}
}

// run tells whether all tests passed. Its error says what kept them from running.
func run(ctx context.Context, arguments []string) (good bool, err error) {
	if len(arguments) == 0 {
		arguments = []string{"./..."}
	}
	server, err := cluster.Start(ctx, cluster.Options{})
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, server.Stop()) }()

	// -count=1: tests of the real binary build it in a child process, which the cache of test results can't see.
	// -vet=off: scripts/lint has run the whole of vet.
	arguments = append([]string{"test", "-json", "-race", uninstrumented, "-count=1", "-vet=off", packageLimit}, arguments...)
	command := exec.CommandContext(ctx, "go", arguments...)
	command.Env = append(os.Environ(), testkit.SharedPostgres+"="+server.DSN("postgres"), "CGO_ENABLED=1")
	command.Stderr = os.Stderr
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	command.WaitDelay = goodbye
	stdout, err := command.StdoutPipe()
	if err != nil {
		return false, err
	}
	if err := command.Start(); err != nil {
		return false, err
	}
	t := newTally(os.Stdout, module, allowedSkips)
	readErr := follow(t, stdout)
	return t.finish(errors.Join(readErr, command.Wait())), nil
}

// follow feeds the stream to the tally until it ends, and says from time to time what is running.
func follow(t *tally, stream io.Reader) error {
	lines, ended := make(chan []byte), make(chan error, 1)
	go func() {
		reader := bufio.NewReader(stream)
		for {
			line, err := reader.ReadBytes('\n')
			if len(line) > 0 {
				lines <- line
			}
			if err != nil {
				ended <- err
				return
			}
		}
	}()
	ticker := time.NewTicker(pulse)
	defer ticker.Stop()
	for {
		select {
		case line := <-lines:
			t.read(line, time.Now())
		case err := <-ended:
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		case <-ticker.C:
			fmt.Fprintf(t.out, "...   running: %s\n", t.running(time.Now()))
		}
	}
}
