package mutant

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const header = "# mistake: it adds\n# breaks: M-1\n# catch: ./money -run 'TestA|TestB/x' engine postgres\n"

const diff = "--- a/x.go\n+++ b/x.go\n@@ -2,3 +2,3 @@\n two\n-three\n+drei\n four\n"

func TestParse(t *testing.T) {
	m, err := Parse("01-x", header+diff)
	if err != nil {
		t.Fatal(err)
	}
	if m.Mistake != "it adds" || m.Breaks != "M-1" || len(m.Catch) != 1 || m.Catch[0] != (Catch{"./money", "TestA|TestB/x", "postgres"}) || m.Files()[0] != "x.go" {
		t.Errorf("%+v", m)
	}
	for what, text := range map[string]string{
		"no header":            diff,
		"no diff":              header,
		"a catch without test": "# mistake: a\n# breaks: b\n# catch: ./money\n" + diff,
		"an unknown header":    "# colour: red\n" + header + diff,
		"words in between":     header + "words\n" + diff,
		"a line of no kind":    header + diff + "?\n",
		"a place of no file":   header + "@@ -1 +1 @@\n",
	} {
		if _, err := Parse("x", text); err == nil {
			t.Errorf("%s: it is read", what)
		}
	}
}

func TestApply(t *testing.T) {
	m, err := Parse("01-x", header+diff)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, text, want string }{
		{"as it was", "one\ntwo\nthree\nfour\n", "one\ntwo\ndrei\nfour\n"},
		{"moved down", "0\n0\n0\none\ntwo\nthree\nfour\n", "0\n0\n0\none\ntwo\ndrei\nfour\n"},
		{"twice, the nearest", "one\ntwo\nthree\nfour\n0\n0\ntwo\nthree\nfour\n", "one\ntwo\ndrei\nfour\n0\n0\ntwo\nthree\nfour\n"},
		{"gone", "one\ntwo\nfour\n", ""},
	} {
		root := t.TempDir()
		if err := os.WriteFile(filepath.Join(root, "x.go"), []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := m.Apply(root)
		if c.want == "" && (err == nil || !strings.Contains(err.Error(), "isn't there")) || c.want != "" && (err != nil || got["x.go"] != c.want) {
			t.Errorf("%s: %q, %v", c.name, got["x.go"], err)
		}
	}
}
