package api

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/galla-gateway/galla/internal/evidence"
	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/method"
	"github.com/galla-gateway/galla/internal/wallet"
	"github.com/galla-gateway/galla/money"
)

var (
	observedAt = time.Date(2026, time.November, 22, 10, 0, 0, 0, time.UTC)
	occurredAt = observedAt.Add(-time.Minute)
)

func testObserver(rail method.Rail, currency money.Currency, tails ...string) observer {
	phonePe, _ := method.Lookup("phone_pe")
	return observer{sourceID: 7, account: wallet.Account{ID: 3, Currency: currency, Rail: rail, Tails: tails}, method: phonePe, now: observedAt}
}

func rupees(minor int64) money.Money { return money.Money{Minor: minor, Currency: money.INR} }

func creditReading(change func(*evidence.Reading)) evidence.Reading {
	r := evidence.Reading{
		Outcome: evidence.Credit, Number: "526830463424", Amount: rupees(200), OccurredAt: occurredAt, Precision: evidence.PrecisionExact,
		Payer: "payer34@axisbank", Tail: "2536", Bank: "HDFC", Template: "hdfc.upi", HeaderKnown: true,
	}
	if change != nil {
		change(&r)
	}
	return r
}

func TestMessageBecomesItem(t *testing.T) {
	m := evidence.Message{Sender: "VM-HDFCBK-S", Text: "text", GivenTime: "given", Raw: []byte("raw")}
	base := gateway.EvidenceItem{
		SourceID: 7, AccountID: 3, Fingerprint: evidence.Fingerprint(7, "VM-HDFCBK-S", "text", "given"), Raw: []byte("raw"),
		Sender: "VM-HDFCBK-S", ReceivedAt: observedAt, Rail: method.RailIndia, Payer: "payer34@axisbank", Template: "hdfc.upi", Strength: evidence.StrengthSMS,
	}
	credit := base
	credit.Outcome, credit.Number, credit.Amount = evidence.Credit, "526830463424", rupees(200)
	credit.OccurredAt, credit.Precision = occurredAt, evidence.PrecisionExact
	india := testObserver(method.RailIndia, money.INR, "2536")
	as := func(item gateway.EvidenceItem, change func(*gateway.EvidenceItem)) gateway.EvidenceItem {
		change(&item)
		return item
	}
	for _, c := range []struct {
		name     string
		observer observer
		reading  evidence.Reading
		want     gateway.EvidenceItem
	}{
		{"credit", india, creditReading(nil), credit},
		{"credit that names no account", india, creditReading(func(r *evidence.Reading) { r.Tail = "" }), credit},
		{"credit to an account without tails", testObserver(method.RailIndia, money.INR), creditReading(nil), credit},
		{"credit to another account", india, creditReading(func(r *evidence.Reading) { r.Tail = "9999" }),
			as(base, func(i *gateway.EvidenceItem) { i.Outcome, i.Reason = evidence.Refused, "other_account" })},
		{"unparsed about another account", india, creditReading(func(r *evidence.Reading) { r.Outcome, r.Reason, r.Tail = evidence.Unparsed, "no_reference", "9999" }),
			as(base, func(i *gateway.EvidenceItem) { i.Outcome, i.Reason = evidence.Refused, "other_account" })},
		{"unparsed", india, creditReading(func(r *evidence.Reading) { r.Outcome, r.Reason = evidence.Unparsed, "no_reference" }),
			as(base, func(i *gateway.EvidenceItem) { i.Outcome, i.Reason = evidence.Unparsed, "no_reference" })},
		{"credit in rupees on an account in taka", testObserver(method.RailBkash, money.BDT), creditReading(nil),
			as(base, func(i *gateway.EvidenceItem) {
				i.Outcome, i.Reason, i.Rail = evidence.Refused, evidence.ReasonBadCurrency, method.RailBkash
			})},
		{"weak sender", india, creditReading(func(r *evidence.Reading) { r.HeaderKnown = false }),
			as(credit, func(i *gateway.EvidenceItem) { i.Strength = evidence.StrengthWeak })},
		{"payer with control characters", india, creditReading(func(r *evidence.Reading) { r.Payer = "RAM\x00\u2028 KUMAR" }),
			as(credit, func(i *gateway.EvidenceItem) { i.Payer = "RAM KUMAR" })},
		{"reversal", india, evidence.Reading{Outcome: evidence.Reversal, Reason: evidence.ReasonReversal, ReversalOf: "224679541058", HeaderKnown: true},
			as(base, func(i *gateway.EvidenceItem) {
				i.Outcome, i.Reason, i.Number, i.Payer, i.Template = evidence.Reversal, evidence.ReasonReversal, "224679541058", "", ""
			})},
		{"reversal on a rail that isn't India's", testObserver(method.RailBkash, money.BDT),
			evidence.Reading{Outcome: evidence.Reversal, Reason: evidence.ReasonReversal, ReversalOf: "224679541058", HeaderKnown: true},
			as(base, func(i *gateway.EvidenceItem) {
				i.Outcome, i.Reason, i.Rail, i.Payer, i.Template = evidence.Refused, evidence.ReasonReversal, method.RailBkash, "", ""
			})},
		{"one-time password", india, evidence.Reading{Outcome: evidence.OTP, Reason: evidence.ReasonOTP, HeaderKnown: true},
			gateway.EvidenceItem{SourceID: 7, AccountID: 3, ReceivedAt: observedAt, Rail: method.RailIndia, Outcome: evidence.OTP, Reason: evidence.ReasonOTP}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, c.observer.message(m, c.reading)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTransferBecomesItem(t *testing.T) {
	o := testObserver(method.RailIndia, money.INR)
	given := evidence.TransferItem{Raw: []byte("raw"), Transfer: evidence.Structured{
		Number: "321302038123", Amount: rupees(50000), OccurredAt: occurredAt, Precision: evidence.PrecisionExact, Payer: "payer\x00@ybl", GivenTime: "given",
	}}
	want := gateway.EvidenceItem{
		SourceID: 7, AccountID: 3, Fingerprint: evidence.Fingerprint(7, "", given.Fields(), "given"), Raw: []byte("raw"), ReceivedAt: observedAt,
		Outcome: evidence.Credit, Rail: method.RailIndia, Number: "321302038123", Amount: rupees(50000), OccurredAt: occurredAt,
		Precision: evidence.PrecisionExact, Payer: "payer@ybl", Strength: evidence.StrengthAny, Template: templateTransfer,
	}
	if diff := cmp.Diff(want, o.transfer(given)); diff != "" {
		t.Error(diff)
	}
	// Without a time the money counts from when we heard of it.
	given.Transfer.OccurredAt, given.Transfer.Precision = time.Time{}, evidence.PrecisionNone
	want.OccurredAt, want.Precision = observedAt, evidence.PrecisionNone
	if diff := cmp.Diff(want, o.transfer(given)); diff != "" {
		t.Error(diff)
	}
	refusedItem := evidence.TransferItem{Raw: []byte("raw"), Reason: evidence.ReasonBadAmount}
	want = gateway.EvidenceItem{
		SourceID: 7, AccountID: 3, Fingerprint: evidence.Fingerprint(7, "", refusedItem.Fields(), ""), Raw: []byte("raw"), ReceivedAt: observedAt,
		Outcome: evidence.Refused, Reason: evidence.ReasonBadAmount, Rail: method.RailIndia, Strength: evidence.StrengthAny, Template: templateTransfer,
	}
	if diff := cmp.Diff(want, o.transfer(refusedItem)); diff != "" {
		t.Error(diff)
	}
}

// What tells two messages apart tells their fingerprints apart.
func TestFingerprintOfMessages(t *testing.T) {
	messages := []evidence.Message{
		{Sender: "A", Text: "text", GivenTime: "1"},
		{Sender: "B", Text: "text", GivenTime: "1"},
		{Sender: "A", Text: "text ", GivenTime: "1"},
		{Sender: "A", Text: "text", GivenTime: "2"},
		{Sender: "A", Text: "text", Title: "PhonePe - RAM", GivenTime: "1"},
		{Sender: "A", Text: "text", Title: "PhonePe - SHYAM", GivenTime: "1"},
		{App: "com.phonepe.app", Text: "text", GivenTime: "1"},
		{App: "net.one97.paytm", Text: "text", GivenTime: "1"},
		{Problem: evidence.ReasonMalformed, Raw: []byte("1")},
		{Problem: evidence.ReasonMalformed, Raw: []byte("2")},
	}
	seen := map[[32]byte]int{}
	for i, m := range messages {
		print := fingerprintOf(7, m)
		if other, taken := seen[print]; taken {
			t.Errorf("messages %d and %d have one fingerprint", other, i)
		}
		seen[print] = i
		m.Raw = append(m.Raw[:len(m.Raw):len(m.Raw)], ' ')
		if again := fingerprintOf(7, m); (again == print) != (m.Problem == "") {
			t.Errorf("message %d: its bytes count only where its members can't be read", i)
		}
		if fingerprintOf(8, m) == print {
			t.Errorf("message %d: another source has the same fingerprint", i)
		}
	}
}
