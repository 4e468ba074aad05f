package good

import "testing"

func TestParent(t *testing.T) {
	t.Run("child", func(t *testing.T) { t.Log("a passing test says nothing") })
}
