package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/galla-gateway/galla/internal/testkit"
)

// console is a person at a terminal: it runs command lines on one installation.
type console struct {
	t       testing.TB
	clock   *testkit.Clock
	environ []string
	keyFile string
	said    *strings.Builder // what commands print is added to it, nil for nowhere
}

// newConsole stands in front of an empty database with a key file of its own.
func newConsole(t testing.TB, database string) *console {
	t.Helper()
	c := &console{t: t, clock: testkit.NewClock(), keyFile: filepath.Join(t.TempDir(), "galla.key")}
	c.environ = []string{"GALLA_DATABASE=" + database, "GALLA_KEY_FILE=" + c.keyFile, "GALLA_ACTOR=tester"}
	return c
}

// eachConsole runs a story on both engines, in front of a migrated database.
func eachConsole(t *testing.T, story func(t *testing.T, c *console)) {
	testkit.EachEngine(t, func(t *testing.T, database string) {
		c := newConsole(t, database)
		c.ok("key", "new", "--file", c.keyFile)
		c.ok("migrate")
		story(t, c)
	})
}

// result is what a command left behind.
type result struct {
	code           int
	stdout, stderr string
}

func (c *console) run(args ...string) result {
	c.t.Helper()
	var stdout, stderr bytes.Buffer
	a := &app{stdin: strings.NewReader(""), stdout: &stdout, stderr: &stderr, environ: c.environ, now: c.clock.Now}
	code := a.run(context.Background(), args)
	if c.said != nil {
		c.said.WriteString(stdout.String() + stderr.String())
	}
	return result{code, stdout.String(), stderr.String()}
}

// ok runs a command that must succeed and returns its stdout.
func (c *console) ok(args ...string) string {
	c.t.Helper()
	got := c.run(args...)
	if got.code != exitDone {
		c.t.Fatalf("galla %s: exit %d\n%s%s", strings.Join(args, " "), got.code, got.stdout, got.stderr)
	}
	return got.stdout
}

// json runs a command with --json that must succeed, and returns its one document.
func (c *console) json(args ...string) map[string]any {
	c.t.Helper()
	var document map[string]any
	c.decode(&document, args...)
	return document
}

// list is json for commands whose document is an array.
func (c *console) list(args ...string) []map[string]any {
	c.t.Helper()
	var document []map[string]any
	c.decode(&document, args...)
	return document
}

func (c *console) decode(document any, args ...string) {
	c.t.Helper()
	stdout := c.ok(append(args, "--json")...)
	one(c.t, stdout, document)
}

// one checks that a text is exactly one JSON document.
func one(t testing.TB, stdout string, document any) {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(stdout))
	decoder.UseNumber()
	if err := decoder.Decode(document); err != nil {
		t.Fatalf("stdout is no JSON (%v): %q", err, stdout)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		t.Fatalf("stdout has more than one document: %q", stdout)
	}
}

// fails runs a command that must end with the code and tell of what on stderr.
func (c *console) fails(code int, what string, args ...string) result {
	c.t.Helper()
	got := c.run(args...)
	if got.code != code || !strings.Contains(got.stderr, what) {
		c.t.Fatalf("galla %s: exit %d, stderr %q; want exit %d and %q", strings.Join(args, " "), got.code, got.stderr, code, what)
	}
	return got
}

func TestUsedWrongly(t *testing.T) {
	c := newConsole(t, testkit.SQLite(t))
	for _, test := range []struct {
		what string
		args []string
	}{
		{"a command is missing", nil},
		{`unknown command "merchan" (did you mean merchant?)`, []string{"merchan"}},
		{"a command is missing", []string{"merchant"}},
		{`unknown command "ad" (did you mean add?)`, []string{"merchant", "ad"}},
		{`unknown command "x"`, []string{"merchant", "domain", "x"}},
		{"unknown flag: --slugg", []string{"merchant", "add", "--slugg", "x"}},
		{`"name", "postback-url", "slug" not set`, []string{"merchant", "add"}},
		{"accepts 1 arg(s), received 0", []string{"merchant", "show"}},
		{"accepts 1 arg(s), received 2", []string{"claim", "show", "1", "2"}},
		{`"reason" not set`, []string{"claim", "accept", "1"}},
		{"--reason", []string{"claim", "accept", "1", "--reason", " "}},
		{"expected the number of a claim", []string{"claim", "show", "one"}},
		{"expected the number of a wallet", []string{"wallet", "pause", "0"}},
		{"--state: expected one of waiting, held", []string{"claim", "list", "--state", "open"}},
		{"--limit: expected 1 to 1000", []string{"claim", "list", "--limit", "0"}},
		{"--after", []string{"transfer", "list", "--after", "-1"}},
		{"invalid argument", []string{"wallet", "add", "--account", "x"}},
		{"invalid argument", []string{"merchant", "rotate", "shop", "--kind", "webhook", "--overlap", "1 day"}},
		{"expected key=value", []string{"merchant", "set", "shop", "mismatch"}},
		{"expected 1 to 190 characters", []string{"find", " "}},
		{"expected sqlite:PATH or postgres://", []string{"doctor", "--database", "mysql://user:hunter2@x"}},
		{"--listen", []string{"audit", "--listen", "nowhere"}},
	} {
		for _, args := range [][]string{test.args, append(slices.Clone(test.args), "--json")} {
			got := c.fails(exitUsage, test.what, args...)
			if got.stdout != "" || !strings.Contains(got.stderr, "--help") || strings.Contains(got.stderr, "hunter2") {
				t.Errorf("galla %v: stdout %q, stderr %q", args, got.stdout, got.stderr)
			}
		}
	}
	c.environ = append(c.environ, "GALLA_COLOUR=red")
	c.fails(exitUsage, "GALLA_COLOUR", "merchant", "list")
}

// A command that ran and failed leaves one document on stdout with --json, and exits with 1.
func TestFailed(t *testing.T) {
	c := newConsole(t, testkit.SQLite(t))
	missing := c.fails(exitFailed, "galla migrate", "merchant", "list", "--json")
	var document map[string]map[string]string
	one(t, missing.stdout, &document)
	if !strings.Contains(document["error"]["message"], "no database at ") {
		t.Errorf("stdout %s", missing.stdout)
	}
	c.ok("migrate")
	for code, args := range map[string][]string{
		"not_found": {"merchant", "show", "nobody", "--json"},
		"failed":    {"recovery", "end", "--reason", "x", "--json"},
		"not_held":  {"claim", "accept", "1", "--reason", "x", "--json"},
	} {
		got := c.run(args...)
		one(t, got.stdout, &document)
		if got.code != exitFailed || document["error"]["code"] == "" || (code != "not_held" && document["error"]["code"] != code) {
			t.Errorf("galla %v: exit %d, %s", args, got.code, got.stdout)
		}
	}
	if got := c.fails(exitFailed, "no merchant nobody", "merchant", "show", "nobody"); got.stdout != "" {
		t.Errorf("stdout without --json: %q", got.stdout)
	}
	c.fails(exitUsage, "10 digits", "wallet", "add", "--method", "phone_pe", "--identifier", "1", "--holder", "x")
}

// Whatever the tree holds is documented, in a group, and understands --json.
func TestTree(t *testing.T) {
	a := &app{stdout: io.Discard, stderr: io.Discard, now: testkit.NewClock().Now}
	root := a.root()
	without := []string{"galla man", "galla config sample", "galla completion", "galla help", "galla serve", "galla demo"}
	each(root, func(c *cobra.Command) {
		if c.Hidden { // for programs of ours
			return
		}
		path := c.CommandPath()
		if c.Short == "" || strings.HasSuffix(c.Short, ".") {
			t.Errorf("%s: its short text is %q", path, c.Short)
		}
		if c.HasParent() && c.Parent() == root && c.GroupID == "" {
			t.Errorf("%s is in no group", path)
		}
		if c.RunE == nil || c.Run != nil {
			t.Errorf("%s must have RunE, so that its errors reach the exit code", path)
		}
		if !c.HasSubCommands() && c.Flags().Lookup("json") == nil && !slices.Contains(without, path) {
			t.Errorf("%s has no --json", path)
		}
		c.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if f.Usage == "" {
				t.Errorf("%s --%s has no text", path, f.Name)
			}
		})
	})
}

func TestManCompletionConfigVersion(t *testing.T) {
	c := newConsole(t, testkit.SQLite(t))
	folder := filepath.Join(t.TempDir(), "man")
	c.ok("man", folder)
	pages, err := filepath.Glob(filepath.Join(folder, "galla-merchant-*.1"))
	if err != nil || len(pages) < 8 {
		t.Errorf("manual pages: %v %v", pages, err)
	}
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if script := c.ok("completion", shell); !strings.Contains(script, "galla") {
			t.Errorf("completion for %s: %.100q", shell, script)
		}
	}
	if sample := c.ok("config", "sample"); !strings.Contains(sample, "GALLA_KEY_FILE") {
		t.Errorf("sample: %.100q", sample)
	}
	version := c.json("version")
	for _, member := range []string{"version", "commit", "go", "platform"} {
		if _, ok := version[member]; !ok {
			t.Errorf("version lacks %s: %v", member, version)
		}
	}
	if help := c.ok("--help"); !strings.Contains(help, "GALLA_DATABASE") || !strings.Contains(help, "Payments:") {
		t.Errorf("help: %s", help)
	}
	if help := c.ok("merchant", "add", "--help"); strings.Contains(help, "--admin-listen") || !strings.Contains(help, "--postback-url") {
		t.Errorf("help of merchant add: %s", help)
	}
}
