package bench

import (
	"encoding/hex"
	"strconv"
	"sync"

	"github.com/galla-gateway/galla"
	"github.com/galla-gateway/galla/internal/postback"
	"github.com/galla-gateway/galla/money"
)

// What every unit is worth, and the fixed parts of the rows. The rows have the widths of real ones.
const (
	amountMinor = 50000
	walletType  = "phone_pe"
	payerVPA    = "payer@ybl"
	currency    = "INR"
	webhookID   = "msg_01938c3e-0000-7000-8000-000000000000"
	facts       = `{"rules":1,"rule":13,"occurred_at":1763850000000000}`
)

// accessKey and privateKey sign what no merchant checks.
const accessKey, privateKey = "FQ9jMwrNSkFbyMNqYFf6Ed4xeKmjHK", "private_key_of_the_measurement"

// postbackBody is a real body, postbackPacked what is stored of it. They are made when a bench asks: every command of the binary
// would make them otherwise.
var (
	postbackBody = sync.OnceValue(func() string {
		return string(bodyOf("payer-123456", "ord-6314159265", "636314159265", "2026-11-26 10:00:00", accessKey, 1234567))
	})
	postbackPacked = sync.OnceValue(func() string { return hex.EncodeToString(postback.Pack([]byte(postbackBody()))) })
)

// bodyOf is the body that the gateway writes for a credit, signed.
func bodyOf(payer, order, number, at, accessKey string, depositID int64) []byte {
	return galla.Postback{
		WalletType: walletType, Amount: money.Money{Minor: amountMinor, Currency: currency}, Label: payer, Direction: galla.DirectionDeposit, CreatedDatetime: at,
		Data: galla.PostbackData{
			ActivatedDatetime: at, ExchangerIdentifier: payerVPA, StockpilingID: depositID, TransactionID: number, PluginCustomOrderID: order,
		},
	}.AppendBody(nil, accessKey, privateKey)
}

// prefixes of transaction numbers, so that those of activations and of the evidence measure don't meet.
const (
	forActivation = "63"
	forEvidence   = "64"
)

// appendNumber appends the transaction number of unit n: 12 digits, all different, scattered over the index as those of
// many banks are.
func appendNumber(b []byte, prefix string, n int64) []byte {
	return appendScattered(append(b, prefix...), n, numberStep)
}

// Steps without a common factor with scatterSpan: multiples of them are all different and lie anywhere.
const (
	scatterSpan  = 10_000_000_000
	scatterUnits = 1_000_000_000 // so many units at most
	numberStep   = 6_180_339_887
	orderStep    = 3_819_660_113
)

// appendScattered appends 10 digits for unit n.
func appendScattered(b []byte, n, step int64) []byte {
	from := len(b)
	b = append(b, "0000000000"...)
	scattered := n % scatterUnits * step % scatterSpan
	for at := len(b) - 1; at >= from; at-- {
		b[at] += byte(scattered % 10)
		scattered /= 10
	}
	return b
}

// appendScatteredOrder appends an order id of those shops whose ids don't count up.
func appendScatteredOrder(b []byte, n int64) []byte {
	return appendScattered(append(b, "order-"...), n, orderStep)
}

func appendOrder(b []byte, n int64) []byte { return strconv.AppendInt(append(b, "order-"...), n, 10) }
func appendPayer(b []byte, n int64) []byte {
	return strconv.AppendInt(append(b, "payer-"...), n%1_000_000, 10)
}

// credit is one activation as the raw loops and the barest API store it.
type credit struct {
	n                        int64 // number of the unit; 1 more is its id in every table
	order, payer, number     string
	merchant                 int64
	reference, transfer, sum int64
	occurred                 int64 // when the transfer was; an update that changed it would cost more than real ones
}

// occurredAt is when the transfers that fill stores were made, in microseconds.
const occurredAt = 1_763_850_000_000_000

func (c *credit) id() int64 { return c.n + 1 }

// creditOf is the n-th activation over a stock that fill prepared.
func creditOf(n, merchants int64) credit {
	return credit{
		n: n, order: string(appendOrder(nil, n)), payer: string(appendPayer(nil, n)), number: string(appendNumber(nil, forActivation, n)),
		merchant: n%merchants + 1, reference: n + 1, transfer: n + 1, sum: amountMinor, occurred: occurredAt,
	}
}

// The rows of the tables, named like their columns.
type (
	referenceRow struct {
		ID        int64  `json:"id"`
		Rail      int    `json:"rail"`
		Number    string `json:"number"`
		TouchedAt int64  `json:"touched_at"`
	}
	idRow struct {
		ID int64 `json:"id"`
	}
	orderRow struct {
		MerchantID   int64  `json:"merchant_id"`
		OrderID      string `json:"order_id"`
		SupersededBy int64  `json:"superseded_by"`
	}
	claimRow struct {
		ID            int64  `json:"id"`
		MerchantID    int64  `json:"merchant_id"`
		OrderID       string `json:"order_id"`
		SupersededBy  int64  `json:"superseded_by"`
		Payer         string `json:"payer"`
		Method        string `json:"method"`
		ReferenceID   int64  `json:"reference_id"`
		Given         string `json:"given"`
		Amount        int64  `json:"amount"`
		Currency      string `json:"currency"`
		State         string `json:"state"`
		Reason        string `json:"reason"`
		UntilEvidence int    `json:"until_evidence"`
		Corrections   int    `json:"corrections"`
		Told          int    `json:"told"`
		CreatedAt     int64  `json:"created_at"`
		DecidedAt     int64  `json:"decided_at"`
		ExpiresAt     int64  `json:"expires_at"`
	}
	transferRow struct {
		ID          int64  `json:"id"`
		ReferenceID int64  `json:"reference_id"`
		FromState   string `json:"from_state"`
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
	depositRow struct {
		ID         int64  `json:"id"`
		ClaimID    int64  `json:"claim_id"`
		TransferID int64  `json:"transfer_id"`
		MerchantID int64  `json:"merchant_id"`
		Amount     int64  `json:"amount"`
		Fee        int64  `json:"fee"`
		Currency   string `json:"currency"`
		CreatedAt  int64  `json:"created_at"`
	}
	postingRow struct {
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
	deltaRow struct {
		AccountID int64 `json:"account_id"`
		EntryID   int64 `json:"entry_id"`
		Amount    int64 `json:"amount"`
	}
	transitionRow struct {
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
	postbackRow struct {
		ID         int64  `json:"id"`
		MerchantID int64  `json:"merchant_id"`
		Kind       string `json:"kind"`
		SubjectID  int64  `json:"subject_id"`
		WebhookID  string `json:"webhook_id"`
		Packed     string `json:"packed"`
		NextAt     int64  `json:"next_at"`
		CreatedAt  int64  `json:"created_at"`
	}
	eventRow struct {
		ID         int64 `json:"id"` // of the postback
		MerchantID int64 `json:"merchant_id"`
	}
)
