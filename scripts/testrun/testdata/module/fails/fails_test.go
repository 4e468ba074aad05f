package fails

import "testing"

func TestTable(t *testing.T) {
	t.Run("right", func(t *testing.T) { t.Log("a passing test says nothing") })
	t.Run("wrong", func(t *testing.T) { t.Error("the reason of the failure") })
}
