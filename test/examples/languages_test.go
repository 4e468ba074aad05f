package examples

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/galla-gateway/galla/internal/testkit"
)

const (
	examplesFolder = "../../docs/examples"
	// verifiersFolder has programs that run the verifiers of the examples on many messages.
	verifiersFolder = "testdata/verify"
	// patience bounds everything that a test waits for.
	patience = 30 * time.Second
	// tick is how often it looks.
	tick = 10 * time.Millisecond
)

// language is one set of examples.
type language struct {
	name string
	// create, activate and withdraw are commands; what they are asked for follows.
	create, activate, withdraw func(t *testing.T) []string
	// receiver is the command of the postback receiver that listens at host and port; nil when there is none.
	receiver func(t *testing.T, host, port string) []string
	// verifier is the command that reads messages and prints what the example's verifier makes of them; nil when there is
	// none.
	verifier func(t *testing.T) []string
	// raw: the examples print the answer as it came, not a word and a text.
	raw bool
}

var languages = []language{
	{
		name: "curl", raw: true,
		create:   func(t *testing.T) []string { return shell(t, "create.sh") },
		activate: func(t *testing.T) []string { return shell(t, "activate.sh") },
		withdraw: func(t *testing.T) []string { return shell(t, "withdraw.sh") },
	},
	script("php", "php/pay.php", "php/withdraw.php", "verify.php", func(program, host, port string) []string {
		return []string{program, "-S", net.JoinHostPort(host, port), file("php/postback.php")}
	}),
	script("node", "node/pay.mjs", "node/withdraw.mjs", "verify.mjs", func(program, host, port string) []string {
		return []string{program, file("node/postback.mjs"), host, port}
	}),
	script("python3", "python/pay.py", "python/withdraw.py", "verify.py", func(program, host, port string) []string {
		return []string{program, file("python/postback.py"), host, port}
	}),
	{
		name:     "go",
		create:   func(t *testing.T) []string { return []string{goProgram(t, file("go/pay")), "create"} },
		activate: func(t *testing.T) []string { return []string{goProgram(t, file("go/pay")), "activate"} },
		withdraw: func(t *testing.T) []string { return []string{goProgram(t, file("go/withdraw"))} },
		receiver: func(t *testing.T, host, port string) []string {
			return []string{goProgram(t, file("go/postback")), net.JoinHostPort(host, port)}
		},
		verifier: func(t *testing.T) []string { return []string{goProgram(t, "./"+verifiersFolder)} },
	},
}

// script is a language whose examples are files for its interpreter.
func script(program, pay, withdraw, verifier string, receiver func(program, host, port string) []string) language {
	return language{
		name:     program,
		create:   func(t *testing.T) []string { return []string{testkit.Program(t, program), file(pay), "create"} },
		activate: func(t *testing.T) []string { return []string{testkit.Program(t, program), file(pay), "activate"} },
		withdraw: func(t *testing.T) []string { return []string{testkit.Program(t, program), file(withdraw)} },
		receiver: func(t *testing.T, host, port string) []string {
			return receiver(testkit.Program(t, program), host, port)
		},
		verifier: func(t *testing.T) []string {
			return []string{testkit.Program(t, program), filepath.Join(verifiersFolder, verifier)}
		},
	}
}

func shell(t *testing.T, name string) []string {
	testkit.Program(t, "curl")
	return []string{file("curl/" + name)}
}

func file(name string) string {
	path, err := filepath.Abs(filepath.Join(examplesFolder, name))
	if err != nil {
		panic(err) // there is no working directory
	}
	return path
}

// goProgram builds the program in a folder.
func goProgram(t *testing.T, folder string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), filepath.Base(folder))
	output, err := exec.Command("go", "build", "-o", path, folder).CombinedOutput()
	if err != nil {
		t.Fatalf("go build: %v\n%s", err, output)
	}
	return path
}

// environment is what an example is given.
type environment []string

// run runs an example to its end and returns what it printed, without the last line break.
func (e environment) run(t *testing.T, stdin string, command ...string) (string, error) {
	t.Helper()
	c := exec.CommandContext(t.Context(), command[0], command[1:]...)
	c.Env, c.Stdin = e, strings.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	if err := c.Run(); err != nil {
		return "", fmt.Errorf("%s: %w\n%s%s", filepath.Base(command[0]), err, stdout.String(), stderr.String())
	}
	return strings.TrimSuffix(stdout.String(), "\n"), nil
}

// mustRun is run for examples that must succeed.
func (e environment) mustRun(t *testing.T, command ...string) string {
	t.Helper()
	output, err := e.run(t, "", command...)
	if err != nil {
		t.Fatal(err)
	}
	return output
}

// serve starts a receiver and waits until it listens. The test's end stops it. The port must be free.
func (e environment) serve(t *testing.T, port string, command []string) {
	t.Helper()
	var output bytes.Buffer
	c := exec.Command(command[0], command[1:]...)
	c.Env, c.Stdout, c.Stderr = e, &output, &output
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = c.Wait() // it is killed
		close(ended)
	}()
	t.Cleanup(func() {
		_ = syscall.Kill(-c.Process.Pid, syscall.SIGKILL)
		<-ended
		if t.Failed() {
			t.Logf("the receiver wrote:\n%s", output.String())
		}
	})
	await(t, "the receiver listens", func() bool {
		conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", port))
		if err != nil {
			return false
		}
		return conn.Close() == nil
	})
}

// freePort is a port that nobody listened on a moment ago.
func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func await(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(tick) {
		if done() {
			return
		}
	}
	t.Fatalf("waited %v in vain: %s", patience, what)
}

// inherited is what programs need of the machine.
func inherited() environment {
	return environment{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "PYTHONDONTWRITEBYTECODE=1"}
}
