package main

import (
	"bytes"
	"strings"
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
