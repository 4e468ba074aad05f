package main

import (
	"strings"
	"testing"

	"github.com/galla-gateway/galla/internal/testkit"
)

func TestIFSCLookup(t *testing.T) {
	c := newConsole(t, testkit.SQLite(t)) // no database is needed
	text := c.ok("ifsc", "lookup", "HDFC0001234", "IFCS0123456")
	for _, part := range []string{"HDFC Bank", "No bank with the code IFCS", "branches of"} {
		if !strings.Contains(text, part) {
			t.Errorf("%q isn't in %s", part, text)
		}
	}
	docs := c.list("ifsc", "lookup", "HDFC0001234", "IFCS0123456")
	if len(docs) != 2 || docs[0]["bank"] != "HDFC Bank" || docs[0]["known_branch"] != true || docs[0]["warning"] != nil ||
		docs[1]["known_bank"] != false || docs[1]["warning"] == nil || docs[1]["refused"] != nil {
		t.Errorf("documents: %v", docs)
	}
	c.fails(exitUsage, "character 5 of an IFSC is the digit 0", "ifsc", "lookup", "HDFCO001234")
	c.fails(exitUsage, "at least 1 arg", "ifsc", "lookup")
}
