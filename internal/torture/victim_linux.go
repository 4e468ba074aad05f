package torture

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	// commandLimit bounds a command.
	commandLimit = time.Minute
	// keptLines is how much of a log is kept for an autopsy.
	keptLines = 200
)

// installation is a Galla with its settings, driven by its command line only.
type installation struct {
	binary, folder string
	env            []string
}

// newInstallation makes a key file and settings for a database.
func newInstallation(ctx context.Context, binary, folder, database, synchronous string) (*installation, error) {
	key := filepath.Join(folder, "galla.key")
	i := &installation{binary: binary, folder: folder, env: []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + folder, "GALLA_DATABASE=" + database, "GALLA_KEY_FILE=" + key,
		"GALLA_LISTEN=127.0.0.1:0", "GALLA_ADMIN_LISTEN=127.0.0.1:0", "GALLA_ACTOR=torture",
		"GALLA_BASE_URL=http://localhost:8080", "GALLA_POSTBACK_ALLOW=127.0.0.0/8",
	}}
	if synchronous != "" {
		i.env = append(i.env, SynchronousVariable+"="+synchronous)
	}
	_, err := i.run(ctx, "key", "new", "--file", key)
	return i, err
}

// run runs one command to its end and returns what it printed.
func (i *installation) run(ctx context.Context, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, commandLimit)
	defer cancel()
	command := exec.CommandContext(ctx, i.binary, args...)
	command.Env, command.Dir = i.env, i.folder
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	if err := command.Run(); err != nil {
		return "", fmt.Errorf("galla %s: %w\n%s%s", strings.Join(args, " "), err, stdout.String(), stderr.String())
	}
	return stdout.String(), nil
}

// read runs a command with --json and decodes its document.
func (i *installation) read(ctx context.Context, into any, args ...string) error {
	text, err := i.run(ctx, append(args, "--json")...)
	if err != nil {
		return err
	}
	if err := json.Unmarshal([]byte(text), into); err != nil {
		return fmt.Errorf("galla %s --json: %w in %q", strings.Join(args, " "), err, text)
	}
	return nil
}

// victim is a running `galla serve`.
type victim struct {
	url, admin string
	command    *exec.Cmd
	wrapped    bool // the command is strace, and galla its child
	ended      chan struct{}

	mu  sync.Mutex
	log []string
}

var started = regexp.MustCompile(`msg=server\.started .*\blisten=(\S+) admin_listen=(\S+)`)

// serve starts a server, behind another program where wrapper names one, and returns when it is ready. One that ends before is
// returned with errEnded.
func (i *installation) serve(ctx context.Context, wrapper ...string) (*victim, error) {
	verb := "serve"
	for _, entry := range i.env {
		if strings.HasPrefix(entry, SynchronousVariable+"=") {
			verb = VictimCommand
		}
	}
	arguments := append(append([]string{}, wrapper...), i.binary, verb)
	v := &victim{command: exec.Command(arguments[0], arguments[1:]...), wrapped: len(wrapper) > 0, ended: make(chan struct{})}
	v.command.Env, v.command.Dir = i.env, i.folder
	v.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	stderr, err := v.command.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := v.command.Start(); err != nil {
		return nil, fmt.Errorf("galla serve: %w", err)
	}
	addresses := make(chan []string, 1)
	go v.follow(stderr, addresses)
	timer := time.NewTimer(startLimit)
	defer timer.Stop()
	select {
	case a := <-addresses:
		v.url, v.admin = "http://"+a[0], "http://"+a[1]
	case <-v.ended:
		return v, errEnded
	case <-timer.C:
		v.kill()
		return v, fmt.Errorf("galla serve doesn't start:\n%s", v.lines())
	case <-ctx.Done():
		v.kill()
		return v, ctx.Err()
	}
	return v, v.awaitReady(ctx)
}

// errEnded says that a server ended before it was ready.
var errEnded = errors.New("galla serve ended by itself")

// follow reads the log until the server is gone.
func (v *victim) follow(stderr io.Reader, addresses chan<- []string) {
	defer close(v.ended)
	lines := bufio.NewScanner(stderr)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		v.mu.Lock()
		if v.log = append(v.log, lines.Text()); len(v.log) > 2*keptLines {
			v.log = append([]string(nil), v.log[keptLines:]...)
		}
		v.mu.Unlock()
		if m := started.FindStringSubmatch(lines.Text()); m != nil && len(addresses) == 0 {
			addresses <- m[1:]
		}
	}
	_ = v.command.Wait() // how it ended is judged by who ended it
}

// lines are the last lines of the log.
func (v *victim) lines() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return strings.Join(v.log[max(0, len(v.log)-12):], "\n")
}

func (v *victim) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	for ctx.Err() == nil {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, v.admin+"/readyz", nil)
		if err != nil {
			return err
		}
		response, err := http.DefaultClient.Do(request)
		if err == nil {
			_, _ = io.Copy(io.Discard, response.Body) // its status says all
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-v.ended:
			return errEnded
		case <-time.After(pollEvery):
		}
	}
	return fmt.Errorf("galla isn't ready: %w\n%s", ctx.Err(), v.lines())
}

// alive tells whether the server runs.
func (v *victim) alive() bool {
	select {
	case <-v.ended:
		return false
	default:
		return true
	}
}

// signal sends one to galla itself.
func (v *victim) signal(s syscall.Signal) {
	if v.wrapped {
		for _, pid := range children(v.command.Process.Pid) {
			_ = syscall.Kill(pid, s)
		}
		return
	}
	_ = v.command.Process.Signal(s) // gone already: that is what was wanted
}

// kill ends the server with SIGKILL and waits until it is gone.
func (v *victim) kill() {
	for range 1000 {
		v.signal(syscall.SIGKILL)
		select {
		case <-v.ended:
			return
		case <-time.After(10 * pollEvery):
		}
	}
	_ = v.command.Process.Kill()
	<-v.ended
}

// stop asks the server to end in order.
func (v *victim) stop() error {
	v.signal(syscall.SIGTERM)
	select {
	case <-v.ended:
	case <-time.After(endLimit):
		v.kill()
		return fmt.Errorf("galla serve doesn't end within %v:\n%s", endLimit, v.lines())
	}
	if code := v.command.ProcessState.ExitCode(); code != 0 {
		return fmt.Errorf("galla serve ended with %d:\n%s", code, v.lines())
	}
	return nil
}
