package evidence

// Reason is a stable machine word that says why an item is refused or unparsed.
type Reason string

// Why an item stays unparsed: kept, shown, and read again when a template is added.
const (
	ReasonNoReference        Reason = "no_reference"
	ReasonNotACredit         Reason = "not_a_credit"
	ReasonAmbiguousAmount    Reason = "ambiguous_amount"
	ReasonAmbiguousReference Reason = "ambiguous_reference"
	ReasonBadAmount          Reason = "bad_amount"
)

// Why an item is refused.
const (
	ReasonOTP               Reason = "otp"
	ReasonReversal          Reason = "reversal"
	ReasonRefund            Reason = "refund"
	ReasonCashback          Reason = "cashback"
	ReasonInterest          Reason = "interest"
	ReasonSalary            Reason = "salary"
	ReasonDividend          Reason = "dividend"
	ReasonOwnPayment        Reason = "own_payment"
	ReasonCollectRequest    Reason = "collect_request"
	ReasonMandate           Reason = "mandate"
	ReasonFailed            Reason = "failed_payment"
	ReasonNotYetCredited    Reason = "not_yet_credited"
	ReasonOffer             Reason = "loan_or_offer"
	ReasonCheque            Reason = "cheque"
	ReasonCardPayment       Reason = "card_payment"
	ReasonPromotionalSender Reason = "promotional_sender"
	ReasonPhoneSender       Reason = "phone_sender"
	ReasonLookalike         Reason = "lookalike"
	ReasonPayerNote         Reason = "payer_note"
	ReasonMalformed         Reason = "malformed_item"
	ReasonTooLong           Reason = "too_long"
	ReasonBadReference      Reason = "bad_reference"
	ReasonBadCurrency       Reason = "bad_currency"
	ReasonBadTime           Reason = "bad_time"
	ReasonOtherAccount      Reason = "other_account"
	ReasonConflict          Reason = "conflict"
)

// Why a row of a statement is skipped, beside the reasons above.
const (
	ReasonNoTransaction Reason = "no_transaction"
	ReasonNoAmount      Reason = "no_amount"
)

var reasonTexts = map[Reason]string{
	ReasonNoReference:        "reports a credit without its reference number; a second source must bring it",
	ReasonNotACredit:         "reports no incoming transfer that a template can read",
	ReasonAmbiguousAmount:    "more than one amount could be the credited one",
	ReasonAmbiguousReference: "more than one number could be the reference",
	ReasonBadAmount:          "the amount can't be read, or is not above zero",
	ReasonOTP:                "one-time password; not stored",
	ReasonReversal:           "reversal of an earlier transaction",
	ReasonRefund:             "refund, not a payment",
	ReasonCashback:           "cashback, not a payment",
	ReasonInterest:           "interest, not a payment",
	ReasonSalary:             "salary, not a payment",
	ReasonDividend:           "dividend, not a payment",
	ReasonOwnPayment:         "a payment we made, not one we received",
	ReasonCollectRequest:     "a request for money, not money",
	ReasonMandate:            "mandate notice, not a payment",
	ReasonFailed:             "the payment failed",
	ReasonNotYetCredited:     "announces a credit that has not happened yet",
	ReasonOffer:              "loan or offer text",
	ReasonCheque:             "cheque; not final until cleared",
	ReasonCardPayment:        "payment towards a card",
	ReasonPromotionalSender:  "sent from a promotional header (-P)",
	ReasonPhoneSender:        "bank text sent from a phone number",
	ReasonLookalike:          "letters or symbols that imitate digits or letters",
	ReasonPayerNote:          "only the payer's free text reads like a credit",
	ReasonMalformed:          "the item has not the expected form",
	ReasonTooLong:            "a field of the item is too long",
	ReasonBadReference:       "the reference has not the form of this rail",
	ReasonBadCurrency:        "the currency is not the one of the wallet",
	ReasonBadTime:            "the time is not RFC 3339",
	ReasonOtherAccount:       "about another account of this phone",
	ReasonConflict:           "the same reference is known with another amount or account",
	ReasonNoTransaction:      "a total, a heading or a footer, not a transaction",
	ReasonNoAmount:           "neither money in nor money out",
}

// Text is the reason as a sentence part for people.
func (r Reason) Text() string { return reasonTexts[r] }
