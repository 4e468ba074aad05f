package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzYAML: no file panics, and what is read twice reads the same.
func FuzzYAML(f *testing.F) {
	f.Add("listen: 127.0.0.1:8080\n")
	f.Add("database: sqlite:./galla.db\npostback_allow: [10.0.0.0/8, \"::1/128\"]\n")
	f.Add("listen: 0123\n")
	f.Add("a: &a [*a]\n")
	f.Add("? {x: y}\n: z\n")
	f.Add("{")
	path := filepath.Join(f.TempDir(), "galla.yaml")
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "file") { // it may name any file of the machine
			return
		}
		own := path + "." + strings.ReplaceAll(t.Name(), "/", "_")
		if err := os.WriteFile(own, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		first, err := Load(nil, nil, own)
		second, again := Load(nil, nil, own)
		if (err == nil) != (again == nil) || err == nil && first.Database != second.Database {
			t.Fatalf("read twice: %v, %v", err, again)
		}
	})
}
