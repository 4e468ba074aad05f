package gateway

// The rows that a batch writes, named like the columns of queries/batch.sql. A set travels as one JSON text.

type referenceRow struct {
	ID        int64  `json:"id"`
	Rail      int    `json:"rail"`
	Number    string `json:"number"`
	TouchedAt int64  `json:"touched_at"`
}

type fingerprintRow struct {
	Fingerprint string `json:"fingerprint"`
}

type idRow struct {
	ID int64 `json:"id"`
}

type orderRow struct {
	MerchantID   int64  `json:"merchant_id"`
	OrderID      string `json:"order_id"`
	SupersededBy int64  `json:"superseded_by"` // 0: the current claim
}

type payerRow struct {
	MerchantID int64  `json:"merchant_id"`
	Payer      string `json:"payer"`
}

type claimRow struct {
	ID            int64  `json:"id"`
	MerchantID    int64  `json:"merchant_id"`
	OrderID       string `json:"order_id"`
	SupersededBy  int64  `json:"superseded_by"`
	Payer         string `json:"payer"`
	Method        string `json:"method"`
	ReferenceID   *int64 `json:"reference_id"`
	Given         string `json:"given"`
	Amount        int64  `json:"amount"`
	Currency      string `json:"currency"`
	State         string `json:"state"`
	Reason        string `json:"reason"`
	UntilEvidence int16  `json:"until_evidence"`
	Corrections   int    `json:"corrections"`
	Told          int16  `json:"told"`
	CreatedAt     int64  `json:"created_at"`
	DecidedAt     int64  `json:"decided_at"`
	ExpiresAt     int64  `json:"expires_at"`
}

type claimUpdateRow struct {
	ID               int64  `json:"id"`
	FromState        string `json:"from_state"`
	State            string `json:"state"`
	Reason           string `json:"reason"`
	UntilEvidence    int16  `json:"until_evidence"`
	Told             int16  `json:"told"`
	FromSupersededBy int64  `json:"from_superseded_by"` // 0: nobody has replaced it meanwhile
	SupersededBy     int64  `json:"superseded_by"`
	DecidedAt        int64  `json:"decided_at"`
}

type transferRow struct {
	ID          int64  `json:"id"`
	ReferenceID int64  `json:"reference_id"`
	FromState   string `json:"from_state,omitempty"`
	AccountID   int64  `json:"account_id"`
	Amount      int64  `json:"amount"`
	Currency    string `json:"currency"`
	OccurredAt  int64  `json:"occurred_at"`
	Accuracy    int    `json:"accuracy"`
	Strength    int    `json:"strength"`
	Payer       string `json:"payer"`
	Marks       int    `json:"marks"`
	Released    int    `json:"released"`
	State       string `json:"state"`
	ObservedAt  int64  `json:"observed_at"`
}

type disputeRow struct {
	TransferID int64 `json:"transfer_id"`
	AccountID  int64 `json:"account_id"`
}

type reversedRow struct {
	ID         int64 `json:"id"`
	ReversedAt int64 `json:"reversed_at"`
}

type depositRow struct {
	ID         int64  `json:"id"`
	ClaimID    int64  `json:"claim_id"`
	TransferID int64  `json:"transfer_id"`
	MerchantID int64  `json:"merchant_id"`
	Amount     int64  `json:"amount"`
	Fee        int64  `json:"fee"`
	Currency   string `json:"currency"`
	CreatedAt  int64  `json:"created_at"`
}

type postingRow struct {
	EntryID       int64  `json:"entry_id"`
	Line          int    `json:"line"`
	Kind          string `json:"kind"`
	EventID       int64  `json:"event_id"`
	SourceID      int64  `json:"source_id"`
	DestinationID int64  `json:"destination_id"`
	Amount        int64  `json:"amount"`
	Currency      string `json:"currency"`
	At            int64  `json:"at"`
}

type deltaRow struct {
	AccountID int64 `json:"account_id"`
	EntryID   int64 `json:"entry_id"`
	Amount    int64 `json:"amount"`
}

type transitionRow struct {
	ID        int64  `json:"id"`
	Kind      string `json:"kind"`
	SubjectID int64  `json:"subject_id"`
	FromState string `json:"from_state"`
	ToState   string `json:"to_state"`
	At        int64  `json:"at"`
	Actor     string `json:"actor"`
	Reason    string `json:"reason"`
	Facts     string `json:"facts"`
}

type postbackRow struct {
	ID         int64  `json:"id"`
	MerchantID int64  `json:"merchant_id"`
	Kind       string `json:"kind"`
	SubjectID  int64  `json:"subject_id"`
	WebhookID  string `json:"webhook_id"`
	Packed     string `json:"packed"` // the body as postback.Pack makes it, in hex
	NextAt     int64  `json:"next_at"`
	CreatedAt  int64  `json:"created_at"`
	body       []byte // for who sends it at once
}

type evidenceRow struct {
	ID          int64  `json:"id"`
	SourceID    int64  `json:"source_id"`
	Fingerprint string `json:"fingerprint"`
	Raw         string `json:"raw"`
	Sender      string `json:"sender"`
	ReceivedAt  int64  `json:"received_at"`
	Outcome     string `json:"outcome"`
	Reason      string `json:"reason"`
	Reading     string `json:"reading"`
	ReferenceID *int64 `json:"reference_id"`
	TransferID  *int64 `json:"transfer_id"`
}

type otpRow struct {
	ID      int64 `json:"id"`
	Refused int64 `json:"refused"`
}
