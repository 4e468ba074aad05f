package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/galla-gateway/galla/internal/deposit"
	"github.com/galla-gateway/galla/internal/evidence"
	"github.com/galla-gateway/galla/internal/evidence/statement"
	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/payout"
	"github.com/galla-gateway/galla/internal/wallet"
)

// banksDebits are debits of IMPS payouts as the banks print them below their own headings: the number, then the reference.
var banksDebits = map[string]string{
	"hdfc": "HDFC BANK Ltd.,,,,,,\nDate,Narration,Chq./Ref.No.,Value Dt,Withdrawal Amt.,Deposit Amt.,Closing Balance\n" +
		`22/11/26,"IMPS-%[1]s-MEENA IYER-HDFC-XXXXXXXX9012-%[2]s",0000%[1]s,22/11/26,700.00,,"1,000.00"` + "\n",
	"icici": "DETAILED STATEMENT,,,,,,,\nS No.,Value Date,Transaction Date,Cheque Number,Transaction Remarks,Withdrawal Amount (INR ),Deposit Amount (INR ),Balance (INR )\n" +
		"1,22/11/2026,22/11/2026,-,MMT/IMPS/%[1]s/%[2]s/MEENA IYER/HDFC0001234,700.00,0.00,1000.00\n",
	"sbi": "Account Name       :\tMr. PAYEE NAME\nTxn Date\tValue Date\tDescription\tRef No./Cheque No.\t        Debit\tCredit\tBalance\n" +
		"22 Nov 2026\t22 Nov 2026\tTO TRANSFER-IMPS/P2A/%[1]s/%[2]s/MEENA IYE/HDFC--\tTRANSFER TO 4897690162095\t700.00\t \t1,000.00\n",
	"axis": "Tran Date,CHQNO,PARTICULARS,DR,CR,BAL,SOL\n22-11-2026,-,IMPS/P2A/%[1]s/%[2]s/Meena Iyer/HDFC, 700.00,,1000.00,248\n",
	"kotak": "Sl. No.,Date,Description,Chq / Ref number,Amount,Dr / Cr,Balance,Dr / Cr\n" +
		`1,22/11/2026,Sent IMPS/%[2]s/MEENA IYER/HDFC,IMPS-%[1]s,700.00,DR,"1,000.00",CR` + "\n",
}

func (d *desk) wallet() {
	d.t.Helper()
	d.ok("wallet", "add", "--method", "phone_pe", "--identifier", "6234234234", "--holder", "NAME", "--merchant", "shop")
}

// reference is that of a withdrawal.
func (d *desk) reference(n string) string {
	d.t.Helper()
	return d.json("withdrawal", "show", n)["reference"].(string)
}

// imports imports a statement: first dry, which must foresee it and store nothing, and at last once more, which must find
// nothing new.
func (d *desk) imports(content string) map[string]any {
	d.t.Helper()
	file := written(d.t, "statement.csv", content)
	state := func() string {
		return d.ok("withdrawal", "list", "--json") + d.ok("audit", "log", "--json") + d.ok("evidence", "list", "--json") + d.ok("balance", "--json")
	}
	before := state()
	foreseen := d.json("import", file, "--wallet", "1", "--dry-run")
	if state() != before {
		d.t.Error("a dry run stores something")
	}
	got := d.asha.json("import", file, "--wallet", "1")
	if fmt.Sprint(got) != fmt.Sprint(foreseen) {
		d.t.Errorf("import: %v, foreseen %v", got, foreseen)
	}
	after := state()
	if again := d.json("import", file, "--wallet", "1"); again["paid"] != json.Number("0") || again["returned"] != json.Number("0") || state() != after {
		d.t.Errorf("import again: %v, or something changed", again)
	}
	return got
}

// counted are the numbers of an import that tell of withdrawals.
func counted(got map[string]any) string {
	return fmt.Sprintf("debits %v paid %v returned %v known %v conflicts %v", got["debits"], got["paid"], got["returned"], got["withdrawals_known"], got["withdrawal_conflicts"])
}

func TestImportPaysWithdrawals(t *testing.T) {
	eachDesk(t, func(t *testing.T, d *desk) {
		d.wallet()
		d.fund("10000")
		at := 0
		for bank, rows := range banksDebits {
			at++
			n, number := d.claimed("w-"+bank, 700), fmt.Sprintf("41234567890%d", at)
			got := d.imports(fmt.Sprintf(rows, number, d.reference(n)))
			if counted(got) != "debits 1 paid 1 returned 0 known 0 conflicts 0" {
				t.Errorf("%s: %v", bank, got)
			}
			d.wantState(n, "paid", number)
			if acts := d.acts(n); acts[len(acts)-1] != "operator:asha.rao withdrawal.stated paid "+number+" statement:1" {
				t.Errorf("%s: acts %q", bank, acts)
			}
		}
		// Without an operator's key it is who may run commands here. What isn't ours is a debit as any other.
		n := d.claimed("w-shell", 700)
		file := written(t, "axis.csv", fmt.Sprintf(banksDebits["axis"], "412345678900", d.reference(n))+
			"22-11-2026,-,IMPS/P2A/412345678999/GL00000000999999/Meena Iyer/HDFC, 700.00,,1000.00,248\n")
		text := d.ok("import", file, "--wallet", "1")
		for _, part := range []string{"debits           2", "withdrawals paid      1", "withdrawal " + n + " is paid (" + d.reference(n) + ") 412345678900"} {
			if !strings.Contains(text, part) {
				t.Errorf("%q isn't in %s", part, text)
			}
		}
		if acts := d.acts(n); acts[len(acts)-1] != "shell:tester withdrawal.stated paid 412345678900 statement:1" {
			t.Errorf("acts %q", acts)
		}
		d.wantBalances("5800.00", "0.00", "4200.00")
		d.wantClean()
	})
}

func TestImportReturnsWithdrawals(t *testing.T) {
	const head = "Date,Narration,Chq./Ref.No.,Value Dt,Withdrawal Amt.,Deposit Amt.,Closing Balance\n"
	left := func(reference, number, amount string) string {
		return fmt.Sprintf("22/11/26,IMPS-%[2]s-MEENA IYER-HDFC-XXXXXXXX9012-%[1]s,0000%[2]s,22/11/26,%[3]s,,1000.00\n", reference, number, amount)
	}
	came := func(narration, number string) string {
		return fmt.Sprintf("23/11/26,%s,0000%s,23/11/26,,700.00,1700.00\n", narration, number)
	}
	eachDesk(t, func(t *testing.T, d *desk) {
		d.wallet()
		d.fund("10000")
		both, alone, noted, wrong := d.claimed("w-both", 700), d.claimed("w-alone", 700), d.claimed("w-noted", 700), d.claimed("w-wrong", 700)
		refused, waits := d.ask("w-refused", 700, nil), d.ask("w-waits", 700, nil)
		d.asha.ok("withdrawal", "refuse", refused, "--reason", "x")
		of := map[string]string{}
		for _, n := range []string{both, alone, noted, wrong, refused, waits} {
			of[n] = d.reference(n)
		}
		got := d.imports(head +
			came("REV-IMPS-412345678901-"+of[both], "412345678901") + left(of[both], "412345678901", "700.00") +
			came("REV-IMPS-412345678902-"+of[alone], "412345678902") +
			came("UPI/CR/412345678903/PAYER/SBIN/p@ybl/"+of[noted], "412345678903") + left(of[noted], "412345678904", "700.00") +
			left(of[wrong], "412345678905", "70.00") + left(of[refused], "412345678906", "700.00") + left(of[waits], "412345678907", "700.00"))
		if counted(got) != "debits 5 paid 0 returned 3 known 0 conflicts 3" || got["created"] != json.Number("0") || got["refused"] != json.Number("3") || got["rows"] != json.Number("8") {
			t.Errorf("import: %v", got)
		}
		d.wantState(both, "failed", nil) // the bank's own number, but a person who has begun to pay it may have tried again
		d.wantState(alone, "failed", nil)
		d.wantState(noted, "failed", nil) // a payer may have written it: nothing is certain
		d.wantState(wrong, "submitted", nil)
		d.wantState(refused, "refused", nil)
		d.wantState(waits, "created", nil)
		// Others' payers go on being credited, whatever one of them writes.
		s := &shop{d.console, d.server()}
		s.see("321302038121", "500", "payer@ybl")
		s.claim("order-1", "label-1", "321302038121", "500", deposit.Accepted)

		text := d.ok("import", written(t, "again.csv", head+left(of[waits], "412345678907", "700.00")), "--wallet", "1")
		if !strings.Contains(text, "CONFLICT: withdrawal "+waits+" is created ("+of[waits]+"): the statement shows that it left, and no bank was told of it") {
			t.Errorf("import: %s", text)
		}
		d.asha.ok("withdrawal", "approve", waits)
		d.asha.fails(exitFailed, "a statement of account 1 shows that money left", "withdrawal", "claim", waits)
		d.asha.ok("withdrawal", "resolve", waits, "--utr", "412345678907", "--proof", "statement of 22 Nov")
		d.ravi.ok("withdrawal", "resolve", waits, "--utr", "412345678907", "--proof", "statement of 22 Nov")
		d.wantState(waits, "paid", "412345678907")
		d.wantClean()
	})
}

// A file that can't be read to its end says nothing of withdrawals: the return may stand in the rest.
func TestImportOfHalfAFile(t *testing.T) {
	const row = "22-11-2026,-,IMPS/P2A/412345678901/GL00000000000012/Meena Iyer/HDFC, 700.00,,1000.00,248\n"
	for limit, want := range map[int]int{1: 0, 2: 1} {
		content, err := statement.Open(strings.NewReader("Tran Date,CHQNO,PARTICULARS,DR,CR,BAL,SOL\n"+row+row), "axis.csv", statement.Options{})
		if err != nil {
			t.Fatal(err)
		}
		stated := 0
		im := &importing{payouts: newStatedRows(wallet.Account{ID: 1}), state: func(_ context.Context, all []gateway.StatedPayout) ([]gateway.StatedResult, error) {
			stated += len(all)
			return nil, nil
		}}
		im.payouts.limit = limit
		err = im.all(context.Background(), content, func(int) {}, func(int64, int64) {})
		if stated != want || (err == nil) != (limit == 2) || err != nil && !strings.Contains(err.Error(), "more than 1 rows have a withdrawal's reference") {
			t.Errorf("of at most %d rows: %d stated, %v", limit, stated, err)
		}
	}
}

func TestEntryOf(t *testing.T) {
	for _, c := range []struct {
		row        statement.Row
		references int
		want       payout.Way
	}{
		{statement.Row{Direction: statement.Debit, Outcome: statement.Debit}, 1, payout.Out},
		{statement.Row{Direction: statement.Debit, Outcome: statement.Debit}, 2, payout.Unclear},
		{statement.Row{Direction: statement.Debit, Outcome: statement.Debit, Reversal: true}, 1, payout.Unclear}, // it says two things
		{statement.Row{Direction: statement.Skipped, Outcome: statement.Debit}, 1, payout.Unclear},
		{statement.Row{Direction: statement.Credit, Outcome: statement.Skipped, Reversal: true}, 1, payout.Back},
		{statement.Row{Direction: statement.Credit, Outcome: statement.Credit}, 1, payout.In},
		{statement.Row{}, 1, payout.Unclear},
	} {
		if got := c.row.PayoutEntry(c.references); got.Way != c.want {
			t.Errorf("%+v: %d, want %d", c.row, got.Way, c.want)
		}
	}
	sandbox := newStatedRows(wallet.Account{Sandbox: true})
	if waits, err := sandbox.take(statement.Row{Narration: "GL00000000000012", Direction: statement.Credit}, gateway.EvidenceItem{}, rowEvidence); waits || err != nil || len(sandbox.payouts) > 0 {
		t.Error("a statement of invented money tells of withdrawals")
	}
}

// What came back by the bank's own number is a reversal, which nobody may claim. What a payer may have written stops nobody.
func TestReturnedIsNoDeposit(t *testing.T) {
	item := gateway.EvidenceItem{SourceID: 7, Number: "412345678901", Amount: rupees("700"), Outcome: evidence.Credit, Payer: "x", Raw: []byte("raw"), Fingerprint: [32]byte{1}}
	row := statement.Row{Number: "412345678901"}
	certain, written := returned(item, row, gateway.StatedResult{Back: "412345678901"}), returned(item, row, gateway.StatedResult{})
	if certain.Outcome != evidence.Reversal || certain.Number != item.Number || certain.Amount.Minor != 0 {
		t.Errorf("%+v", certain)
	}
	if written.Outcome != evidence.Refused || written.Number != "" || written.Reason != evidence.ReasonReversal || written.Fingerprint != item.Fingerprint || string(written.Raw) != "raw" || written.SourceID != 7 {
		t.Errorf("%+v", written)
	}
}
