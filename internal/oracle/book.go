package oracle

// Told is the book of who asked: requests and what Galla answered. A request without an answer may or may not have taken hold; the
// book says so with an empty Answer, and the oracle allows both.
type Told struct {
	Claims      []ToldClaim
	Evidence    []ToldEvidence
	Withdrawals []ToldWithdrawal
}

// ToldClaim is one activation as a merchant sent it, and the answer on the wire.
type ToldClaim struct {
	Merchant int64  `json:"merchant"`
	OrderID  string `json:"order"`
	Number   string `json:"number"` // normalised
	Amount   int64  `json:"amount"` // minor units; 0: unknown, Galla may credit what was observed
	// Answer is "ok", "possible", "pending" or "fail"; "" when none came.
	Answer string `json:"answer"`
}

// ToldEvidence is one report of a transfer and what became of it.
type ToldEvidence struct {
	Source int64  `json:"source"`
	Number string `json:"number"`
	Amount int64  `json:"amount"` // minor units
	Answer string `json:"answer"` // "created", "duplicate", "unparsed" or "refused"; "" when none came
}

// ToldWithdrawal is one signed order to pay.
type ToldWithdrawal struct {
	Merchant     int64  `json:"merchant"`
	WithdrawalID string `json:"withdrawal"`
	Amount       int64  `json:"amount"` // minor units
	Answer       string `json:"answer"` // "ok" or "fail"; "" when none came
}

// Seen is the book of the world outside, kept by those who can't be lied to: the bank that moved the money and the merchants that
// checked each signature with code of their own.
type Seen struct {
	Transfers []SeenTransfer
	Payouts   []SeenPayout
	Postbacks []SeenPostback
}

// SeenTransfer is money that really arrived on a receiving account.
type SeenTransfer struct {
	Account  int64  `json:"account"` // receiving_account.id
	Number   string `json:"number"`
	Amount   int64  `json:"amount"` // minor units
	Currency string `json:"currency"`
}

// SeenPayout is what a bank has under one reference.
type SeenPayout struct {
	Reference string `json:"reference"`
	Account   string `json:"account"` // of the payee
	Amount    int64  `json:"amount"`  // minor units that left and stayed away
	Credits   int    `json:"credits"` // how often the payee's account was credited for it
}

// SeenPostback is one request that a merchant received.
type SeenPostback struct {
	Merchant  int64  `json:"merchant"`
	WebhookID string `json:"webhook"`
	Body      string `json:"body"`
	// Verified: the signature was right by the merchant's own code.
	Verified bool `json:"verified"`
	// Acknowledged: the merchant's answer was {"status":"ok"} and it was sent whole.
	Acknowledged bool `json:"acknowledged"`
}

// Violation is one invariant that doesn't hold, in words.
type Violation struct {
	Invariant string `json:"invariant"` // "C-1", …
	What      string `json:"what"`
}
