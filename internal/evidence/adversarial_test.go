package evidence

import (
	"fmt"
	"strings"
	"testing"
)

// variant is a text and what must become of it: "credit NUMBER AMOUNT [PAYER]", "reversal NUMBER", "otp", or an outcome
// and its reason.
type variant struct{ name, sender, text, want string }

func verdict(r Reading) string {
	switch r.Outcome {
	case Credit:
		return strings.TrimSpace(fmt.Sprintf("credit %s %s %s", r.Number, r.Amount.Fixed(), r.Payer))
	case Reversal:
		return "reversal " + r.ReversalOf
	case OTP:
		return "otp"
	}
	return r.Outcome.String() + " " + string(r.Reason)
}

func runVariants(t *testing.T, variants []variant) {
	t.Helper()
	reader := NewReader(nil)
	for _, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			reading := reader.Read(Message{Sender: v.sender, Text: v.text}, testNow)
			if got := verdict(reading); got != v.want {
				t.Errorf("%s: %q\n got %s (template %s)\nwant %s", v.sender, v.text, got, reading.Template, v.want)
			}
		})
	}
}

const (
	hdfcS  = "VM-HDFCBK-S"
	sbiS   = "VM-SBIUPI-S"
	iciciS = "VM-ICICIT-S"
	axisS  = "VM-AXISBK-S"
	yesS   = "VM-YESBNK-S" // a bank without templates: the generic one reads it
)

func TestPayersNameCantMoveAmountOrReference(t *testing.T) {
	runVariants(t, []variant{
		{"name holds a reference", sbiS, "Dear SBI User, your A/c X6710-credited by Rs.62 on 27Apr25 transfer from ME Ref No 511111111111 -SBI Ref No 511760274797 -SBI", "unparsed ambiguous_reference"},
		{"name holds a reference in brackets", hdfcS, "Credit Alert!\nRs.2.00 credited to HDFC Bank A/c xx2536 on 07-12-24 from VPA me (UPI 511111111111) (UPI 526830463424)", "unparsed ambiguous_reference"},
		{"name holds an amount", sbiS, "Dear SBI User, your A/c X6710-credited by Rs.62 on 27Apr25 transfer from RS 9000 CREDITED Ref No 511760274797 -SBI", "credit 511760274797 62.00 RS 9000 CREDITED"},
		{"name is a credit line", iciciS, "Dear Customer, Acct XX823 is credited with Rs 6.00 on 26-Jun-25 from Rs 9000 credited. UPI:517722323232-ICICI Bank", "credit 517722323232 6.00 Rs 9000 credited"},
		{"name with dots", iciciS, "Dear Customer, Acct XX823 is credited with Rs 6.00 on 26-Jun-25 from M.K. STORES. UPI:517722323232-ICICI Bank", "credit 517722323232 6.00 M.K. STORES"},
		{"name repeats the reference", iciciS, "Dear Customer, Acct XX823 is credited with Rs 6.00 on 26-Jun-25 from X. UPI:517722323232 Y. UPI:517722323232-ICICI Bank", "credit 517722323232 6.00 X"},
		{"name after the reference holds another", axisS, "INR 50.00 credited\nA/c no. XX2057\n02-09-25, 16:02:45 IST\nUPI/P2A/524565742400/ME UPI Ref 511111111111/ICICI Ban - Axis Bank", "unparsed ambiguous_reference"},
		{"name after the reference imitates a path", axisS, "INR 50.00 credited\nA/c no. XX2057\n02-09-25, 16:02:45 IST\nUPI/P2A/524565742400/UPI/P2A/511111111111/X/ICICI - Axis Bank", "unparsed ambiguous_reference"},
		{"vpa of twelve digits", hdfcS, "Credit Alert!\nRs.2.00 credited to HDFC Bank A/c xx2536 on 07-12-24 from VPA 919876543210@ybl (UPI 526830463424)", "credit 526830463424 2.00 919876543210@ybl"},
		{"vpa with digits and dots", hdfcS, "Credit Alert!\nRs.2.00 credited to HDFC Bank A/c xx2536 on 07-12-24 from VPA q.526-1@okhdfcbank (UPI 526830463424)", "credit 526830463424 2.00 q.526-1@okhdfcbank"},
		{"vpa named otp", hdfcS, "Credit Alert!\nRs.2.00 credited to HDFC Bank A/c xx2536 on 07-12-24 from VPA otp@ybl (UPI 526830463424)", "credit 526830463424 2.00 otp@ybl"},
		{"vpa named refund", hdfcS, "Credit Alert!\nRs.2.00 credited to HDFC Bank A/c xx2536 on 07-12-24 from VPA refund.loan@ybl (UPI 526830463424)", "credit 526830463424 2.00 refund.loan@ybl"},
		{"vpa named failed at baroda", "AD-BOBSMS-S", "Rs.1600 Credited to A/c ...7656 thru UPI/432371591309 by failed_axl. Total Bal:Rs.33438.48CR. Avlbl Amt:Rs.33438.48(18-11-2024 08:02:26) - Bank of Baroda", "credit 432371591309 1600.00 failed@axl"},
		{"vpa with two underscores at baroda", "AD-BOBSMS-S", "Rs.1600 Credited to A/c ...7656 thru UPI/432371591309 by a_b_okaxis. Total Bal:Rs.3.48CR. Avlbl Amt:Rs.3.48(18-11-2024 08:02:26) - Bank of Baroda", "credit 432371591309 1600.00 a_b@okaxis"},
		{"name says refund", sbiS, "Dear SBI User, your A/c X6710-credited by Rs.62 on 27Apr25 transfer from SHOP REFUND Ref No 511760274797 -SBI", "refused refund"},
		{"name says reversal of", sbiS, "Dear SBI User, your A/c X6710-credited by Rs.62 on 27Apr25 transfer from reversal of UPI 511111111111 Ref No 511760274797 -SBI", "refused reversal"},
		{"name begins with reversal", sbiS, "Dear SBI User, your A/c X6710-credited by Rs.62 on 27Apr25 transfer from REVERSAL STUDIO Ref No 511760274797 -SBI", "refused reversal"},
		{"remark says returned", axisS, "INR 50.00 credited\nA/c no. XX2057\n02-09-25, 16:02:45 IST\nUPI/P2A/524565742400/RAHUL/returned - Axis Bank", "refused reversal"},
		{"bank says reversal of", sbiS, "Your A/c X6710 has been credited with Rs 208.42 on 03-Sep-22 as reversal of transaction with UPI: 224679541058.", "reversal 224679541058"},
		{"vpa with a number where banks print none", "VM-UCOBNK-S", "A/c XX1111 Credited with Rs.2,000.00 on 21-09-2025 by upi.999999999999-x@okaxis", "unparsed no_reference"},
		{"vpa with an amount", sbiS, "A/c XX1111 Credited by rs.9000-x@okaxis Rs.2.00 on 21-09-2025 UPI Ref 526830463424", "credit 526830463424 2.00 rs.9000-x@okaxis"},
		{"sender is an e-mail address", "vm-sbiupi-s@example.com", "Rs 5.00 credited to A/c XX4321. UPI 527412345678", "refused phone_sender"},
		{"name with a line break", sbiS, "Dear SBI User, your A/c X6710-credited by Rs.62 on 27Apr25 transfer from RAM\nKUMAR Ref No 511760274797 -SBI", "credit 511760274797 62.00"},
		{"name too long for its place", iciciS, "Dear Customer, Acct XX823 is credited with Rs 6.00 on 26-Jun-25 from " + strings.Repeat("LONG ", 30) + ". UPI:517722323232-ICICI Bank", "credit 517722323232 6.00"},
		{"name with a phone number", sbiS, "Dear SBI User, your A/c X6710-credited by Rs.62 on 27Apr25 transfer from RAM 9876543210 Ref No 511760274797 -SBI", "credit 511760274797 62.00 RAM 9876543210"},
		{"name with apostrophe and ampersand", sbiS, "Dear SBI User, your A/c X6710-credited by Rs.62 on 27Apr25 transfer from D'SOUZA & CO Ref No 511760274797 -SBI", "credit 511760274797 62.00 D'SOUZA & CO"},
		{"name starts with otp letters", sbiS, "Dear SBI User, your A/c X6710-credited by Rs.62 on 27Apr25 transfer from OTPAL SINGH Ref No 511760274797 -SBI", "credit 511760274797 62.00 OTPAL SINGH"},
		{"name is OTP MART", sbiS, "Dear SBI User, your A/c X6710-credited by Rs.62 on 27Apr25 transfer from OTP MART Ref No 511760274797 -SBI", "credit 511760274797 62.00 OTP MART"},
		{"name holds salarywala", sbiS, "Dear SBI User, your A/c X6710-credited by Rs.62 on 27Apr25 transfer from SALARIA Ref No 511760274797 -SBI", "credit 511760274797 62.00 SALARIA"},
		{"name holds failed as a part", sbiS, "Dear SBI User, your A/c X6710-credited by Rs.62 on 27Apr25 transfer from FAILEDRA Ref No 511760274797 -SBI", "credit 511760274797 62.00 FAILEDRA"},
	})
}

func TestNotesAreNeverRead(t *testing.T) {
	const hdfc = "Credit Alert!\nRs.2.00 credited to HDFC Bank A/c xx2536 on 07-12-24 from VPA p@ybl (UPI 526830463424)"
	const genuine = "credit 526830463424 2.00 p@ybl"
	runVariants(t, []variant{
		{"note after", hdfcS, hdfc + " note: Rs 9000 credited Ref No 511111111111", genuine},
		{"note on a new line", hdfcS, hdfc + "\nNote - Rs 9000 credited Ref No 511111111111", genuine},
		{"remark after", hdfcS, hdfc + " Remark Rs 9000 credited Ref No 511111111111", genuine},
		{"remarks after", hdfcS, hdfc + " Remarks: UPI 511111111111", genuine},
		{"info from payer", hdfcS, hdfc + " Info from payer: loan failed reversed UPI 511111111111", genuine},
		{"message from sender", hdfcS, hdfc + " Message from sender UPI 511111111111", genuine},
		{"payer's note", hdfcS, hdfc + " payer's note UPI 511111111111", genuine},
		{"note says otp", hdfcS, hdfc + " note: otp", genuine},
		{"note says reversal of a victim's number", hdfcS, hdfc + " note: as reversal of transaction with UPI: 511111111111", genuine},
		{"note with zero width inside", hdfcS, hdfc + " no\u200bte: Rs 9000 credited Ref No 511111111111", genuine},
		{"note with styled letters", hdfcS, hdfc + " 𝐧𝐨𝐭𝐞: Rs 9000 credited Ref No 511111111111", genuine},
		{"note alone", hdfcS, "Note: Rs 9000 credited Ref No 511111111111", "refused payer_note"},
		{"remark alone", yesS, "Remark Rs 9000 credited UPI Ref 511111111111", "refused payer_note"},
		{"comment alone", yesS, "Comment: Rs 9000 received UPI Ref 511111111111", "refused payer_note"},
		{"note brings a reference to a credit without one", yesS, "A/c XX1111 Credited with Rs.2,000.00 on 21-09-2025. note Ref No 511111111111", "unparsed no_reference"},
		{"note brings the amount", yesS, "UPI Ref 527412345678 to A/c XX1111. note: Rs 9000 credited", "refused payer_note"},
		{"unmarked imitation after a bank's text", hdfcS, hdfc + " Rs 9000 credited Ref No 511111111111", "unparsed ambiguous_reference"},
		{"unmarked imitation at a bank without template", yesS, "Rs 2 credited to A/c XX11. UPI Ref 527412345678. Rs 9000 credited Ref No 511111111111", "unparsed ambiguous_amount"},
		{"unmarked imitation of the amount only", yesS, "Rs 2 credited to A/c XX11. UPI Ref 527412345678 from Rs 9000 credited", "unparsed ambiguous_amount"},
		{"unmarked imitation of the reference only", yesS, "Rs 2 credited to A/c XX11. UPI Ref 527412345678 from Ref No 511111111111", "unparsed ambiguous_reference"},
	})
}

func TestGenericTemplate(t *testing.T) {
	runVariants(t, []variant{
		{"received", yesS, "You have received Rs.500 in A/c XX4321 via UPI. RRN 527412345678", "credit 527412345678 500.00"},
		{"deposited", yesS, "INR 1,00,000.00 deposited in A/c XX4321. IMPS Ref 527412345678", "credit 527412345678 100000.00"},
		{"western groups", yesS, "INR 1,330,614.75 credited to A/c XX4321. IMPS Ref 527412345678", "credit 527412345678 1330614.75"},
		{"colon after Rs", yesS, "Rs:500.00 credited to A/c XX4321. UPI Ref ID 527412345678", "credit 527412345678 500.00"},
		{"rupee sign", yesS, "₹500 credited to A/c XX4321. UPI Ref ID: 527412345678", "credit 527412345678 500.00"},
		{"old rupee sign", yesS, "₨500 credited to A/c XX4321. UPI Ref ID: 527412345678", "credit 527412345678 500.00"},
		{"no space after Rs", yesS, "Rs500 credited to A/c XX4321. Ref: 527412345678", "credit 527412345678 500.00"},
		{"slash dash", yesS, "Rs.500/- credited to A/c XX4321. Ref No. 527412345678", "credit 527412345678 500.00"},
		{"cr by", yesS, "A/c XX4321 Cr by Rs 500.00 UPI/CR/527412345678/RAM", "credit 527412345678 500.00"},
		{"cr before the amount", yesS, "A/c XX4321 Cr Rs 500.00 on 01-10-25 UPI/CR/527412345678/RAM", "credit 527412345678 500.00"},
		{"path p2a", yesS, "A/c XX4321 credited with Rs 500.00 Info UPI/P2A/527412345678/RAM/SBI", "credit 527412345678 500.00"},
		{"imps path with bank", yesS, "A/c XX4321 credited with Rs 500.00 IMPS/HDFC BANK/527412345678/RAM", "credit 527412345678 500.00"},
		{"imps p2a path", yesS, "A/c XX4321 credited with Rs 500.00 IMPS/P2A/527412345678/RAM", "credit 527412345678 500.00"},
		{"glued letter", yesS, "A/c XX4321 credited with Rs 500.00 UPI Ref C627612345678", "credit 627612345678 500.00"},
		{"two glued letters", yesS, "A/c XX4321 credited with Rs 500.00 UPI Ref CR627612345678", "unparsed no_reference"},
		{"no reference", yesS, "A/c XX4321 credited with Rs 500.00 on 01-10-25", "unparsed no_reference"},
		{"eleven digits", yesS, "A/c XX4321 credited with Rs 500.00 UPI Ref 52741234567", "unparsed no_reference"},
		{"thirteen digits", yesS, "A/c XX4321 credited with Rs 500.00 UPI Ref 5274123456789", "unparsed no_reference"},
		{"twelve digits without a word before", yesS, "A/c XX4321 credited with Rs 500.00. 527412345678", "unparsed no_reference"},
		{"phone with country code", yesS, "A/c XX4321 credited with Rs 500.00 by 919876543210", "unparsed no_reference"},
		{"neft number", yesS, "A/c XX4321 credited with Rs 500.00 NEFT Ref HDFCN52025100112", "unparsed no_reference"},
		{"account of twelve digits", yesS, "A/c 123456789012 credited with Rs 500.00. UPI Ref 527412345678", "credit 527412345678 500.00"},
		{"masked account of twelve digits", yesS, "UPI credit: A/c XXXX123456789012 credited with Rs 500.00. UPI Ref 527412345678", "credit 527412345678 500.00"},
		{"same reference twice", yesS, "Rs 500 credited to A/c XX4321 UPI 527412345678. Ref No 527412345678", "credit 527412345678 500.00"},
		{"two references", yesS, "Rs 500 credited to A/c XX4321 UPI 527412345678. Ref No 527412345679", "unparsed ambiguous_reference"},
		{"two amounts", yesS, "Rs 500 credited, Rs 700 credited to A/c XX4321 UPI 527412345678", "unparsed ambiguous_amount"},
		{"amount between two words", yesS, "credited Rs 500 received. UPI 527412345678", "credit 527412345678 500.00"},
		{"amount far from its word", yesS, "Rs 500 is the amount about which we would like to tell you that your account was credited. UPI 527412345678", "unparsed not_a_credit"},
		{"balance only", yesS, "Your account was credited. Avl Bal Rs 500. UPI 527412345678", "unparsed not_a_credit"},
		{"balance right after", yesS, "Rs 500 credited. Avl Bal: Rs 9,000.00. UPI 527412345678", "credit 527412345678 500.00"},
		{"balance before", yesS, "Bal Rs 9000. A/c XX4321 credited with Rs 500. UPI 527412345678", "credit 527412345678 500.00"},
		{"limit", yesS, "Your UPI limit Rs 9000 received an update. UPI 527412345678", "unparsed not_a_credit"},
		{"no credit word", yesS, "Rs 500 for A/c XX4321. UPI 527412345678", "unparsed not_a_credit"},
		{"credit word inside another", yesS, "Rs 500 accredited. UPI 527412345678", "unparsed not_a_credit"},
		{"zero", yesS, "Rs 0.00 credited to A/c XX4321. UPI 527412345678", "unparsed bad_amount"},
		{"three decimals", yesS, "Rs 1.005 credited to A/c XX4321. UPI 527412345678", "unparsed bad_amount"},
		{"wrong groups", yesS, "Rs 1,00,00 credited to A/c XX4321. UPI 527412345678", "unparsed bad_amount"},
		{"amount beyond the largest", yesS, "Rs 99999999999999 credited to A/c XX4321. UPI 527412345678", "unparsed bad_amount"},
		{"other currency", yesS, "USD 500 credited to A/c XX4321. UPI 527412345678", "unparsed not_a_credit"},
		{"vpa is the payer", yesS, "Rs 500 credited to A/c XX4321 from ram@okaxis. UPI Ref 527412345678", "credit 527412345678 500.00 ram@okaxis"},
		{"an email isn't the payer", yesS, "Rs 500 credited to A/c XX4321 UPI Ref 527412345678. Write to care@bank.com", "credit 527412345678 500.00"},
		{"name is the payer", yesS, "Rs 500 credited to A/c XX4321 from RAM KUMAR UPI Ref 527412345678", "credit 527412345678 500.00 RAM KUMAR"},
		{"zero width characters inside", yesS, "Rs 5\u200b00 cred\u200dited to A/c XX4321. UPI 527412345678", "credit 527412345678 500.00"},
		{"no-break spaces", yesS, "Rs\u00a0500\u00a0credited to A/c XX4321. UPI\u00a0Ref\u00a0527412345678", "credit 527412345678 500.00"},
		{"windows line ends", yesS, "Rs 500 credited\r\nA/c XX4321\r\nUPI Ref 527412345678", "credit 527412345678 500.00"},
		{"devanagari digits", yesS, "Rs ५०० credited to A/c XX4321. UPI Ref ५२७४१२३४५६७८", "credit 527412345678 500.00"},
		{"text of another bank under this header", yesS, "Dear Customer, Acct XX823 is credited with Rs 6000.00 on 26-Jun-25 from PAYER NAME. UPI:517722323232-ICICI Bank", "credit 517722323232 6000.00 PAYER NAME"},
		{"empty", yesS, "", "unparsed not_a_credit"},
		{"greeting", yesS, "Happy Diwali from your bank", "unparsed not_a_credit"},
		{"debited from after credited", yesS, "Rs 500 credited to A/c XX4321 and debited from A/c XX0987. UPI 527412345678", "credit 527412345678 500.00"},
	})
}

func TestRefusedTexts(t *testing.T) {
	runVariants(t, []variant{
		{"debited then credited", yesS, "A/c XX823 debited Rs 900.00 on 18-Jul-25; RAM credited. UPI 519912345678", "refused own_payment"},
		{"debited alone", yesS, "Rs 900 debited from A/c XX823 to ram@ybl. UPI Ref 519912345678", "refused own_payment"},
		{"credited then debited", yesS, "Rs 900 credited to RAM, your A/c is debited. UPI Ref 519912345678", "refused own_payment"},
		{"paid to", yesS, "Rs 900 paid to RAM. UPI Ref 519912345678", "refused own_payment"},
		{"you paid", yesS, "You paid Rs 900; RAM received Rs 900. UPI Ref 519912345678", "refused own_payment"},
		{"sent", yesS, "Sent Rs 900 to RAM; amount credited. UPI Ref 519912345678", "refused own_payment"},
		{"beneficiary", yesS, "Dear Customer, beneficiary RAM is credited Rs 900. IMPS Ref 519912345678", "refused own_payment"},
		{"withdrawn", yesS, "Rs 900 withdrawn at ATM. Ref 519912345678", "refused own_payment"},
		{"dr", yesS, "A/c XX823 Dr Rs 900 UPI/DR/519912345678/RAM credited", "refused own_payment"},
		{"transferred to", yesS, "Rs 900 transferred to RAM and credited. Ref 519912345678", "refused own_payment"},
		{"requested", sbiS, "PAYER has requested Rs.500 from you", "refused collect_request"},
		{"requesting", sbiS, "ram@ybl is requesting payment of Rs 500. Ref 519912345678", "refused collect_request"},
		{"collect request", sbiS, "Collect request of Rs 500 received from ram@ybl. UPI Ref 519912345678", "refused collect_request"},
		{"payment request", sbiS, "Payment request of Rs 500 received from ram@ybl. UPI Ref 519912345678", "refused collect_request"},
		{"e-mandate", sbiS, "E-mandate registered, Rs 500 received. Ref 519912345678", "refused mandate"},
		{"nach", sbiS, "NACH Rs 500 credited. Ref 519912345678", "refused mandate"},
		{"declined", sbiS, "Rs 500 received from ram@ybl declined. UPI Ref 519912345678", "refused failed_payment"},
		{"not credited", sbiS, "Rs 500 from ram@ybl not credited. UPI Ref 519912345678", "refused failed_payment"},
		{"could not be credited", sbiS, "Rs 500 could not be credited. UPI Ref 519912345678", "refused failed_payment"},
		{"to be credited", sbiS, "Rs 500 to be credited to A/c XX1. UPI Ref 519912345678", "refused not_yet_credited"},
		{"pending", sbiS, "Rs 500 credited, pending. UPI Ref 519912345678", "refused not_yet_credited"},
		{"reversed debit", sbiS, "Rs 500 debited on 01-10-25 has been reversed. UPI Ref 519912345678", "reversal 519912345678"},
		{"reversal naming two numbers", sbiS, "Rs 500 credited, reversal of UPI 519912345678. UPI Ref 519912345679", "refused reversal"},
		{"refunded", sbiS, "Rs 500 refunded and credited to A/c XX1. UPI Ref 519912345678", "refused refund"},
		{"cash back in two words", sbiS, "Cash back Rs 500 credited to A/c XX1. UPI Ref 519912345678", "refused cashback"},
		{"interest paid", sbiS, "Int.Pd Rs 500 credited to A/c XX1. Ref 519912345678", "refused interest"},
		{"loan disbursed", sbiS, "Rs 500 credited to A/c XX1 against your Loan. Ref 519912345678", "refused loan_or_offer"},
		{"lottery", sbiS, "Congratulations! Rs 5,00,000 credited. Ref 519912345678", "refused loan_or_offer"},
		{"letter o in the amount", sbiS, "Rs.15,O00 credited. Ref 519912345678", "refused lookalike"},
		{"letter l in the amount", sbiS, "Rs.1l,000 credited. Ref 519912345678", "refused lookalike"},
		{"only letters", sbiS, "Rs.lOO credited. Ref 519912345678", "refused lookalike"},
		{"letter o in the reference", sbiS, "Rs.500 credited. Ref 51991234567O", "refused lookalike"},
		{"circled digits", sbiS, "Rs.⑤⓪⓪ credited. Ref 519912345678", "refused lookalike"},
		{"superscript digit", sbiS, "Rs.500² credited. Ref 519912345678", "refused lookalike"},
		{"keycap digit", sbiS, "Rs.5\ufe0f\u20e3 credited. Ref 519912345678", "refused lookalike"},
		{"greek letters", sbiS, "Rs.500 creditεd credited. Ref 519912345678", "refused lookalike"},
		{"offers isn't hidden by case", sbiS, "OFFER Rs 500 credited. Ref 519912345678", "refused loan_or_offer"},
		{"refusal hidden by zero width", sbiS, "Rs 500 credited, re\u200bversal. Ref 519912345678", "refused reversal"},
	})
}

func TestOneTimePasswords(t *testing.T) {
	runVariants(t, []variant{
		{"is your otp", hdfcS, "123456 is your OTP for login", "otp"},
		{"otp is", hdfcS, "OTP is 123456 for txn of Rs 500 at SHOP. Valid till 10:15", "otp"},
		{"your otp", hdfcS, "Your One Time Password is 1234.", "otp"},
		{"one-time passcode", hdfcS, "Use one-time passcode 998877 to sign in", "otp"},
		{"verification code", "AMAZON", "Your verification code is: 12345678", "otp"},
		{"code before", "GOOGLE", "G-482913 is your Google verification code.", "otp"},
		{"hash prefix", "VM-PHONEPE-S", "<#> 48291 is the OTP to verify your number. XyZ12", "otp"},
		{"dotted", hdfcS, "O.T.P: 123456", "otp"},
		{"spaced", hdfcS, "O T P 123456", "otp"},
		{"zero for o", hdfcS, "0TP 123456", "otp"},
		{"styled", hdfcS, "𝐎𝐓𝐏 𝟏𝟐𝟑𝟒𝟓𝟔", "otp"},
		{"zero width inside", hdfcS, "O\u200bT\u200bP is 12\u200b3456", "otp"},
		{"hindi", hdfcS, "आपका ओटीपी 123456 है", "otp"},
		{"code in two groups", hdfcS, "OTP: 123 456", "otp"},
		{"code far from its word", hdfcS, "OTP for transaction of Rs.500.00 at SHOP on your card ending 2536 is 482913.", "otp"},
		{"from a phone", "9876543210", "My OTP is 123456", "otp"},
		{"promotional", "VM-HDFCBK-P", "OTP 123456", "otp"},
		{"do not share with code", hdfcS, "Do not share OTP 123456 with anyone", "otp"},
		{"upi pin", hdfcS, "Your UPI PIN is 4321", "otp"},
		{"password", hdfcS, "Your password is 998877", "otp"},
		{"otp for a credit", hdfcS, "OTP 123456 to receive: Rs.2.00 credited to A/c xx2536. UPI 526830463424", "otp"},
		{"code after a genuine credit", hdfcS, "Credit Alert!\nRs.2.00 credited to HDFC Bank A/c xx2536 on 07-12-24 from VPA p@ybl (UPI 526830463424) OTP is 123456", "otp"},
		{"warning and a code", hdfcS, "Never share OTP with anyone, enter 482913 to log in", "otp"},
		{"warning and an amount", hdfcS, "Never share OTP with anyone, Rs 4829 is your balance", "unparsed not_a_credit"},
		{"warning and a code on another line", hdfcS, "Enter 482913 to log in\nNever share OTP with anyone", "otp"},
		{"warning behind a credit without reference and a year", yesS, "A/c XX1111 Credited with Rs 2000 on 26 Jun 2025. Never share your OTP with anyone.", "unparsed no_reference"},
		{"warning behind a bank's credit", hdfcS, "Credit Alert!\nRs.2.00 credited to HDFC Bank A/c xx2536 on 07-12-24 from VPA p@ybl (UPI 526830463424). Never share OTP/PIN with anyone", "credit 526830463424 2.00 p@ybl"},
		{"warning behind a generic credit", yesS, "Rs 5000 credited to A/c XX4321 on 26 Jun 2025. UPI Ref 527412345678. Bank never asks for OTP or CVV.", "credit 527412345678 5000.00"},
		{"warning behind a credit without reference", yesS, "A/c XX1111 Credited with Rs.2,000.00 on 21-09-2025. Never share your OTP with anyone.", "unparsed no_reference"},
		{"pin code of an address behind a credit", yesS, "Rs 5000 credited to A/c XX4321. UPI Ref 527412345678. Branch MG Road PIN 560001", "credit 527412345678 5000.00"},
		{"warning with a phone number", yesS, "Rs 5000 credited to A/c XX4321. UPI Ref 527412345678. Do not share OTP. Call 18001234567", "credit 527412345678 5000.00"},
	})
}

func TestSenders(t *testing.T) {
	const text = "Credit Alert!\nRs.2.00 credited to HDFC Bank A/c xx2536 on 07-12-24 from VPA p@ybl (UPI 526830463424)"
	reader := NewReader([]SenderHeader{{"HDFCNEW", "HDFC Bank"}, {"VM-TINYBK-S", "Tiny Bank"}})
	for _, test := range []struct {
		sender string
		known  bool
		want   string
	}{
		{"VM-HDFCBK-S", true, ""}, {"VM-HDFCBK-T", true, ""}, {"VM-HDFCBK", true, ""}, {"HDFCBK", true, ""},
		{"vm-hdfcbk-s", true, ""}, {" VM-HDFCBK-S ", true, ""}, {"HDFCBK-S", true, ""},
		{"VM-HDFCNEW-S", true, ""},
		{"VM-HDFCBK-G", false, ""}, {"VM-HDFCBX-S", false, ""}, {"HDFCBK1", false, ""}, {"VM-XHDFCBK-S", false, ""},
		{"ＶＭ-ＨＤＦＣＢＫ-Ｓ", false, ""}, {"VM-НDFCBK-S", false, ""}, {"VM-HDFC\u200bBK-S", false, ""},
		{"ＶＭ-ＨＤＦＣＢＫ-Ｐ", false, "promotional_sender"},
		{"56767", false, ""}, {"", false, ""}, {"VM-HDFC-BK-S", false, ""},
		{"VM-HDFCBK-P", false, "promotional_sender"}, {"VM-OTHERS-P", false, "promotional_sender"},
		{"9876543210", false, "phone_sender"}, {"+919876543210", false, "phone_sender"}, {"09876543210", false, "phone_sender"},
		{"+91 98765-43210", false, "phone_sender"}, {"９８７６５４３２１０", false, "phone_sender"},
	} {
		t.Run(test.sender, func(t *testing.T) {
			reading := reader.Read(Message{Sender: test.sender, Text: text}, testNow)
			if string(reading.Reason) != test.want || reading.HeaderKnown != test.known {
				t.Errorf("got %s, header known %t; want reason %q, known %t", verdict(reading), reading.HeaderKnown, test.want, test.known)
			}
			wantStrength := StrengthWeak
			if test.known {
				wantStrength = StrengthSMS
			}
			if test.want == "" && (reading.Outcome != Credit || reading.Strength() != wantStrength || reading.Bank != "HDFC Bank") {
				t.Errorf("got %s by %s with strength %s, want a credit with %s", verdict(reading), reading.Bank, reading.Strength(), wantStrength)
			}
		})
	}
	reading := reader.Read(Message{Sender: "AX-TINYBK-T", Text: "Rs 5 credited to A/c XX4321. UPI Ref 527412345678"}, testNow)
	if reading.Outcome != Credit || reading.Bank != "Tiny Bank" || reading.Strength() != StrengthSMS {
		t.Errorf("a header of the operator: %+v", reading)
	}
}

func TestAppNotifications(t *testing.T) {
	reader := NewReader(nil)
	for _, test := range []struct{ app, title, text, want string }{
		{"com.phonepe.app", "PhonePe - RAM", "has sent ₹500.00", "unparsed no_reference"},
		{"com.phonepe.app", "", "RAM has sent ₹500.00", "unparsed no_reference"},
		{"com.google.android.apps.nbu.paisa.user", "Google Pay", "RAM paid you ₹500", "unparsed no_reference"},
		{"com.google.android.apps.nbu.paisa.user", "", "RAM paid you ₹500. UPI Ref 527412345678", "credit 527412345678 500.00 RAM"},
		{"com.google.android.apps.nbu.paisa.user", "", "You paid RAM ₹500", "refused own_payment"},
		{"net.one97.paytm", "", "Paid ₹500 to RAM", "refused own_payment"},
		{"com.phonepe.app", "RAM", "has requested ₹500 from you", "refused collect_request"},
		{"com.phonepe.app", "Cashback", "You received ₹500 from PhonePe", "refused cashback"},
		{"com.phonepe.app", "PhonePe", "Your OTP is 123456", "otp"},
		{"notification", "VM-YESBNK-S", "Rs 500 credited to A/c XX4321. UPI Ref 527412345678", "credit 527412345678 500.00"},
		{"com.google.android.apps.messaging", "VM-YESBNK-S", "Rs 500 credited to A/c XX4321. UPI Ref 527412345678", "credit 527412345678 500.00"},
		{"com.android.mms", "VM-YESBNK-P", "Rs 500 credited to A/c XX4321. UPI Ref 527412345678", "refused promotional_sender"},
		{"com.android.mms", "+919876543210", "Rs 500 credited to A/c XX4321. UPI Ref 527412345678", "refused phone_sender"},
		{"com.chat.someone", "VM-YESBNK-S", "Rs 500 credited to A/c XX4321. UPI Ref 527412345678", "unparsed not_a_credit"},
		{"com.unknown.wallet", "", "Received ₹1,000 from RAM. UPI Ref 527412345678", "unparsed not_a_credit"},
	} {
		reading := reader.Read(Message{Sender: test.app, App: test.app, Title: test.title, Text: test.text}, testNow)
		if got := verdict(reading); got != test.want {
			t.Errorf("%s %q %q: got %s, want %s", test.app, test.title, test.text, got, test.want)
		}
		if reading.Outcome == Credit && reading.Strength() != StrengthWeak {
			t.Errorf("an app notification is %s evidence", reading.Strength())
		}
	}
}

func TestReferences(t *testing.T) {
	for text, want := range map[string]string{
		"UPI Ref No 527412345678": "527412345678", "527412345678": "", "UPI:527412345678-ICICI": "527412345678", "UPI/527412345678/X": "527412345678",
		"UPI Ref no.527412345678.": "527412345678", "(UPI 527412345678)": "527412345678", "RRN is 527412345678": "527412345678",
		"UTR 527412345678": "527412345678", "IMPS Ref. no. 527412345678": "527412345678", "Ref#527412345678": "527412345678",
		"Ref 527412345678.50": "", "Ref 527412345678,000": "", "Ref 5,527412345678": "", "Ref 5.527412345678": "", "Ref 527412345678abc": "",
		"Ref 527412345678@ybl": "", "Ref 527412345678_axl": "", "Ref *527412345678": "", "Ref +527412345678": "", "Ref a@527412345678": "",
		"Ref a_527412345678": "", "Ref XX527412345678": "", "Ref X527412345678": "527412345678", "Ref 1X527412345678": "",
		"Pref 527412345678": "", "Upim 527412345678": "", "UPI from RAM 527412345678": "", "UPI/RAM/SITA/527412345678": "527412345678",
		"UPI/A/B/C/527412345678": "", "Ref 527412345678 UPI 527412345679": "527412345678 527412345679",
	} {
		if got := strings.Join(references(text), " "); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
