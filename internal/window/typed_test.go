package window

import (
	"strings"
	"testing"

	"github.com/galla-gateway/galla/internal/method"
	"github.com/galla-gateway/galla/money"
)

func TestFindNumber(t *testing.T) {
	const utr = "321302038123"
	for _, c := range []struct{ wallet, typed, want, key string }{
		{"phone_pe", utr, utr, ""},
		{"phone_pe", " 3213 0203 8123 ", utr, ""},
		{"phone_pe", "3213-0203-8123", utr, ""},
		{"phone_pe", "UTR: " + utr, utr, ""},
		{"phone_pe", "३२१३०२०३८१२३", utr, ""},
		{"phone_pe", "３２１３０２０３８１２３", utr, ""},
		{"phone_pe", "\u200e321302\u200b038123\u200f", utr, ""},
		// whole messages
		{"phone_pe", "Rs.500.00 debited from A/c XX1234 on 22-11-26 to shop@ybl. UPI Ref " + utr + ". Not you? Call 18002586161", utr, ""},
		{"phone_pe", "Paid ₹1,25,000.50 to 6234234234\nUTR: " + utr + "\nTransaction ID T2308251812461234567", utr, ""},
		{"phone_pe", "आपके खाते से ₹500 भेजे गए। यूटीआर३२१३०२०३८१२३ है", utr, ""},
		{"phone_pe", "UPI transaction ID: 3213 0203 8123, Google Pay", utr, ""},
		{"phone_pe", utr + " " + utr, utr, ""},
		{"phone_pe", "(" + utr + ")", utr, ""},
		{"phone_pe", "From +919876543210 UTR " + utr, utr, ""},
		{"phone_pe", "From 919876543210, UTR No. " + utr, utr, ""},
		{"phone_pe", "UPI/" + utr + "/payment", utr, ""},
		{"phone_pe", "000000000012", "000000000012", ""},
		// wrong kinds
		{"phone_pe", "", "", "empty"},
		{"phone_pe", "   \n", "", "empty"},
		{"phone_pe", "32130203812", "", "too_short"},
		{"phone_pe", "3213020381234", "", "too_long"},
		{"phone_pe", "T2308251812461234567", "", "phonepe_id"},
		{"phone_pe", "Transaction ID\nT2308251812461234567", "", "phonepe_id"},
		{"phone_pe", "HDFC230825123456", "", "neft_utr"},
		{"phone_pe", "NEFT done, UTR HDFC230825123456 on 22/11", "", "neft_utr"},
		{"phone_pe", "AXISR52023082512345678", "", "rtgs_utr"},
		{"phone_pe", "AXL1234567890abcdef1234567890abcdef", "", "upi_id"},
		{"phone_pe", "UPI id is AXL1234567890abcdef1234567890abcdef ok", "", "upi_id"},
		{"phone_pe", "UTR is 32130203812", "", "too_short"},
		{"phone_pe", "hello", "", "letters"},
		{"phone_pe", "321302038123 321302038124", "", "several"},
		{"phone_pe", "UTR 321302038123 or UTR 321302038124", "", "several"},
		{"phone_pe", strings.Repeat("1 ", maxPasted), "", "too_long"},
		// numbers with letters
		{"bkash", "9ab1cd2ef3", "9AB1CD2EF3", ""},
		{"bkash", "You have received Tk 500.00 from 01712345678. TrxID 9AB1CD2EF3 at 22/11/2026 15:30", "9AB1CD2EF3", ""},
		{"bkash", "payments received yesterday", "", "too_long"},
		{"easypaisa", "Trx ID 12345678901 Rs 500", "12345678901", ""},
	} {
		m, ok := method.Lookup(c.wallet)
		if !ok {
			t.Fatal(c.wallet)
		}
		got, key := findNumber(m, c.typed)
		if got != c.want || key != c.key {
			t.Errorf("findNumber(%s, %.80q) = %q, %q; want %q, %q", c.wallet, c.typed, got, key, c.want, c.key)
		}
	}
}

func FuzzFindNumber(f *testing.F) {
	for _, seed := range []string{"", "321302038123", "UTR 3213 0203 8123", "T2308251812461234567", "३२१३०२०३८१२३", "a+919876543210 1"} {
		f.Add(seed)
	}
	m, _ := method.Lookup("phone_pe")
	f.Fuzz(func(t *testing.T, typed string) {
		number, key := findNumber(m, typed)
		if (number == "") == (key == "") {
			t.Errorf("findNumber(%q) = %q, %q: neither or both", typed, number, key)
		}
		if again, _ := m.Reference(number); number != "" && again != number {
			t.Errorf("findNumber(%q) = %q, which is no number", typed, number)
		}
	})
}

func TestReadAmount(t *testing.T) {
	for _, c := range []struct {
		typed string
		minor int64
		key   string
	}{
		{"500", 500_00, ""}, {"500.5", 500_50, ""}, {" 500.50 ", 500_50, ""}, {"₹500", 500_00, ""}, {"Rs. 1,25,000", 125_000_00, ""},
		{"1,250.00", 1250_00, ""}, {"500 INR", 500_00, ""}, {"५००", 500_00, ""}, {"৫০০", 500_00, ""}, {"۵۰۰٫۵", 500_50, ""}, {"５００", 500_00, ""},
		{"500/-", 500_00, ""}, {"999999999999.99", 99999999999999, ""},
		{"", 0, amountMissing}, {"₹", 0, amountMissing}, {"0", 0, amountZero}, {"-1", 0, amountSyntax}, {"1e3", 0, amountSyntax},
		{"12,34", 0, amountSyntax}, {"1.005", 0, amountDecimals}, {"1000000000000", 0, amountTooLarge}, {"five", 0, amountSyntax},
		{"5\U0001D7D8", 0, amountSyntax}, {"<b>5</b>", 0, amountSyntax}, {strings.Repeat("9", 5000), 0, amountSyntax},
	} {
		got, key := readAmount(c.typed, money.INR)
		if key != c.key || key == "" && got.Minor != c.minor {
			t.Errorf("readAmount(%.40q) = %v, %q; want %d, %q", c.typed, got, key, c.minor, c.key)
		}
	}
}
