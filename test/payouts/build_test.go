package payouts

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// built are the programs that this process made, by the overlay they were made with.
var built struct {
	mu     sync.Mutex
	folder string
	paths  map[string]string
}

// build makes the gateway's program, with an overlay of `go build` or "" for the sources as they are.
func build(t testing.TB, overlay string) string {
	t.Helper()
	built.mu.Lock()
	defer built.mu.Unlock()
	if path, ok := built.paths[overlay]; ok {
		return path
	}
	if built.folder == "" {
		folder, err := os.MkdirTemp("", "galla-payouts-")
		if err != nil {
			t.Fatal(err)
		}
		built.folder, built.paths = folder, map[string]string{}
	}
	path := filepath.Join(built.folder, fmt.Sprintf("server-%d", len(built.paths)))
	arguments := []string{"build", "-ldflags=-s -w", "-o", path} // stripped: it is linked for every mutant
	if overlay != "" {
		arguments = append(arguments, "-overlay", overlay)
	}
	output, err := exec.Command("go", append(arguments, "github.com/galla-gateway/galla/test/payouts/server")...).CombinedOutput()
	if err != nil {
		t.Fatalf("go build: %v\n%s", err, output)
	}
	built.paths[overlay] = path
	return path
}

// removeBuilt deletes what build made.
func removeBuilt() {
	if built.folder != "" {
		_ = os.RemoveAll(built.folder)
	}
}
