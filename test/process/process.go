// Package process runs the real galla binary for black-box tests and measurements: commands, and servers that are stopped
// or killed.
package process

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
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
	// readyLimit bounds a server's start.
	readyLimit = 30 * time.Second
	// runLimit bounds a command: one that should have refused to start would run for ever.
	runLimit = time.Minute
)

// Owner is what an installation needs of the test that makes it. A testing.TB is one; a program without tests brings its own.
type Owner interface {
	Helper()
	Fatal(args ...any) // doesn't return
	Fatalf(format string, args ...any)
	TempDir() string
	Cleanup(func())
}

var build struct {
	sync.Once
	path string
	err  error
}

// Build compiles the binary once for this test process and returns its path. GALLA_TEST_BINARY names one to use instead.
func Build(t Owner) string {
	t.Helper()
	build.Do(func() {
		if build.path = os.Getenv("GALLA_TEST_BINARY"); build.path != "" {
			return
		}
		var folder string
		if folder, build.err = os.MkdirTemp("", "galla-binary-"); build.err != nil {
			return
		}
		build.path = filepath.Join(folder, "galla")
		output, err := exec.Command("go", "build", "-o", build.path, "github.com/galla-gateway/galla/cmd/galla").CombinedOutput()
		if err != nil {
			build.err = fmt.Errorf("go build: %w\n%s", err, output)
		}
	})
	if build.err != nil {
		t.Fatal(build.err)
	}
	return build.path
}

// Remove deletes what Build made; call it at the end of TestMain.
func Remove() {
	if build.path != "" && os.Getenv("GALLA_TEST_BINARY") == "" {
		os.RemoveAll(filepath.Dir(build.path))
	}
}

// Galla is one installation, driven only by its command line and its network surface.
type Galla struct {
	// OnLine, when set, is given every line that a server logs. It must be safe for concurrent use.
	OnLine func(line string)

	t      Owner
	binary string
	folder string
	env    []string
}

// New makes an empty installation. database is a GALLA_DATABASE value; the key file is made with `galla key new`.
func New(t Owner, database string, env ...string) *Galla {
	t.Helper()
	g := &Galla{t: t, binary: Build(t), folder: t.TempDir()}
	key := filepath.Join(g.folder, "galla.key")
	g.env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + g.folder, "GALLA_DATABASE=" + database, "GALLA_KEY_FILE=" + key,
		"GALLA_LISTEN=127.0.0.1:0", "GALLA_ADMIN_LISTEN=127.0.0.1:0", "GALLA_ACTOR=tester",
		"GALLA_BASE_URL=http://localhost:8080", "GALLA_POSTBACK_ALLOW=127.0.0.0/8",
	}, env...)
	g.MustRun("key", "new", "--file", key)
	return g
}

// Bare makes an installation with these settings and no others, and runs nothing.
func Bare(t Owner, env ...string) *Galla {
	t.Helper()
	g := &Galla{t: t, binary: Build(t), folder: t.TempDir()}
	g.env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + g.folder}, env...)
	return g
}

// Folder is where commands run. Its path is a test's own.
func (g *Galla) Folder() string { return g.folder }

// With is the same installation with some settings changed.
func (g *Galla) With(env ...string) *Galla {
	changed := *g
	changed.env = append(append([]string{}, g.env...), env...)
	return &changed
}

// Result is how a command ended.
type Result struct {
	Code           int
	Stdout, Stderr string
}

// Run runs one command to its end.
func (g *Galla) Run(args ...string) Result {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), runLimit)
	defer cancel()
	command := exec.CommandContext(ctx, g.binary, args...)
	command.Env, command.Dir = g.env, g.folder
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	err := command.Run()
	if _, exited := err.(*exec.ExitError); err != nil && !exited || ctx.Err() != nil {
		g.t.Fatalf("galla %v: %v, %v\n%s", args, err, ctx.Err(), stderr.String())
	}
	return Result{command.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// MustRun runs a command that must succeed and returns what it printed.
func (g *Galla) MustRun(args ...string) string {
	g.t.Helper()
	r := g.Run(args...)
	if r.Code != 0 {
		g.t.Fatalf("galla %s: exit %d\n%s%s", strings.Join(args, " "), r.Code, r.Stdout, r.Stderr)
	}
	return r.Stdout
}

// JSON runs a command with --json and decodes its one document.
func (g *Galla) JSON(into any, args ...string) {
	g.t.Helper()
	text := g.MustRun(append(args, "--json")...)
	if err := json.Unmarshal([]byte(text), into); err != nil {
		g.t.Fatalf("galla %s --json: %v in %q", strings.Join(args, " "), err, text)
	}
}

// Server is a running `galla serve`.
type Server struct {
	URL, Admin string // http://127.0.0.1:port
	Ready      time.Duration
	t          Owner
	command    *exec.Cmd
	log        *logBuffer
	ended      chan struct{}
}

var started = regexp.MustCompile(`msg=server\.started .*\blisten=(\S+) admin_listen=(\S+)`)

// Serve starts the server and waits until it is ready. The test's end stops it.
func (g *Galla) Serve(env ...string) *Server {
	g.t.Helper()
	began := time.Now()
	s := &Server{t: g.t, log: &logBuffer{}, ended: make(chan struct{})}
	s.command = exec.Command(g.binary, "serve")
	s.command.Env, s.command.Dir = append(append([]string{}, g.env...), env...), g.folder
	s.command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	stderr, err := s.command.StderrPipe()
	if err != nil {
		g.t.Fatal(err)
	}
	if err := s.command.Start(); err != nil {
		g.t.Fatal(err)
	}
	addresses := make(chan []string, 1)
	go func() {
		defer close(s.ended)
		lines := bufio.NewScanner(stderr)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			s.log.add(lines.Text())
			if g.OnLine != nil {
				g.OnLine(lines.Text())
			}
			if m := started.FindStringSubmatch(lines.Text()); m != nil {
				addresses <- m[1:]
			}
		}
		_ = s.command.Wait()
	}()
	g.t.Cleanup(func() { s.Kill() })
	select {
	case a := <-addresses:
		s.URL, s.Admin = "http://"+a[0], "http://"+a[1]
	case <-s.ended:
		g.t.Fatalf("serve ended before it was ready:\n%s", s.log)
	case <-time.After(readyLimit):
		g.t.Fatalf("serve wasn't ready after %v:\n%s", readyLimit, s.log)
	}
	s.waitReady()
	s.Ready = time.Since(began)
	return s
}

func (s *Server) waitReady() {
	ctx, cancel := context.WithTimeout(context.Background(), readyLimit)
	defer cancel()
	for ctx.Err() == nil {
		request, _ := http.NewRequestWithContext(ctx, http.MethodGet, s.Admin+"/readyz", nil)
		response, err := http.DefaultClient.Do(request)
		if err == nil {
			_, _ = io.Copy(io.Discard, response.Body)
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return
			}
		}
		time.Sleep(2 * time.Millisecond)
	}
	s.t.Fatalf("serve isn't ready:\n%s", s.log)
}

// Kill ends the server with SIGKILL and waits until it is gone.
func (s *Server) Kill() {
	_ = s.command.Process.Kill()
	<-s.ended
}

// Stop asks the server to end in order and returns its exit code.
func (s *Server) Stop() int {
	s.Terminate()
	return s.Wait()
}

// Terminate asks the server to end in order.
func (s *Server) Terminate() { _ = s.command.Process.Signal(syscall.SIGTERM) }

// Freeze stops the server in whatever it does, as a paused virtual machine is; its connections stay. Thaw lets it go on.
func (s *Server) Freeze() { _ = s.command.Process.Signal(syscall.SIGSTOP) }

// Thaw ends Freeze.
func (s *Server) Thaw() { _ = s.command.Process.Signal(syscall.SIGCONT) }

// Wait waits until the server is gone and returns its exit code.
func (s *Server) Wait() int {
	<-s.ended
	return s.command.ProcessState.ExitCode()
}

// Pid of the server.
func (s *Server) Pid() int { return s.command.Process.Pid }

// Log is what the server wrote so far: the last lines.
func (s *Server) Log() string { return s.log.String() }

// logBuffer keeps the last lines of a log.
type logBuffer struct {
	mu    sync.Mutex
	lines []string
}

const keptLines = 200

func (b *logBuffer) add(line string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.lines = append(b.lines, line); len(b.lines) > 2*keptLines {
		b.lines = append([]string(nil), b.lines[len(b.lines)-keptLines:]...)
	}
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Join(b.lines, "\n")
}
