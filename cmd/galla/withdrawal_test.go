package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/galla-gateway/galla"
	"github.com/galla-gateway/galla/internal/merchant"
	"github.com/galla-gateway/galla/internal/payout"
)

// ask sends a withdrawal as an edge hands it over: signed by the merchant, read, and its signature verified. It returns the
// number by which people know it.
func (d *desk) ask(id string, rupees int64, change func(*galla.WithdrawalRequest)) string {
	d.t.Helper()
	return d.askFor(1, d.merchant, id, rupees, change)
}

func (d *desk) askFor(of merchant.ID, keys map[string]any, id string, rupees int64, change func(*galla.WithdrawalRequest)) string {
	d.t.Helper()
	request := galla.WithdrawalRequest{
		WithdrawalID: id, PaymentSystem: galla.PaymentSystemIMPS, Amount: rupees, CurrencyCode: "INR", Label: "payee-1", AccountNumber: "123456789012",
		AccountName: "Meena Iyer", BankCode: "HDFC0001234",
	}
	if change != nil {
		change(&request)
	}
	key := keys["withdrawal_private_key"].(string)
	body, err := request.AppendJSON(nil, key)
	if err != nil {
		d.t.Fatal(err)
	}
	read, err := galla.DecodeWithdrawal(body)
	if err != nil {
		d.t.Fatal(err)
	}
	if err := read.Verify(key); err != nil {
		d.t.Fatal(err)
	}
	taken, err := d.server().RequestWithdrawal(context.Background(), of, read)
	if err != nil {
		d.t.Fatal(err)
	}
	return number(int64(taken.ID))
}

// claimed is a withdrawal that asha has approved and pays by hand.
func (d *desk) claimed(id string, rupees int64) string {
	d.t.Helper()
	n := d.ask(id, rupees, nil)
	d.asha.ok("withdrawal", "approve", n)
	d.asha.ok("withdrawal", "claim", n)
	return n
}

// wantState compares the state and the bank's number of a withdrawal.
func (d *desk) wantState(n, state string, utr any) {
	d.t.Helper()
	if got := d.json("withdrawal", "show", n); got["state"] != state || got["utr"] != utr {
		d.t.Errorf("withdrawal %s is %v by %v, want %s by %v", n, got["state"], got["utr"], state, utr)
	}
}

// acts are those in the audit log about a withdrawal, in words.
func (d *desk) acts(n string) []string {
	d.t.Helper()
	var acts []string
	for _, row := range d.list("audit", "log") {
		if row["subject"] == "withdrawal:"+n {
			acts = append(acts, fmt.Sprintf("%v %v %v", row["actor"], row["act"], row["detail"]))
		}
	}
	return acts
}

// wantClean is that all books agree with each other.
func (d *desk) wantClean() {
	d.t.Helper()
	if got := d.json("audit"); got["ok"] != true {
		d.t.Errorf("audit: %v", got)
	}
	d.ok("audit", "verify")
}

func TestWithdrawalIsPaidByHand(t *testing.T) {
	eachDesk(t, func(t *testing.T, d *desk) {
		d.fund("1000")
		n := d.ask("w-1", 700, nil)
		d.wantBalances("300.00", "700.00", "0.00")
		d.asha.fails(exitFailed, "only an approved one can be paid", "withdrawal", "claim", n)
		hash := d.json("withdrawal", "show", n)["hash"].(string)
		wrong := strings.Repeat("0", len(hash))
		d.asha.fails(exitFailed, "isn't what you looked at: its hash is "+hash, "withdrawal", "approve", n, "--hash", wrong)
		d.wantState(n, "created", nil)
		approved := d.asha.json("withdrawal", "approve", n, "--hash", hash)
		given := approved["approvals"].([]any)
		if approved["state"] != "approved" || len(given) != 1 || given[0].(map[string]any)["operator"] != "asha.rao" || given[0].(map[string]any)["hash"] != hash {
			t.Errorf("approve: %v", approved)
		}

		claim := d.asha.json("withdrawal", "claim", n)
		reference := approved["reference"]
		want := map[string]any{
			"id": json.Number(n), "reference": reference, "amount": "700.00", "currency": "INR", "account_number": "123456789012", "account_name": "Meena Iyer", "ifsc": "HDFC0001234",
		}
		if fmt.Sprint(claim) != fmt.Sprint(want) || len(reference.(string)) != payout.ReferenceLength {
			t.Errorf("claim: %v, want %v", claim, want)
		}
		d.ravi.fails(exitFailed, "is being paid by operator 1", "withdrawal", "claim", n)
		again := d.asha.ok("withdrawal", "claim", n) // who pays it may look again
		for _, part := range []string{"700.00 INR", "Meena Iyer", "123456789012", "HDFC0001234", reference.(string), "galla withdrawal settle " + n + " --utr"} {
			if !strings.Contains(again, part) {
				t.Errorf("claim lacks %q: %s", part, again)
			}
		}
		d.ravi.fails(exitFailed, "isn't claimed by ravi", "withdrawal", "settle", n, "--utr", "412345678901")
		taken := d.ravi.ok("withdrawal", "claim", n, "--take-over")
		if !strings.Contains(taken, "123456789012") || !strings.Contains(taken, "look at the bank for "+reference.(string)+" first") {
			t.Errorf("take over: %s", taken)
		}
		d.asha.fails(exitFailed, "isn't claimed by asha.rao", "withdrawal", "settle", n, "--utr", "412345678901")

		for _, utr := range []string{"41234567890", "4123456789012", "41234567890x", " 412345678901", "۴12345678901"} {
			d.ravi.fails(exitUsage, "utr: expected the 12 digits", "withdrawal", "settle", n, "--utr", utr)
		}
		d.wantState(n, "submitted", nil)
		d.wantBalances("300.00", "700.00", "0.00")
		paid := d.ravi.json("withdrawal", "settle", n, "--utr", "412345678901")
		answers := paid["answers"].([]any)
		if paid["state"] != "paid" || paid["utr"] != "412345678901" || len(answers) != 1 || answers[0].(map[string]any)["source"] != "operator:ravi" {
			t.Errorf("settle: %v", paid)
		}
		d.wantBalances("300.00", "0.00", "700.00")
		d.ravi.ok("withdrawal", "settle", n, "--utr", "412345678901") // again: nothing changes
		d.wantBalances("300.00", "0.00", "700.00")
		if got, want := d.acts(n), []string{
			"operator:asha.rao withdrawal.approved " + hash, "operator:asha.rao withdrawal.claimed " + hash, "operator:ravi withdrawal.taken_over ",
			"operator:ravi withdrawal.paid 412345678901",
		}; !slices.Equal(got, want) {
			t.Errorf("acts %q, want %q", got, want)
		}

		second := d.claimed("w-2", 100) // the bank's number is the proof of one withdrawal only
		d.asha.fails(exitFailed, "is the proof of another withdrawal", "withdrawal", "settle", second, "--utr", "412345678901")
		d.wantState(second, "submitted", nil)
		d.wantClean()
	})
}

func TestWithdrawalThatTheBankRefused(t *testing.T) {
	eachDesk(t, func(t *testing.T, d *desk) {
		d.fund("1000")
		n := d.claimed("w-1", 700)
		failed := d.asha.json("withdrawal", "settle", n, "--failed", "--reason", "account closed")
		if failed["state"] != "failed" || failed["reason"] != "account closed" {
			t.Errorf("settle: %v", failed)
		}
		d.wantBalances("300.00", "700.00", "0.00") // it isn't the merchant's again by one person's word
		proof := []string{"withdrawal", "resolve", n, "--failed", "--proof", "statement, page 2"}
		for range 2 { // one person twice is one person
			first := d.asha.run(append(slices.Clone(proof), "--json")...)
			var document map[string]any
			one(t, first.stdout, &document)
			if first.code != exitDone || document["state"] != "failed" || !strings.Contains(first.stderr, "another operator says the same") {
				t.Errorf("resolve: exit %d, %s%s", first.code, first.stdout, first.stderr)
			}
		}
		d.wantBalances("300.00", "700.00", "0.00")
		second := d.ravi.run(proof...)
		if second.code != exitDone || !strings.Contains(second.stdout, "refunded") || !strings.Contains(second.stdout, "statement, page 2") || second.stderr != "" {
			t.Errorf("resolve: exit %d, %s%s", second.code, second.stdout, second.stderr)
		}
		d.wantState(n, "refunded", nil)
		d.wantBalances("1000.00", "0.00", "0.00")
		d.ravi.fails(exitFailed, "is refunded: people resolve what is unknown or failed", "withdrawal", "resolve", n, "--utr", "412345678901", "--proof", "x")
		acts := d.acts(n)
		if len(acts) != 6 || acts[2] != "operator:asha.rao withdrawal.failed account closed" || !strings.HasPrefix(acts[5], "operator:ravi withdrawal.resolved") {
			t.Errorf("acts %q", acts)
		}

		// Two who don't say the same have said nothing: the second word stands until somebody confirms that one.
		n = d.claimed("w-2", 200)
		d.asha.ok("withdrawal", "resolve", n, "--failed", "--proof", "no entry")
		d.ravi.ok("withdrawal", "resolve", n, "--utr", "412345678902", "--proof", "statement, page 3")
		d.wantState(n, "submitted", nil)
		d.asha.ok("withdrawal", "resolve", n, "--utr", "412345678903", "--proof", "a typing error")
		d.wantState(n, "submitted", nil)
		d.wantBalances("800.00", "200.00", "0.00")
		d.ravi.ok("withdrawal", "resolve", n, "--utr", "412345678903", "--proof", "statement, page 3")
		d.wantState(n, "paid", "412345678903")
		d.wantBalances("800.00", "0.00", "200.00")
		d.wantClean()
	})
}

// What nobody paid yet is the merchant's again, with the reason and who gave it.
func TestWithdrawalRefusedAndCancelled(t *testing.T) {
	for verb, state := range map[string]string{"refuse": "refused", "cancel": "cancelled"} {
		t.Run(verb, func(t *testing.T) {
			eachDesk(t, func(t *testing.T, d *desk) {
				d.fund("1000")
				n := d.ask("w-1", 700, nil)
				d.asha.fails(exitUsage, `"reason" not set`, "withdrawal", verb, n)
				for _, reason := range []string{"", " "} {
					d.asha.fails(exitUsage, "--reason: say why", "withdrawal", verb, n, "--reason", reason)
				}
				d.wantState(n, "created", nil)
				d.asha.ok("withdrawal", "approve", n) // approved is not yet paid
				ended := d.ravi.json("withdrawal", verb, n, "--reason", "looks like fraud")
				moves := ended["transitions"].([]any)
				last := moves[len(moves)-1].(map[string]any)
				if ended["state"] != state || ended["reason"] != "looks like fraud" || last["actor"] != "operator:ravi" || last["reason"] != "looks like fraud" {
					t.Errorf("%s: %v", verb, ended)
				}
				if acts := d.acts(n); len(acts) != 2 || acts[1] != "operator:ravi withdrawal."+state+" looks like fraud" {
					t.Errorf("acts %q", acts)
				}
				d.wantBalances("1000.00", "0.00", "0.00")
				d.asha.fails(exitFailed, "nothing is left to approve", "withdrawal", "approve", n)
				d.asha.fails(exitFailed, "only an approved one can be paid", "withdrawal", "claim", n)
				begun := d.claimed("w-2", 100)
				d.ravi.fails(exitFailed, "can't become "+state, "withdrawal", verb, begun, "--reason", "too late")
				d.wantState(begun, "submitted", nil)
				d.wantClean()
			})
		})
	}
}

func TestWithdrawalNeedsAsManyPeopleAsItsAmount(t *testing.T) {
	eachDesk(t, func(t *testing.T, d *desk) {
		d.fund("1000")
		d.ok("merchant", "set", "shop", "withdrawal_one_limit=500")
		n := d.ask("w-1", 501, nil)
		for range 2 { // one person twice is one person
			if got := d.asha.json("withdrawal", "approve", n); got["state"] != "created" || got["approvals_needed"] != json.Number("2") || len(got["approvals"].([]any)) != 1 {
				t.Errorf("approve: %v", got)
			}
		}
		if text := d.ok("withdrawal", "show", n); !strings.Contains(text, "1 of 2") {
			t.Errorf("show: %s", text)
		}
		if got := d.ravi.json("withdrawal", "approve", n); got["state"] != "approved" {
			t.Errorf("approve: %v", got)
		}
	})
}

func TestWithdrawalList(t *testing.T) {
	eachDesk(t, func(t *testing.T, d *desk) {
		d.fund("1000")
		other := d.json("merchant", "add", "--slug", "other", "--name", "Other", "--postback-url", "http://127.0.0.1:1/postback")
		first := d.ask("w-1", 100, nil)
		second := d.ask("w-2\u202e", 200, func(r *galla.WithdrawalRequest) {
			r.AccountNumber, r.BankCode, r.BranchCode = "999999999999", "", "SBIN0000300"
		})
		third := d.ask("w-3", 300, nil)
		elsewhere := d.askFor(2, other, "w-1", 5, func(r *galla.WithdrawalRequest) { r.IsTest = true })
		d.asha.ok("withdrawal", "approve", second)

		ids := func(args ...string) string {
			t.Helper()
			var ids []string
			for _, row := range d.list(append([]string{"withdrawal", "list"}, args...)...) {
				ids = append(ids, idOf(row))
			}
			return strings.Join(ids, " ")
		}
		for _, test := range []struct{ args, want string }{
			{"", elsewhere + " " + third + " " + second + " " + first},
			{"--merchant shop", third + " " + second + " " + first},
			{"--merchant other", elsewhere},
			{"--state created", third + " " + first},
			{"--state approved --merchant shop", second},
			{"--state paid", ""},
			{"--limit 2", elsewhere + " " + third},
			{"--limit 2 --after " + third, second + " " + first},
			{"--limit 1 --after " + third + " --state created", first},
			{"--after " + first, ""},
		} {
			if got := ids(strings.Fields(test.args)...); got != test.want {
				t.Errorf("list %s: %s, want %s", test.args, got, test.want)
			}
		}
		row := d.list("withdrawal", "list", "--state", "approved", "--merchant", "shop")[0]
		for member, want := range map[string]any{
			"withdrawal_id": "w-2\u202e", "merchant": "shop", "amount": "200.00", "currency": "INR", "test": false, "payee": "payee-1", "account_number": "999999999999",
			"account_name": "Meena Iyer", "ifsc": "SBIN0000300", "rail": merchant.RailManual, "created_at": moment(d.clock.Now().UnixMicro()), "approvals_needed": json.Number("1"),
		} {
			if row[member] != want {
				t.Errorf("%s is %v, want %v", member, row[member], want)
			}
		}
		text := d.ok("withdrawal", "list", "--merchant", "shop")
		if lines := strings.Split(strings.TrimSpace(text), "\n"); len(lines) != 4 || !strings.Contains(lines[1], "300.00") || strings.Contains(text, "\u202e") {
			t.Errorf("list: %q", text)
		}
		if text := d.ok("withdrawal", "list", "--state", "paid"); text != "none\n" {
			t.Errorf("list: %q", text)
		}

		if got := d.json("withdrawal", "show", elsewhere); got["test"] != true || got["merchant"] != "other" || got["rail"] != merchant.RailSandbox {
			t.Errorf("show: %v", got)
		}
		if text := d.ok("withdrawal", "show", elsewhere); !strings.Contains(text, "no money moves") {
			t.Errorf("show: %s", text)
		}
		shown := d.json("withdrawal", "show", second)
		moves := shown["transitions"].([]any)
		if len(moves) != 2 || moves[0].(map[string]any)["to"] != "created" || moves[1].(map[string]any)["actor"] != "operator:asha.rao" || len(shown["answers"].([]any)) != 0 {
			t.Errorf("show: %v", shown)
		}
		for _, args := range [][]string{{"show", second}, {"show", first}} {
			if text := d.ok(append([]string{"withdrawal"}, args...)...); strings.Contains(text, "\u202e") || !strings.Contains(text, "Meena Iyer") {
				t.Errorf("show: %q", text)
			}
		}
	})
}

// What a person writes is on other people's terminals later.
func TestWithdrawalShowsHiddenCharacters(t *testing.T) {
	eachDesk(t, func(t *testing.T, d *desk) {
		d.fund("1000")
		n := d.claimed("w-1", 100)
		d.asha.ok("withdrawal", "settle", n, "--failed", "--reason", "closed\x1b[2J")
		d.mutate("UPDATE withdrawal SET utr = '4\x1b[2J'") // a provider may call anything a number
		d.mutate("UPDATE withdrawal_answer SET utr = '4\x1b[2J'")
		text := d.ok("withdrawal", "show", n)
		if strings.Contains(text, "\x1b") || strings.Count(text, `"closed\x1b[2J"`) != 3 || strings.Count(text, `"4\x1b[2J"`) != 2 {
			t.Errorf("reason, move and answer: %q", text)
		}
	})
}

func TestWithdrawalUsedWrongly(t *testing.T) {
	eachDesk(t, func(t *testing.T, d *desk) {
		d.fund("1000")
		n := d.claimed("w-1", 100)
		for _, test := range []struct{ what, args string }{
			{"expected the number of a withdrawal", "show w-1"},
			{"expected the number of a withdrawal", "approve 0"},
			{"expected the number of a withdrawal", "claim 1x"},
			{"accepts 1 arg(s)", "claim"},
			{"--state: expected one of created, approved", "list --state open"},
			{"--limit: expected 1 to", "list --limit 1001"},
			{"--after", "list --after -1"},
			{"give --utr", "settle " + n},
			{"give --utr", "settle " + n + " --failed --reason x --utr 412345678901"},
			{"--reason: say what the bank said", "settle " + n + " --failed"},
			{`"proof" not set`, "resolve " + n + " --failed"},
			{"--proof: say where", "resolve " + n + " --failed --proof="},
			{"give --utr", "resolve " + n + " --proof x"},
			{"give --utr", "resolve " + n + " --proof x --failed --utr 412345678901"},
			{"utr: expected the number", "resolve " + n + " --proof x --utr 4123"},
		} {
			for _, form := range [][]string{nil, {"--json"}} {
				got := d.asha.fails(exitUsage, test.what, append(append([]string{"withdrawal"}, strings.Fields(test.args)...), form...)...)
				if got.stdout != "" {
					t.Errorf("withdrawal %s: stdout %q", test.args, got.stdout)
				}
			}
		}
		d.fails(exitFailed, "no merchant nobody", "withdrawal", "list", "--merchant", "nobody")
		for _, args := range []string{"show", "approve", "claim", "refuse --reason x", "cancel --reason x", "settle --utr 412345678901", "resolve --failed --proof x"} {
			words := strings.Fields(args)
			got := d.asha.fails(exitFailed, "no withdrawal 777777", append([]string{"withdrawal", words[0], "777777", "--json"}, words[1:]...)...)
			var document map[string]map[string]string
			one(t, got.stdout, &document)
			if document["error"]["code"] != "not_found" {
				t.Errorf("withdrawal %s: %s", args, got.stdout)
			}
		}
		d.wantState(n, "submitted", nil)
	})
}
