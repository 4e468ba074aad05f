package above

import (
	"testing"

	"example.test/module/broken"
)

func TestNeverRuns(t *testing.T) { t.Log(broken.Number) }
