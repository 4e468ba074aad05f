package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/galla-gateway/galla/internal/deposit"
	"github.com/galla-gateway/galla/internal/evidence"
	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/method"
)

func TestClaims(t *testing.T) {
	eachConsole(t, func(t *testing.T, c *console) {
		s := c.shop()
		s.see("321302038123", "500", "payer@ybl")
		s.claim("order-1", "label-1", "321302038123", "500", deposit.Accepted)
		s.see("321302038124", "250.50", "other@ybl")
		s.claim("order-2", "label-2", "321302038124", "250", deposit.Held)
		s.claim("order-3", "label-3", "321302038124", "250.50", deposit.Held) // another payer: contested
		s.claim("order-4", "label-4", "321302038999", "9", deposit.Waiting)
		s.claim("order-4", "label-4", "321302038998", "9", deposit.Waiting) // a correction

		if got := c.list("claim", "list"); len(got) != 5 || got[0]["order_id"] != "order-4" || got[4]["credited"] != "500.00" {
			t.Errorf("list: %v", got)
		}
		page := c.list("claim", "list", "--limit", "2")
		next := c.list("claim", "list", "--limit", "2", "--after", page[1]["id"].(json.Number).String())
		if len(next) != 2 || next[0]["order_id"] != "order-3" {
			t.Errorf("second page: %v", next)
		}
		held := c.list("claim", "list", "--state", "held", "--merchant", "shop")
		if len(held) != 2 {
			t.Fatalf("held: %v", held)
		}
		id := func(row map[string]any) string { return row["id"].(json.Number).String() }
		third, second := id(held[0]), id(held[1])

		c.fails(exitFailed, "isn't held", "claim", "accept", "1", "--reason", "x")
		accepted := c.json("claim", "accept", second, "--reason", "spoke to the payer")
		if accepted["state"] != "accepted" || accepted["credited"] != "250.50" {
			t.Errorf("accepted: %v", accepted)
		}
		moves := accepted["transitions"].([]any)
		last := moves[len(moves)-1].(map[string]any)
		if last["actor"] != "tester" || !strings.Contains(fmt.Sprint(last), "spoke to the payer") {
			t.Errorf("who decided and why isn't kept: %v", last)
		}
		if others := accepted["others"].([]any); len(others) != 1 || others[0].(map[string]any)["state"] != "refused" {
			t.Errorf("the other held claim: %v", others)
		}
		c.fails(exitFailed, "isn't held", "claim", "refuse", third, "--reason", "x")

		first := c.json("claim", "show", id(c.list("claim", "list", "--state", "accepted")[1]))
		why := first["transitions"].([]any)[0].(map[string]any)
		if why["facts"].(map[string]any)["rule"] != json.Number("13") || why["facts"].(map[string]any)["fits"] != true || why["to"] != "accepted" || why["reason"] != "matched" {
			t.Errorf("why it was accepted: %v", why)
		}
		postback := first["postback"].(map[string]any)
		if postback["state"] != "pending" || !strings.Contains(postback["body"].(string), `"plugin_custom_order_id":"order-1"`) {
			t.Errorf("postback: %v", postback)
		}
		if first["deposit"].(map[string]any)["amount"] != "500.00" || first["transfer"].(map[string]any)["number"] != "321302038123" {
			t.Errorf("credit: %v", first)
		}
		if told := first["evidence"].([]any); len(told) != 1 || told[0].(map[string]any)["sender"] != "VM-HDFCBK" {
			t.Errorf("evidence: %v", first["evidence"])
		}
		corrected := c.json("claim", "show", id(c.list("claim", "list", "--state", "waiting")[0]))
		if history := corrected["history"].([]any); len(history) != 1 || history[0].(map[string]any)["state"] != "withdrawn" {
			t.Errorf("history: %v", corrected)
		}
		if text := c.ok("claim", "show", second); !strings.Contains(text, "spoke to the payer") || !strings.Contains(text, "other claims on the number") {
			t.Errorf("show: %s", text)
		}
		c.fails(exitFailed, "no claim 777", "claim", "show", "777")
		if got := c.json("audit"); got["ok"] != true || strings.Contains(fmt.Sprint(got), "examples") {
			t.Errorf("audit: %v", got)
		}
		balances := map[string]any{}
		for _, row := range c.list("balance", "--merchant", "shop") {
			balances[row["kind"].(string)] = row["balance"]
		}
		if len(balances) != 5 || balances["merchant"] != "750.50" || balances["fees"] != "0.00" {
			t.Errorf("balance: %v", balances)
		}
		for _, row := range c.list("balance") {
			_, ofAccount := row["account_id"]
			if received := row["kind"] == "receiving" || row["kind"] == "unclaimed"; ofAccount != received {
				t.Errorf("whose is it? %v", row)
			}
		}
		c.fails(exitFailed, "no merchant nobody", "balance", "--merchant", "nobody")
	})
}

func TestTransfersAndEvidence(t *testing.T) {
	eachConsole(t, func(t *testing.T, c *console) {
		s := c.shop()
		for i := range 2 {
			number := fmt.Sprintf("32130203812%d", i)
			s.see(number, "500", "payer@ybl")
			s.see(number, "501", "payer@ybl")
		}
		quarantined := c.list("transfer", "list", "--state", "quarantined", "--account", "1")
		if len(quarantined) != 2 || fmt.Sprint(quarantined[0]["marks"]) != "[amount_conflict]" {
			t.Fatalf("quarantined: %v", quarantined)
		}
		s.claim("order-1", "label-1", "321302038120", "500", deposit.Held)
		id := quarantined[1]["id"].(json.Number).String()
		released := c.json("transfer", "release", id, "--reason", "statement says 500")
		if released["state"] != "credited" || released["deposit"] == nil || len(released["evidence"].([]any)) != 2 {
			t.Errorf("released: %v", released)
		}
		if !strings.Contains(fmt.Sprint(released["transitions"]), "statement says 500") || !strings.Contains(fmt.Sprint(released["transitions"]), "tester") {
			t.Errorf("who released it and why isn't kept: %v", released["transitions"])
		}
		var states []string
		for _, move := range released["transitions"].([]any) {
			states = append(states, move.(map[string]any)["to"].(string))
		}
		if got := strings.Join(states, " "); got != "observed quarantined observed credited" {
			t.Errorf("a released transfer went through: %s", got)
		}
		rejected := c.json("transfer", "reject", quarantined[0]["id"].(json.Number).String(), "--reason", "not on the statement")
		if rejected["state"] != "rejected" {
			t.Errorf("rejected: %v", rejected)
		}
		c.fails(exitFailed, "can't become", "transfer", "reject", id, "--reason", "x")
		c.fails(exitFailed, "no transfer 99", "transfer", "show", "99")
		if text := c.ok("transfer", "show", id); !strings.Contains(text, "statement says 500") {
			t.Errorf("show: %s", text)
		}

		message := `{"sender":"VM-FOOBAR-S","text":"Rs.75.00 credited to A/c xx1234 on 22-11-26 from VPA a@b (UPI 321302038777)","received_at":"2026-11-22T10:00:00Z"}`
		s.observe(gateway.EvidenceItem{Outcome: evidence.Unparsed, Reason: evidence.ReasonNotACredit, Rail: method.RailIndia, Raw: []byte(message), Sender: "VM-FOOBAR-S"})
		s.claim("order-2", "label-2", "321302038777", "75", deposit.Waiting)
		unparsed := c.list("evidence", "list", "--outcome", "unparsed")
		if len(unparsed) != 1 || unparsed[0]["raw"] != message || unparsed[0]["explained"] == "" {
			t.Fatalf("unparsed: %v", unparsed)
		}
		if text := c.ok("evidence", "show", unparsed[0]["id"].(json.Number).String()); !strings.Contains(text, "VM-FOOBAR-S") {
			t.Errorf("show: %s", text)
		}
		c.fails(exitFailed, "no evidence 99", "evidence", "show", "99")
		c.ok("sender", "add", "FOOBAR", "--bank", "Foo Bank")
		if got := c.json("evidence", "retry"); got["read"] != json.Number("1") || got["created"] != json.Number("1") {
			t.Fatalf("retry: %v", got)
		}
		s.claim("order-2", "label-2", "321302038777", "75", deposit.Accepted)
		if got := c.json("evidence", "retry"); got["read"] != json.Number("0") {
			t.Errorf("a second retry: %v", got)
		}
	})
}

func TestFind(t *testing.T) {
	eachConsole(t, func(t *testing.T, c *console) {
		s := c.shop()
		s.see("321302038123", "500", "payer@ybl")
		s.claim("order-1", "label_1", "321302038123", "500", deposit.Accepted)
		s.clock.Advance(time.Minute)
		s.claim("order-10", "labelx1", "321302038999", "9", deposit.Waiting)
		deposits := c.json("claim", "show", c.list("claim", "list", "--state", "accepted")[0]["id"].(json.Number).String())["deposit"].(map[string]any)
		for _, test := range []struct{ text, want string }{
			{"321302038123", "claim transfer evidence"},
			{" UTR 3213 0203 8123", "claim transfer evidence"},
			{"3213020381", "claim transfer evidence"},
			{"order-1", "claim claim"}, // and order-10, which begins with it
			{"order-10", "claim"},
			{"label_1", "claim"}, // an underscore is a character, not a pattern
			{"payer@ybl", "transfer"},
			{"payer", "transfer"},
			{"order%", ""},
			{"ORDER-10", ""},
			{deposits["id"].(json.Number).String(), "claim transfer"},
		} {
			var kinds []string
			for _, hit := range c.list("find", test.text) {
				kinds = append(kinds, hit["kind"].(string))
			}
			if got := strings.Join(kinds, " "); !sameWords(got, test.want) {
				t.Errorf("find %q: %q, want %q", test.text, got, test.want)
			}
		}
		hits := c.list("find", "order-1")
		if hits[0]["who"] != "shop, order order-10, payer labelx1" {
			t.Errorf("the newest must come first: %v", hits)
		}
		if text := c.ok("find", "nothing"); text != "none\n" {
			t.Errorf("nothing found: %q", text)
		}
	})
}

// sameWords compares words in any order: rows of one moment have none.
func sameWords(a, b string) bool {
	count := map[string]int{}
	for _, word := range strings.Fields(a) {
		count[word]++
	}
	for _, word := range strings.Fields(b) {
		count[word]--
	}
	for _, n := range count {
		if n != 0 {
			return false
		}
	}
	return true
}

func TestAuditExitsWithOneWhenACheckFails(t *testing.T) {
	eachConsole(t, func(t *testing.T, c *console) {
		s := c.shop()
		s.see("321302038123", "500", "payer@ybl")
		s.claim("order-1", "label-1", "321302038123", "500", deposit.Accepted)
		if text := c.ok("audit"); strings.Contains(text, "FAILED") {
			t.Errorf("audit: %s", text)
		}
		c.mutate("UPDATE deposit SET amount = amount + 1")
		got := c.fails(exitFailed, "comparisons failed", "audit", "--json")
		var document map[string]any
		one(t, got.stdout, &document)
		if document["ok"] != false || !strings.Contains(got.stdout, "its transfer 50000 INR") {
			t.Errorf("audit: %s", got.stdout)
		}
		if text := c.fails(exitFailed, "comparisons failed", "audit").stdout; !strings.Contains(text, "FAILED") {
			t.Errorf("audit: %s", text)
		}
	})
}

func TestDoctor(t *testing.T) {
	eachConsole(t, func(t *testing.T, c *console) {
		states := func() map[string]string {
			found := map[string]string{}
			for _, line := range c.json("doctor")["checks"].([]any) {
				check := line.(map[string]any)
				found[check["check"].(string)] = check["state"].(string)
			}
			return found
		}
		if got := states(); got["merchants"] != "warn" || got["key"] != "ok" || got["database"] != "ok" {
			t.Errorf("an empty installation: %v", got)
		}
		c.ok(shopArgs...)
		if got := states(); got["wallets"] != "warn" || got["merchants"] != "ok" {
			t.Errorf("a merchant without wallet: %v", got)
		}
		c.ok("wallet", "add", "--method", "phone_pe", "--identifier", "6234234234", "--holder", "NAME")
		if got := states(); got["wallets"] != "ok" || got["sources"] != "warn" || got["rates"] != "ok" {
			t.Errorf("a wallet without source: %v", got)
		}
		if _, err := c.server().StatementSource(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		if got := states(); got["sources"] != "warn" {
			t.Errorf("a wallet with imports only: %v", got)
		}
		c.ok("source", "add", "--wallet", "1", "--kind", "sms")
		c.ok("wallet", "add", "--method", "bkash", "--identifier", "01712345678", "--holder", "NAME")
		c.ok("source", "add", "--wallet", "2", "--kind", "transfers")
		if got := states(); got["sources"] != "ok" || got["rates"] != "warn" {
			t.Errorf("a currency without rate: %v", got)
		}
		c.ok("rate", "set", "BDT", "INR", "0.71")
		for check, state := range states() {
			if state != "ok" && check != "disk" {
				t.Errorf("%s is %s in a complete installation", check, state)
			}
		}
		s := &shop{c, c.server()}
		s.see("321302038123", "500", "payer@ybl")
		s.claim("order-1", "label-1", "321302038123", "500", deposit.Accepted)
		s.claim("order-2", "label-1", "321302038124", "500", deposit.Waiting)
		c.mutate("UPDATE claim SET state = 'held' WHERE order_id = 'order-2'")
		s.clock.Advance(time.Hour)
		if got := states(); got["held"] != "warn" || got["postbacks"] != "warn" || got["exhausted"] != "ok" {
			t.Errorf("held and undelivered: %v", got)
		}
		c.mutate("UPDATE postback SET state = 'exhausted', ended_at = 1")
		c.mutate("UPDATE installation SET recovery_at = 1")
		if got := states(); got["exhausted"] != "warn" || got["postbacks"] != "ok" || got["recovery"] != "warn" {
			t.Errorf("exhausted, in recovery: %v", got)
		}
		s.clock.Advance(-2 * time.Hour)
		var document map[string]any
		failed := c.fails(exitFailed, "something failed", "doctor", "--json")
		one(t, failed.stdout, &document)
		if document["ok"] != false || !strings.Contains(failed.stdout, `"check":"clock","state":"fail"`) {
			t.Errorf("a clock that went back: %s", failed.stdout)
		}
	})
}

func TestRecovery(t *testing.T) {
	eachConsole(t, func(t *testing.T, c *console) {
		s := c.shop()
		if got := c.json("recovery", "status"); got["recovery"] != false {
			t.Errorf("status: %v", got)
		}
		c.fails(exitFailed, "isn't in recovery", "recovery", "end", "--reason", "x")
		c.mutate("UPDATE installation SET recovery_at = 1795000000000000, revision = revision + 1")
		if err := s.g.Reload(context.Background()); err != nil {
			t.Fatal(err)
		}
		s.see("321302038123", "500", "payer@ybl")
		s.claim("order-1", "label-1", "321302038123", "500", deposit.Held)
		if got := c.json("recovery", "status"); got["recovery"] != true || got["since"] == "" {
			t.Errorf("status: %v", got)
		}
		if got := c.json("recovery", "end", "--reason", "statements are in"); got["judged"] != json.Number("1") {
			t.Errorf("end: %v", got)
		}
		s.claim("order-1", "label-1", "321302038123", "500", deposit.Accepted)
	})
}

func TestActor(t *testing.T) {
	a := &app{environ: []string{"GALLA_ACTOR=one", "GALLA_ACTOR= two\x1b[31m\n "}}
	if got := a.actor(); got != "two[31m" {
		t.Errorf("actor %q", got)
	}
	a.environ = []string{"GALLA_ACTOR=" + strings.Repeat("é", 200)}
	if got := []rune(a.actor()); len(got) != maxActor {
		t.Errorf("an actor of %d characters", len(got))
	}
	a.environ = nil
	if a.actor() == "" {
		t.Error("without GALLA_ACTOR the system's user acts")
	}
}
