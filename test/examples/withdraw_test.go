package examples

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// withdraw pays out of what the deposit brought in. A retry is told from another payment by its id, and what isn't decided
// isn't taken for a refusal.
func (s *shop) withdraw(t *testing.T, l language) {
	command := l.withdraw(t)
	ask := func(env environment, id, amount string) (string, error) {
		return env.run(t, "", append(slices.Clone(command), id, payer, amount, "001234567890", "Asha Rao", "SBIN0000300")...)
	}
	const first, second = "pay out/1 ओ", "pay out/2"
	for _, step := range []struct{ what, id, amount, want, raw string }{
		{"the first", first, "200", "ok", `{"status":"ok"}`},
		{"a retry", first, "200", "ok", `{"status":"ok"}`},
		{"another payment by the same id", first, "201", "fail withdrawal_id " + first + " was sent before with another content",
			`{"status":"fail","message":"withdrawal_id ` + first + ` was sent before with another content"}`},
		{"more than there is", second, "301", "fail withdrawals_sum_amount: Insufficient balance",
			`{"status":"fail","message":{"withdrawals_sum_amount":["Insufficient balance"]}}`},
	} {
		want := step.want
		if l.raw {
			want = step.raw
		}
		if got, err := ask(s.env, step.id, step.amount); err != nil || got != want {
			t.Errorf("%s: printed %q, want %q (%v)", step.what, got, want, err)
		}
	}
	// The key is mistyped: that says nothing of what was sent before, so it is an error and no fail.
	mistyped := append(slices.Clone(s.env), "WITHDRAWAL_KEY=another")
	if got, err := ask(mistyped, first, "200"); err == nil || strings.HasPrefix(got, "fail") || !strings.Contains(err.Error(), "403") && !strings.Contains(err.Error(), "does not match") {
		t.Errorf("with another key: %q, %v", got, err)
	}
	var taken []struct {
		WithdrawalID string `json:"withdrawal_id"`
		Amount       string
	}
	s.galla.JSON(&taken, "withdrawal", "list", "--merchant", "shop-"+l.name)
	if len(taken) != 1 || taken[0].WithdrawalID != first || !strings.HasPrefix(taken[0].Amount, "200") {
		t.Errorf("taken on are %s", fmt.Sprint(taken))
	}
}
