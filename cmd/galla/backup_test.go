package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/galla-gateway/galla/internal/deposit"
	"github.com/galla-gateway/galla/internal/store"
	"github.com/galla-gateway/galla/internal/testkit"
)

// elsewhere is another, empty database with the same key file, as after the machine was lost.
func (c *console) elsewhere(database string) *console {
	c.t.Helper()
	return &console{t: c.t, clock: c.clock, keyFile: c.keyFile, environ: append([]string{"GALLA_DATABASE=" + database}, c.environ[1:]...)}
}

// The whole way as an operator goes it: backup beside a server, restore on either engine, recovery, and on.
func TestBackupAndRestore(t *testing.T) {
	eachConsole(t, func(t *testing.T, c *console) {
		s := c.shop()
		s.see("321302038121", "500", "payer@ybl")
		s.claim("order-1", "label-1", "321302038121", "500", deposit.Accepted)
		picture := filepath.Join(t.TempDir(), "logo.svg")
		if err := os.WriteFile(picture, []byte(`<svg viewBox="0 0 8 8"/>`), 0o600); err != nil {
			t.Fatal(err)
		}
		c.ok("merchant", "brand", "set", "--merchant", "shop", "--logo", picture, "--colour", "#5f259f")
		c.ok("merchant", "redirect", "add", "--merchant", "shop", "--url", "https://shop.example/gone")
		c.ok("merchant", "redirect", "add", "--merchant", "shop", "--url", "https://shop.example/stays")
		c.ok("merchant", "redirect", "remove", "--merchant", "shop", "--id", "1")
		file := filepath.Join(t.TempDir(), "galla.backup")
		made := c.json("backup", file)
		if made["file"] != file || made["audit_failures"] != json.Number("0") || len(made["sha256"].(string)) != 64 {
			t.Errorf("backup: %v", made)
		}
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 || json.Number(number(info.Size())) != made["bytes"] {
			t.Errorf("the file: %v %v", info, err)
		}
		if left, err := os.ReadDir(filepath.Dir(file)); err != nil || len(left) != 1 {
			t.Errorf("beside the backup lie %v (%v)", left, err)
		}
		c.fails(exitFailed, "is there already", "backup", file)
		if got := c.run("restore", file); got.code != exitFailed || !strings.Contains(got.stderr, "isn't empty") && !strings.Contains(got.stderr, "in use") {
			t.Errorf("restore over what is there: %+v", got)
		}
		s.see("321302038122", "700", "payer@ybl") // after the backup: the restored database never hears of it
		s.claim("order-2", "label-2", "321302038122", "700", deposit.Accepted)

		for _, target := range []string{testkit.SQLite(t), testkit.Postgres(t)} {
			again := c.elsewhere(target)
			restored := again.json("restore", file)
			if restored["recovery"] != true || restored["sha256"] != made["sha256"] || restored["rows"] != made["rows"] || restored["audit_failures"] != json.Number("0") {
				t.Errorf("restore: %v, of %v", restored, made)
			}
			for _, what := range [][]string{{"merchant", "brand", "show"}, {"merchant", "redirect", "list"}} {
				shown := append(what, "--merchant", "shop", "--json")
				if got, want := again.ok(shown...), c.ok(shown...); got != want {
					t.Errorf("galla %v after the restore: %s, before: %s", shown, got, want)
				}
			}
			after := &shop{again, again.server()}
			after.claim("order-1", "label-1", "321302038121", "500", deposit.Accepted)
			after.claim("order-2", "label-2", "321302038122", "700", deposit.Held)
			after.see("321302038122", "700", "payer@ybl")
			after.claim("order-2", "label-2", "321302038122", "700", deposit.Held)
			if got := again.json("recovery", "end", "--reason", "the statements are imported"); got["judged"] != json.Number("1") {
				t.Errorf("recovery end: %v", got)
			}
			after.claim("order-2", "label-2", "321302038122", "700", deposit.Accepted)
			again.ok("audit")
		}
	})
}

func TestRestoreNeedsTheKeyFile(t *testing.T) {
	eachConsole(t, func(t *testing.T, c *console) {
		file := filepath.Join(t.TempDir(), "galla.backup")
		if text := c.ok("backup", file); !strings.Contains(text, c.keyFile+" is not in it") {
			t.Errorf("backup doesn't say that the key file isn't in it: %s", text)
		}
		content, err := os.ReadFile(file)
		key, keyErr := os.ReadFile(c.keyFile)
		if err != nil || keyErr != nil || bytes.Contains(content, bytes.TrimSpace(key)) {
			t.Fatal("the key is in the backup", err, keyErr)
		}
		without := c.elsewhere(testkit.SQLite(t))
		without.environ = []string{without.environ[0], "GALLA_KEY_FILE=" + filepath.Join(t.TempDir(), "none")}
		without.fails(exitFailed, "it is not in a backup", "restore", file)
		another := filepath.Join(t.TempDir(), "another")
		c.ok("key", "new", "--file", another)
		without.environ[1] = "GALLA_KEY_FILE=" + another
		without.fails(exitFailed, "key", "restore", file)
		if _, err := os.Stat(strings.TrimPrefix(without.database(), "sqlite:")); err == nil {
			t.Error("a restore that can't be began to make a database")
		}
		without.fails(exitFailed, "no such file", "restore", filepath.Join(t.TempDir(), "none"))
		without.fails(exitFailed, "can't be read", "restore", c.keyFile)
		without.fails(exitUsage, "arg", "restore")
		without.fails(exitFailed, "no database", "backup", filepath.Join(t.TempDir(), "x"))
	})
}

// A server that runs on the database to be restored has ids in reserve that would come twice.
func TestRestoreBesideAServer(t *testing.T) {
	eachConsole(t, func(t *testing.T, c *console) {
		file := filepath.Join(t.TempDir(), "galla.backup")
		c.ok("backup", file)
		s, err := store.Open(t.Context(), c.database(), store.Existing, store.Options{Exclusive: true})
		if err != nil {
			t.Fatal(err)
		}
		c.fails(exitFailed, "in use by another galla", "restore", file)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		c.ok("restore", file)
	})
}

// A backup of books that don't hold is still made, and says so.
func TestBackupTellsWhatTheAuditFinds(t *testing.T) {
	eachConsole(t, func(t *testing.T, c *console) {
		s := c.shop()
		s.see("321302038121", "500", "payer@ybl")
		s.claim("order-1", "label-1", "321302038121", "500", deposit.Accepted)
		c.mutate("UPDATE deposit SET amount = amount + 1")
		file := filepath.Join(t.TempDir(), "galla.backup")
		c.fails(exitFailed, "its books fail", "backup", file)
		c.elsewhere(testkit.SQLite(t)).fails(exitFailed, "its books fail", "restore", file)
	})
}
