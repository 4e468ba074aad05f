package oracle

import (
	"crypto/sha256"
	"encoding/hex"
	"testing"
)

// The hash is that of dictionary1 in package postback, whose test holds it too: that these two are the same is all that both
// must agree upon, and neither may ever change.
func TestBodyWordsNeverChange(t *testing.T) {
	const want = "f5209c11095a7ffb2c30995299f9b48d109f47c5636ffa59b2f98a96b7f047b9"
	if sum := sha256.Sum256(bodyWords); hex.EncodeToString(sum[:]) != want {
		t.Errorf("the words have hash %x, stored bodies need those with %s", sum, want)
	}
}
