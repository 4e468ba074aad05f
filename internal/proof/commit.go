package proof

import (
	"context"
	"os/exec"
	"strings"
)

// Commit names the code in the working folder as Result.Commit does, with a + where files other than results differ from the commit:
// for programs that aren't stamped with theirs when they are built. "" without git.
func Commit(ctx context.Context) string {
	hash, err := exec.CommandContext(ctx, "git", "rev-parse", "--short=10", "HEAD").Output()
	if err != nil {
		return ""
	}
	commit := strings.TrimSpace(string(hash))
	if exec.CommandContext(ctx, "git", "diff", "--quiet", "HEAD", "--", ":/", ":(exclude,top)docs/proof", ":(exclude,top)docs/proof.md").Run() != nil {
		commit += "+"
	}
	return commit
}
