package main

import (
	"strings"
	"testing"
	"time"

	"github.com/galla-gateway/galla/internal/evidence"
	"github.com/galla-gateway/galla/internal/evidence/statement"
	"github.com/galla-gateway/galla/internal/method"
	"github.com/galla-gateway/galla/internal/wallet"
)

func TestStatementRows(t *testing.T) {
	content := `Date,Narration,Ref No,Withdrawal,Deposit,Balance
07/12/24,UPI/CR/526830463424/PAYER/SBIN/p@ybl,,,2.00,3.00
07/12/24,UPI/DR/526830463425/SHOP/SBIN/s@ybl,,2.00,,1.00
08/12/24,UPI-REV-526830463426-X,526830463426,5.00,,1.00
08/12/24,REV-UPI-X-526830463427,526830463427,,5.00,6.00
08/12/24,REVERSAL OF CHARGES,,,5.00,6.00
08/12/24,CREDIT INTEREST,,,35.00,41.00
08/12/24,UPI/CR/526830463428/X,,,letters,41.00
,TOTAL,,2.00,47.00,
09/12/24,NOTE,,,,41.00
` + strings.Repeat("x", statement.MaxLineBytes+1) + "\n"
	rows := statementRows{source: 7, account: wallet.Account{ID: 3, Rail: method.RailIndia}, received: time.Date(2024, 12, 9, 4, 0, 0, 0, time.UTC)}
	file, err := statement.Open(strings.NewReader(content), "test.csv", statement.Options{Received: rows.received})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []struct {
		kind    rowKind
		outcome evidence.Outcome
		reason  evidence.Reason
		number  string
	}{
		{rowEvidence, evidence.Credit, "", "526830463424"},
		{rowDebit, 0, "", ""},
		{rowEvidence, evidence.Reversal, evidence.ReasonReversal, "526830463426"}, // the bank takes a credit back
		{rowEvidence, evidence.Reversal, evidence.ReasonReversal, "526830463427"},
		{rowEvidence, evidence.Refused, evidence.ReasonReversal, ""},
		{rowEvidence, evidence.Unparsed, evidence.ReasonNoReference, ""},
		{rowEvidence, evidence.Unparsed, evidence.ReasonBadAmount, ""},
		{rowNothing, 0, "", ""},
		{rowNothing, 0, "", ""},
		{rowEvidence, evidence.Refused, evidence.ReasonTooLong, ""},
	} {
		row, err := file.Next()
		if err != nil {
			t.Fatal(err)
		}
		item, kind := rows.item(row)
		if kind != want.kind || item.Outcome != want.outcome || item.Reason != want.reason || item.Number != want.number {
			t.Errorf("row %d: got %d %s %q %q, want %d %s %q %q", i, kind, item.Outcome, item.Reason, item.Number,
				want.kind, want.outcome, want.reason, want.number)
		}
		if kind == rowEvidence && (item.SourceID != 7 || item.AccountID != 3 || string(item.Raw) != row.Raw || item.Strength != evidence.StrengthAny ||
			item.Fingerprint != evidence.Fingerprint(7, "", row.Fields(), row.GivenTime)) {
			t.Errorf("row %d: %+v", i, item)
		}
	}
}

func TestPayerTextIsBounded(t *testing.T) {
	if got := payerText("a\x00b" + strings.Repeat("é", 300)); got != "ab"+strings.Repeat("é", evidence.MaxFieldChars-2) {
		t.Errorf("%q", got)
	}
}
