package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/galla-gateway/galla/internal/testkit"
	"github.com/galla-gateway/galla/internal/withdrawal"
)

func TestV3Withdrawals(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, database string) {
		w := newWorld(t, database)
		w.fund(1000)
		shop, other := w.keys["shop"].APISecret, w.keys["other"].APISecret
		var ids []int64
		for i := range 3 {
			w.want(call{path: withdrawPath, body: w.withdrawal(fmt.Sprintf("w-%d", i+1), 100, nil)}, http.StatusOK, `{"status":"ok"}`)
			ids = append(ids, w.count(fmt.Sprintf("SELECT id FROM withdrawal WHERE withdrawal_id = 'w-%d'", i+1)))
		}
		type page struct {
			Withdrawals []struct {
				ID           int64
				WithdrawalID string `json:"withdrawal_id"`
				State        string
				Amount       string
				Account      string  `json:"account_number"`
				EndedAt      *string `json:"ended_at"`
			}
			Next     int64
			More     bool
			Merchant string
		}
		read := func(path string) (p page) {
			t.Helper()
			got := w.ask(call{path: path}, shop)
			must(t, json.Unmarshal(got.Body.Bytes(), &p))
			return p
		}
		first := read("/v3/withdrawals?limit=2")
		if len(first.Withdrawals) != 2 || !first.More || first.Next != ids[1] || first.Merchant != "shop" {
			t.Errorf("first page %+v", first)
		}
		if w := first.Withdrawals[0]; w.ID != ids[0] || w.WithdrawalID != "w-1" || w.State != "pending" || w.Amount != "100" || w.Account != "9012" || w.EndedAt != nil {
			t.Errorf("a withdrawal %+v", w)
		}
		if rest := read(fmt.Sprintf("/v3/withdrawals?after=%d", first.Next)); len(rest.Withdrawals) != 1 || rest.More || rest.Next != ids[2] {
			t.Errorf("second page %+v", rest)
		}
		one := fmt.Sprintf("/v3/withdrawals/%d", ids[0])
		for _, c := range []struct {
			name, method, path string
			other              bool
			code               int
			text               string
		}{
			{"one", http.MethodGet, one, false, http.StatusOK, `"state":"pending"`},
			{"another merchant's", http.MethodGet, one, true, http.StatusNotFound, "not_found"},
			{"another merchant's cancelled", http.MethodPost, one + "/cancel", true, http.StatusNotFound, "not_found"},
			{"no number", http.MethodGet, "/v3/withdrawals/x", false, http.StatusNotFound, "not_found"},
			{"none", http.MethodGet, "/v3/withdrawals/999999", false, http.StatusNotFound, "not_found"},
			{"a parameter", http.MethodGet, one + "?x=1", false, http.StatusBadRequest, "unknown_parameter"},
			{"a wrong limit", http.MethodGet, "/v3/withdrawals?limit=0", false, http.StatusBadRequest, "invalid_parameter"},
			{"a wrong place", http.MethodGet, "/v3/withdrawals?after=-1", false, http.StatusBadRequest, "invalid_parameter"},
			{"cancelled", http.MethodPost, one + "/cancel", false, http.StatusOK, `"state":"returned"`},
			{"cancelled again", http.MethodPost, one + "/cancel", false, http.StatusOK, `"state":"returned"`},
			{"balances", http.MethodGet, "/v3/balances", false, http.StatusOK, `"currency_code":"INR","available":"800","reserved":"200"`},
		} {
			secret := shop
			if c.other {
				secret = other
			}
			if got := w.ask(call{method: c.method, path: c.path}, secret); got.Code != c.code || !strings.Contains(got.Body.String(), c.text) {
				t.Errorf("%s: %d %s, want %d with %s", c.name, got.Code, got.Body, c.code, c.text)
			}
		}
		// One that a person is paying can't be taken back any more.
		key, err := w.g.AddOperator(context.Background(), "payer")
		must(t, err)
		by, err := w.g.Operator(context.Background(), key)
		must(t, err)
		id := withdrawal.ID(ids[1])
		_, err = w.g.ApproveWithdrawal(context.Background(), by, id, "")
		must(t, err)
		_, err = w.g.ClaimWithdrawal(context.Background(), by, id, false)
		must(t, err)
		if got := w.ask(call{method: http.MethodPost, path: fmt.Sprintf("/v3/withdrawals/%d/cancel", ids[1])}, shop); got.Code != http.StatusConflict || !strings.Contains(got.Body.String(), `"code":"conflict"`) {
			t.Errorf("cancel while it is paid: %d %s", got.Code, got.Body)
		}
	})
}
