package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/galla-gateway/galla/internal/keyring"
	"github.com/galla-gateway/galla/internal/testkit"
)

// with is the same console with more variables in its surroundings.
func (c *console) with(variables ...string) *console {
	other := *c
	other.environ = append(slices.Clone(c.environ), variables...)
	return &other
}

// hire adds a person and returns the console at which that person acts, and the key.
func (c *console) hire(name string) (*console, string) {
	c.t.Helper()
	added := c.json("operator", "add", name)
	key, _ := added["key"].(string)
	if !strings.HasPrefix(key, keyring.PrefixOperatorKey) || added["name"] != name || added["state"] != "active" {
		c.t.Fatalf("operator add: %v", added)
	}
	return c.with(operatorVariable + "=" + key), key
}

// desk is an installation with a merchant, at which two people act. Whatever is printed there is searched for their keys.
type desk struct {
	*console
	asha, ravi *console
	merchant   map[string]any
}

func eachDesk(t *testing.T, story func(t *testing.T, d *desk)) {
	eachConsole(t, func(t *testing.T, c *console) {
		d := &desk{console: c, merchant: c.json(shopArgs...)}
		var keys [2]string
		d.asha, keys[0] = c.hire("asha.rao")
		d.ravi, keys[1] = c.hire("ravi")
		var said strings.Builder
		for _, at := range []*console{d.console, d.asha, d.ravi} {
			at.said = &said
		}
		story(t, d)
		for i, key := range keys {
			if said.Len() == 0 || strings.Contains(said.String(), key) {
				t.Errorf("the key of person %d was printed again, or nothing was looked at", i)
			}
		}
	})
}

// fund gives the merchant money.
func (d *desk) fund(amount string) {
	d.t.Helper()
	proposed := d.asha.json("ledger", "topup", "--merchant", "shop", "--amount", amount, "--reason", "by cheque")
	d.ravi.ok("ledger", "book", idOf(proposed))
}

func idOf(document map[string]any) string { return document["id"].(json.Number).String() }

// wantBalances compares what the merchant has, what is reserved for withdrawals and what was paid out.
func (d *desk) wantBalances(merchant, reserved, paidOut string) {
	d.t.Helper()
	got := map[string]any{}
	for _, row := range d.list("balance", "--merchant", "shop") {
		if row["currency"] == "INR" {
			got[row["kind"].(string)] = row["balance"]
		}
	}
	if got["merchant"] != merchant || got["reserved"] != reserved || got["paid_out"] != paidOut {
		d.t.Errorf("balances %v, want merchant %s, reserved %s, paid out %s", got, merchant, reserved, paidOut)
	}
}

func TestOperatorKeyIsPrintedOnce(t *testing.T) {
	eachConsole(t, func(t *testing.T, c *console) {
		_, key := c.hire("asha")
		text := c.ok("operator", "add", "ravi")
		at := strings.Index(text, keyring.PrefixOperatorKey)
		if at < 0 || strings.Count(text, keyring.PrefixOperatorKey) != 1 || !strings.Contains(text, "shown once") || !strings.Contains(text, operatorVariable) {
			t.Fatalf("operator add: %s", text)
		}
		second := strings.Fields(text[at:])[0]
		if second == key {
			t.Error("two people have one key")
		}
		c.fails(exitFailed, "there is an operator asha already", "operator", "add", "asha")
		for _, name := range []string{"", "Asha", "a b", ".a", "é"} {
			c.fails(exitUsage, "name: expected", "operator", "add", name)
		}
		people := c.list("operator", "list")
		if len(people) != 2 || people[0]["name"] != "asha" || people[1]["name"] != "ravi" || people[1]["state"] != "active" || people[1]["created_at"] == "" {
			t.Errorf("list: %v", people)
		}
		for _, args := range [][]string{{"operator", "list"}, {"operator", "list", "--json"}, {"audit", "log"}, {"audit", "log", "--json"}, {"find", "asha"}, {"doctor"}} {
			if got := c.run(args...); strings.Contains(got.stdout+got.stderr, keyring.PrefixOperatorKey) {
				t.Errorf("galla %v shows a key: %s%s", args, got.stdout, got.stderr)
			}
		}
		if retired := c.json("operator", "retire", "asha"); retired["name"] != "asha" || retired["state"] != "retired" {
			t.Errorf("retire: %v", retired)
		}
		if people := c.list("operator", "list"); people[0]["state"] != "retired" || people[1]["state"] != "active" {
			t.Errorf("list: %v", people)
		}
		if text := c.ok("operator", "list"); !strings.Contains(text, "retired") || !strings.Contains(text, "ravi") {
			t.Errorf("list: %s", text)
		}
		c.fails(exitFailed, `no operator "nobody"`, "operator", "retire", "nobody")
		c.fails(exitFailed, "there is an operator asha already", "operator", "add", "asha") // what asha did stays asha's
	})
}

// Every act of a person needs one key of one active person, and says how the key was given wrongly.
func TestOperatorSaysWhoActs(t *testing.T) {
	eachDesk(t, func(t *testing.T, d *desk) {
		elsewhere := newConsole(t, testkit.SQLite(t))
		elsewhere.ok("key", "new", "--file", elsewhere.keyFile)
		elsewhere.ok("migrate")
		_, stranger := elsewhere.hire("asha.rao") // of the same name, in another installation
		folder := t.TempDir()
		file := func(name, text string) string {
			path := filepath.Join(folder, name)
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			return operatorFileVariable + "=" + path
		}
		key, _ := strings.CutPrefix(d.asha.environ[len(d.asha.environ)-1], operatorVariable+"=")
		retired, _ := d.hire("meena")
		d.ok("operator", "retire", "meena")
		acts := [][]string{
			{"ledger", "topup", "--merchant", "shop", "--amount", "1", "--reason", "x"}, {"ledger", "settle", "--merchant", "shop", "--amount", "1", "--reason", "x"},
			{"ledger", "book", "1"}, {"ledger", "refuse", "1"}, {"withdrawal", "approve", "1"}, {"withdrawal", "refuse", "1", "--reason", "x"},
			{"withdrawal", "cancel", "1", "--reason", "x"}, {"withdrawal", "claim", "1"}, {"withdrawal", "settle", "1", "--utr", "412345678901"},
			{"withdrawal", "resolve", "1", "--failed", "--proof", "x"},
		}
		for _, args := range acts {
			for _, test := range []struct {
				what string
				by   *console
				code int
			}{
				{"who acts?", d.console, exitUsage},
				{"who acts?", d.with(operatorVariable + "="), exitUsage},
				{"who acts?", d.with(file("empty", " \n")), exitUsage},
				{"unknown or retired", d.with(operatorVariable + "=" + stranger), exitUsage},
				{"unknown or retired", d.with(operatorVariable + "=asha.rao"), exitUsage}, // a name is no key
				{"unknown or retired", retired, exitUsage},
				{"not both", d.asha.with(file("key", key)), exitUsage},
				{operatorFileVariable, d.with(operatorFileVariable + "=" + filepath.Join(folder, "none")), exitFailed},
			} {
				got := test.by.fails(test.code, test.what, args...)
				if got.stdout != "" || strings.Contains(got.stderr, stranger) || strings.Contains(got.stderr, keyring.PrefixOperatorKey) {
					t.Errorf("galla %v: stdout %q, stderr %q", args, got.stdout, got.stderr)
				}
			}
		}
		if got := d.list("ledger", "list"); len(got) != 0 {
			t.Errorf("somebody unknown proposed: %v", got)
		}
		d.with(file("key", "  "+key+"\n")).ok(acts[0]...)
		if got := d.list("audit", "log"); got[len(got)-1]["actor"] != "operator:asha.rao" {
			t.Errorf("the key of a file isn't asha's: %v", got)
		}
	})
}

func TestLedgerNeedsTwoPeople(t *testing.T) {
	eachDesk(t, func(t *testing.T, d *desk) {
		proposed := d.asha.json("ledger", "topup", "--merchant", "shop", "--amount", "1000.50", "--reason", "cheque 17")
		if proposed["state"] != "proposed" || proposed["amount"] != "1000.50" || proposed["currency"] != "INR" || proposed["kind"] != "topup" {
			t.Errorf("topup: %v", proposed)
		}
		id := idOf(proposed)
		d.wantBalances("0.00", "0.00", "0.00")
		d.asha.fails(exitFailed, "another operator must book it", "ledger", "book", id)
		d.wantBalances("0.00", "0.00", "0.00")
		booked := d.ravi.json("ledger", "book", id)
		if booked["state"] != "booked" || booked["made_by"] != json.Number("1") || booked["checked_by"] != json.Number("2") || booked["decided_at"] == nil {
			t.Errorf("book: %v", booked)
		}
		d.ravi.ok("ledger", "book", id) // again: nothing changes
		d.wantBalances("1000.50", "0.00", "0.00")
		d.ravi.fails(exitFailed, "is booked", "ledger", "refuse", id)

		// What is paid out can't be more than there is when it is booked, whatever it was when it was proposed.
		first := idOf(d.ravi.json("ledger", "settle", "--merchant", "shop", "--amount", "600", "--reason", "paid to them"))
		second := idOf(d.ravi.json("ledger", "settle", "--merchant", "shop", "--amount", "600", "--reason", "paid to them"))
		if text := d.asha.ok("ledger", "book", first); !strings.Contains(text, "booked: settlement of 600.00 INR, merchant shop") {
			t.Errorf("book: %s", text)
		}
		d.asha.fails(exitFailed, "takes more than there is", "ledger", "book", second)
		d.wantBalances("400.50", "0.00", "0.00")
		d.ravi.ok("ledger", "refuse", second) // who proposed it may take it back
		d.asha.fails(exitFailed, "is refused", "ledger", "book", second)
		d.wantBalances("400.50", "0.00", "0.00")

		if text := d.asha.ok("ledger", "topup", "--merchant", "shop", "--amount", "5", "--reason", "\x1b[2J"); !strings.Contains(text, "Another operator books it: galla ledger book ") {
			t.Errorf("topup: %s", text)
		}
		if got := d.list("ledger", "list"); len(got) != 4 || got[0]["amount"] != "5.00" || idOf(got[3]) != id || got[3]["reason"] != "cheque 17" || got[3]["merchant"] != "shop" {
			t.Errorf("list: %v", got)
		}
		for state, want := range map[string]int{"booked": 2, "refused": 1, "proposed": 1} {
			if got := d.list("ledger", "list", "--state", state); len(got) != want || got[0]["state"] != state {
				t.Errorf("%s: %v", state, got)
			}
		}
		page := d.list("ledger", "list", "--limit", "3")
		if next := d.list("ledger", "list", "--after", idOf(page[2])); len(page) != 3 || len(next) != 1 || idOf(next[0]) != id {
			t.Errorf("pages: %v, %v", page, next)
		}
		if text := d.ok("ledger", "list"); strings.Contains(text, "\x1b") || !strings.Contains(text, "cheque 17") {
			t.Errorf("list: %q", text)
		}
		if got := d.json("audit"); got["ok"] != true {
			t.Errorf("audit: %v", got)
		}
	})
}

func TestLedgerUsedWrongly(t *testing.T) {
	eachDesk(t, func(t *testing.T, d *desk) {
		for _, test := range []struct{ what, args string }{
			{`"amount", "merchant", "reason" not set`, "topup"},
			{"--amount", "topup --merchant shop --reason x --amount ten"},
			{"--amount", "topup --merchant shop --reason x --amount 1.234"},
			{"amount: expected more than 0", "settle --merchant shop --reason x --amount 0"},
			{"--reason: say why", "topup --merchant shop --amount 1 --reason="},
			{"adjustment: expected the number", "book one"},
			{"accepts 1 arg(s)", "refuse"},
			{"--state: expected one of proposed", "list --state open"},
			{"--limit: expected 1 to", "list --limit 0"},
			{"--after", "list --after -1"},
		} {
			d.asha.fails(exitUsage, test.what, append([]string{"ledger"}, strings.Fields(test.args)...)...)
		}
		d.asha.fails(exitUsage, "--reason: say why", "ledger", "settle", "--merchant", "shop", "--amount", "1", "--reason", " ")
		d.asha.fails(exitFailed, "nobody", "ledger", "topup", "--merchant", "nobody", "--amount", "1", "--reason", "x")
		d.asha.fails(exitFailed, "no adjustment 77", "ledger", "book", "77")
		if got := d.list("ledger", "list"); len(got) != 0 {
			t.Errorf("proposed: %v", got)
		}
	})
}

func TestAuditLogListsActs(t *testing.T) {
	eachDesk(t, func(t *testing.T, d *desk) {
		began := d.clock.Now()
		d.clock.Advance(time.Hour)
		id := idOf(d.asha.json("ledger", "topup", "--merchant", "shop", "--amount", "10", "--reason", "cheque \u202e17"))
		d.ravi.ok("ledger", "book", id)
		d.ok("operator", "retire", "ravi")
		d.fails(exitFailed, "no operator", "operator", "retire", "nobody") // what didn't happen isn't listed
		var got []string
		for i, row := range d.list("audit", "log") {
			if row["seq"] != json.Number(fmt.Sprint(i+1)) {
				t.Errorf("row %d: %v", i, row)
			}
			at := began
			if i > 2 {
				at = d.clock.Now()
			}
			if row["at"] != moment(at.UnixMicro()) {
				t.Errorf("row %d is of %v, want %v", i, row["at"], at)
			}
			got = append(got, fmt.Sprintf("%v %v %v %v", row["actor"], row["act"], row["subject"], row["detail"]))
		}
		if want := []string{
			"shell:tester merchant.added merchant:shop ", "shell:tester operator.added operator:asha.rao ", "shell:tester operator.added operator:ravi ",
			"operator:asha.rao adjustment.proposed adjustment:" + id + " topup shop 10.00 INR cheque \u202e17",
			"operator:ravi adjustment.booked adjustment:" + id + " ", "shell:tester operator.retired operator:ravi ",
		}; !slices.Equal(got, want) {
			t.Errorf("log:\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		if text := d.ok("audit", "log"); !strings.Contains(text, "operator:asha.rao") || strings.Contains(text, "\u202e") || !strings.Contains(text, "adjustment.proposed") {
			t.Errorf("log: %q", text)
		}
		if page := d.list("audit", "log", "--after", "1", "--limit", "2"); len(page) != 2 || page[0]["seq"] != json.Number("2") || page[1]["seq"] != json.Number("3") {
			t.Errorf("page: %v", page)
		}
		if page := d.list("audit", "log", "--after", "6"); len(page) != 0 {
			t.Errorf("behind the end: %v", page)
		}
		d.fails(exitUsage, "--limit: expected 1 to", "audit", "log", "--limit", "0")
		d.fails(exitUsage, "--after", "audit", "log", "--after", "-1")
	})
}

func TestAuditLogIsVerified(t *testing.T) {
	for name, test := range map[string]struct {
		change string
		bad    int
	}{
		"changed": {"UPDATE audit_log SET detail = 'topup shop 1.00 INR x' WHERE seq = 4", 4},
		"removed": {"DELETE FROM audit_log WHERE seq = 2", 2},
		"cut off": {"DELETE FROM audit_log WHERE seq = 4", 4},
	} {
		t.Run(name, func(t *testing.T) {
			eachDesk(t, func(t *testing.T, d *desk) {
				d.asha.ok("ledger", "topup", "--merchant", "shop", "--amount", "10", "--reason", "x")
				if got := d.json("audit", "verify"); got["rows"] != json.Number("4") || got["first_bad"] != json.Number("0") {
					t.Errorf("verify: %v", got)
				}
				if text := d.ok("audit", "verify"); !strings.Contains(text, "4 rows are as they were written") {
					t.Errorf("verify: %s", text)
				}
				d.mutate(test.change)
				bad := fmt.Sprintf("row %d of the audit log is bad", test.bad)
				got := d.fails(exitFailed, bad, "audit", "verify", "--json")
				var document map[string]any
				one(t, got.stdout, &document)
				if document["first_bad"] != json.Number(fmt.Sprint(test.bad)) || document["problem"] == "" || document["rows"] != json.Number(fmt.Sprint(test.bad-1)) {
					t.Errorf("verify: %v", document)
				}
				d.fails(exitFailed, bad, "audit", "verify")
			})
		})
	}
}
