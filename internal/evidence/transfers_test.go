package evidence

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/galla-gateway/galla/money"
)

var testRules = TransferRules{Currency: money.INR, Normalize: func(number string) (string, error) {
	number = strings.ReplaceAll(number, " ", "")
	if !twelveDigits.MatchString(number) {
		return "", errors.New("the reference must have 12 digits")
	}
	return number, nil
}}

func TestDecodeTransfers(t *testing.T) {
	full := `{"reference":"3213 0203 8123","amount":"500.00","currency":"INR","occurred_at":"2026-11-22T15:30:00+05:30","payer":" payer@ybl ","note":"n"}`
	items := []struct {
		raw    string
		reason Reason
	}{
		{full, ""},
		{`{"reference":"321302038123","amount":500}`, ""},
		{`{"reference":321302038123,"amount":5e2}`, ""},
		{`{"reference":"321302038123"}`, ReasonMalformed},
		{`{"amount":"500"}`, ReasonMalformed},
		{`{"reference":"32130203812","amount":"500"}`, ReasonBadReference},
		{`{"reference":"321302038123","amount":"0"}`, ReasonBadAmount},
		{`{"reference":"321302038123","amount":"-5"}`, ReasonBadAmount},
		{`{"reference":"321302038123","amount":"1.005"}`, ReasonBadAmount},
		{`{"reference":"321302038123","amount":"1,000"}`, ReasonBadAmount},
		{`{"reference":"321302038123","amount":true}`, ReasonMalformed},
		{`{"reference":"321302038123","amount":"500","currency":"USD"}`, ReasonBadCurrency},
		{`{"reference":"321302038123","amount":"500","currency":"inr"}`, ReasonBadCurrency},
		{`{"reference":"321302038123","amount":"500","occurred_at":"22.11.2026"}`, ReasonBadTime},
		{`{"reference":"321302038123","amount":"500","payer":"` + strings.Repeat("x", MaxFieldChars+1) + `"}`, ReasonTooLong},
		{`{"reference":"321302038123","amount":"500","Amount":"600"}`, ReasonMalformed},
		{`{"reference":"321302038123","amount":"500","amount":"600"}`, ReasonMalformed},
		{`{"reference":"321302038123","amount":"500"` + "\xff" + `}`, ReasonMalformed},
		{`"text"`, ReasonMalformed},
		{`null`, ReasonMalformed},
		{``, ReasonMalformed},
		{full, ""},
	}
	raws := make([]string, len(items))
	for i, item := range items {
		raws[i] = item.raw
	}
	got, err := DecodeTransfers([]byte("["+strings.Join(raws, ",")+"]"), testRules)
	if err != nil || len(got) != len(items) {
		t.Fatalf("%d of %d items, %v", len(got), len(items), err)
	}
	for i, item := range items {
		if got[i].Reason != item.reason || string(got[i].Raw) != item.raw || (item.reason == "") != (got[i].Detail == "") {
			t.Errorf("item %d %s: reason %q (%s), want %q", i, item.raw, got[i].Reason, got[i].Detail, item.reason)
		}
	}
	want := Structured{
		Number: "321302038123", Amount: money.Money{Minor: 50000, Currency: money.INR}, Precision: PrecisionExact,
		OccurredAt: time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC), Payer: "payer@ybl", Note: "n", GivenTime: "2026-11-22T15:30:00+05:30",
	}
	if diff := cmp.Diff(want, got[0].Transfer); diff != "" {
		t.Error(diff)
	}
	if second := got[1].Transfer; second.Amount != want.Amount || second.Precision != PrecisionNone || !second.OccurredAt.IsZero() {
		t.Errorf("without time: %+v", second)
	}
	single, err := DecodeTransfers([]byte(full), testRules)
	if err != nil || len(single) != 1 || single[0].Transfer != want {
		t.Errorf("a single object: %+v, %v", single, err)
	}
}

func TestTransferFieldsIgnoreSpacingOnly(t *testing.T) {
	fields := func(body string) string {
		items, err := DecodeTransfers([]byte(body), testRules)
		if err != nil {
			t.Fatal(err)
		}
		return items[0].Fields()
	}
	base := fields(`{"reference":"321302038123","amount":"500","payer":"a"}`)
	if base != fields(`{ "payer":"a", "amount":500.00, "reference":"3213 02038123" }`) {
		t.Error("spacing and order change the fields")
	}
	for _, other := range []string{
		`{"reference":"321302038124","amount":"500","payer":"a"}`, `{"reference":"321302038123","amount":"501","payer":"a"}`,
		`{"reference":"321302038123","amount":"500","payer":"b"}`, `{"reference":"321302038123","amount":"500","note":"a"}`, `{}`,
	} {
		if fields(other) == base {
			t.Errorf("%s has the same fields", other)
		}
	}
}

func TestFiveHundredTransfersInOneRequest(t *testing.T) {
	var b strings.Builder
	for i := range MaxItems {
		fmt.Fprintf(&b, `,{"reference":"%012d","amount":"%d.50"}`, i, i+1)
	}
	items, err := DecodeTransfers([]byte("["+b.String()[1:]+"]"), testRules)
	if err != nil || len(items) != MaxItems {
		t.Fatalf("%d items, %v", len(items), err)
	}
	for i, item := range items {
		if item.Transfer.Number != fmt.Sprintf("%012d", i) || item.Transfer.Amount.Minor != int64(i+1)*100+50 {
			t.Fatalf("item %d: %+v", i, item)
		}
	}
}
