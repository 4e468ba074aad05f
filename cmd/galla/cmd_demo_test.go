package main

import (
	"bytes"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestDemoOnce(t *testing.T) {
	var out, trouble bytes.Buffer
	a := &app{stdout: &out, stderr: &trouble, now: time.Now}
	c := newDemo(a)
	c.SetArgs([]string{"--once"})
	if err := c.ExecuteContext(t.Context()); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	if !strings.Contains(out.String(), "All went as it should") || trouble.Len() != 0 {
		t.Errorf("stdout:\n%s\nstderr:\n%s", out.String(), trouble.String())
	}
}

// TestDemoCleansUp: however the terminal goes away, the folder goes too.
func TestDemoCleansUp(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGHUP, syscall.SIGPIPE} {
		t.Run(signal.String(), func(t *testing.T) {
			folder := t.TempDir()
			t.Setenv("TMPDIR", folder)
			printed, out := io.Pipe()
			a := &app{stdout: out, stderr: io.Discard, now: time.Now}
			ended := make(chan error, 1)
			go func() { ended <- a.demo(t.Context(), false) }()
			if _, err := printed.Read(make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
			go io.Copy(io.Discard, printed)
			if left, err := os.ReadDir(folder); err != nil || len(left) != 1 {
				t.Fatalf("while it runs there are %v (%v)", left, err)
			}
			if err := syscall.Kill(os.Getpid(), signal); err != nil {
				t.Fatal(err)
			}
			if err := <-ended; err != nil {
				t.Error(err)
			}
			if left, err := os.ReadDir(folder); err != nil || len(left) != 0 {
				t.Errorf("left behind: %v (%v)", left, err)
			}
		})
	}
}
