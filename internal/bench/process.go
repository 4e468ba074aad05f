package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

const (
	// readyEvery is how often a starting server is asked.
	readyEvery = time.Millisecond
	// readyLimit bounds the wait, stopLimit that for its end.
	readyLimit = 30 * time.Second
	stopLimit  = 30 * time.Second
	// startTries is how often a server is started whose free address somebody else took before it could.
	startTries = 3
)

// program is what makes a server: the binary, the arguments that make it serve, and where goes what a server wrote that
// didn't get ready (nil: nowhere). Settings come as GALLA_ variables.
type program struct {
	path string
	args []string
	log  io.Writer
}

// process is a running galla serve.
type process struct {
	address string // of its public listener
	command *exec.Cmd
	ended   chan error
}

// startProcess starts a server on free addresses and waits until it is ready, which took so long.
func startProcess(ctx context.Context, of program, database, keyFile string) (p *process, took time.Duration, err error) {
	for range startTries {
		var log string
		p, took, log, err = tryProcess(ctx, of, database, keyFile)
		if err == nil {
			return p, took, nil
		}
		if !strings.Contains(log, syscall.EADDRINUSE.Error()) {
			if of.log != nil {
				fmt.Fprintf(of.log, "%s", log)
			}
			return nil, 0, err
		}
	}
	return nil, 0, fmt.Errorf("%d free addresses in turn were taken before the server had them: %w", startTries, err)
}

// tryProcess starts a server once. log is what a server wrote that didn't get ready.
func tryProcess(ctx context.Context, of program, database, keyFile string) (p *process, took time.Duration, log string, err error) {
	listen, err := freeAddress()
	if err != nil {
		return nil, 0, "", err
	}
	admin, err := freeAddress()
	if err != nil {
		return nil, 0, "", err
	}
	output, err := os.CreateTemp(filepath.Dir(keyFile), "log-")
	if err != nil {
		return nil, 0, "", err
	}
	defer output.Close()
	command := exec.CommandContext(ctx, of.path, of.args...)
	// Settings of a real server, or of tests, aren't meant for this one.
	env := slices.DeleteFunc(os.Environ(), func(variable string) bool { return strings.HasPrefix(variable, "GALLA_") })
	command.Env = append(env, "GALLA_DATABASE="+database, "GALLA_KEY_FILE="+keyFile, "GALLA_LISTEN="+listen, "GALLA_ADMIN_LISTEN="+admin,
		"GALLA_BASE_URL=http://"+listen)
	command.Stdout, command.Stderr = output, output
	start := time.Now()
	if err := command.Start(); err != nil {
		return nil, 0, "", err
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	took, err = waitReady(ctx, start, "http://"+admin+"/readyz", ended)
	if err != nil {
		_ = command.Process.Kill() // it may be gone
		text, readErr := os.ReadFile(output.Name())
		return nil, 0, string(text), errors.Join(err, readErr)
	}
	return &process{address: listen, command: command, ended: ended}, took, "", nil
}

// stop ends the server in order.
func (p *process) stop() error {
	if err := p.command.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case err := <-p.ended:
		return err
	case <-time.After(stopLimit):
		return errors.Join(errors.New("the server doesn't stop"), p.command.Process.Kill())
	}
}

func waitReady(ctx context.Context, start time.Time, address string, ended <-chan error) (time.Duration, error) {
	ask := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	ticker := time.NewTicker(readyEvery)
	defer ticker.Stop()
	for time.Since(start) < readyLimit {
		answer, err := ask.Get(address)
		if err == nil {
			answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return time.Since(start), nil
			}
		}
		select {
		case err := <-ended:
			return 0, fmt.Errorf("the server ended before it was ready: %w", errors.Join(err, errors.New("see its output")))
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-ticker.C:
		}
	}
	return 0, fmt.Errorf("the server was not ready within %v", readyLimit)
}

// freeAddress is an address on loopback that nobody listens on now.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}
