// Package testkit is what tests of every package share: both database engines, a clock that a test moves, and one rule
// for what is missing on the machine. It imports nothing of the product, so that any package's tests can use it, and
// only tests may import it.
package testkit

import (
	"os"
	"os/exec"
	"testing"
)

// Variables that turn "not installed here, skipped" into a failure. `make test` sets all of them: what it counts as
// passed has run.
const (
	RequirePostgres = "REQUIRE_POSTGRES" // a PostgreSQL server's programs
	RequirePHP      = "REQUIRE_PHP"      // php
	RequireExamples = "REQUIRE_EXAMPLES" // node, python3, curl: the languages of the documented examples
	RequireBrowser  = "REQUIRE_BROWSER"  // chromium
	RequireTorture  = "REQUIRE_TORTURE"  // root, /dev/fuse, strace, nft, ip: what faults of the machine are made with
)

// requirements names the variable that speaks for each program a test may start.
var requirements = map[string]string{
	"php":      RequirePHP,
	"node":     RequireExamples,
	"python3":  RequireExamples,
	"curl":     RequireExamples,
	"chromium": RequireBrowser,
}

// Program returns the path of a program that the test starts: php, node, python3, curl or chromium. Where the program
// is not installed the test is skipped, or fails when the variable of that program is set.
func Program(t testing.TB, name string) string {
	t.Helper()
	variable, known := requirements[name]
	if !known {
		t.Fatalf("testkit: no requirement is declared for the program %q", name)
	}
	path, err := exec.LookPath(name)
	if err != nil {
		missing(t, variable, name+" is not installed")
	}
	return path
}

// missing ends a test that needs what this machine doesn't have. No other place skips a test.
func missing(t testing.TB, variable, what string) {
	t.Helper()
	if os.Getenv(variable) != "" {
		t.Fatalf("%s, and %s is set", what, variable)
	}
	t.Skipf("%s (%s=1 makes this a failure)", what, variable)
}

// Mounts skips the test where file systems can't be mounted.
func Mounts(t testing.TB) {
	t.Helper()
	if _, err := os.Stat("/dev/fuse"); err != nil || os.Geteuid() != 0 {
		missing(t, RequireTorture, "root and /dev/fuse")
	}
}
