package examples

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/galla-gateway/galla"
	"github.com/galla-gateway/galla/money"
)

// message is a postback as it reaches a receiver, and the receiver's clock. An empty header isn't sent.
type message struct {
	Body       []byte `json:"body"` // in base64
	ID         string `json:"id,omitempty"`
	Time       string `json:"time,omitempty"`
	Signatures string `json:"signatures,omitempty"`
	Now        int64  `json:"now"`
}

// reading is what a receiver would book of a message.
type reading struct {
	ID        string `json:"id"` // stockpiling_id, as text: it may have more digits than a float64
	Label     string `json:"label"`
	Order     string `json:"order"`
	Amount    string `json:"amount"`
	Direction string `json:"direction"`
}

// author writes genuine messages. It may sign with either of two webhook secrets, which are being rotated.
type author struct {
	*rand.Rand
	access, private string
	secrets         []string
	written         int
}

func newAuthor(seed uint64) (*author, error) {
	a := &author{Rand: rand.New(rand.NewPCG(seed, seed))}
	random := rand.NewChaCha8([32]byte{byte(seed)})
	var err error
	if a.access, err = galla.NewKey(random); err != nil {
		return nil, err
	}
	if a.private, err = galla.NewKey(random); err != nil {
		return nil, err
	}
	for range 2 {
		secret, err := galla.NewWebhookSecret(random)
		if err != nil {
			return nil, err
		}
		a.secrets = append(a.secrets, secret)
	}
	return a, nil
}

// environment is what the receiver of the author's messages is given.
func (a *author) environment() environment {
	return append(inherited(), "ACCESS_KEY="+a.access, "POSTBACK_PRIVATE_KEY="+a.private, "WEBHOOK_SECRET="+strings.Join(a.secrets, " "))
}

// genuine writes a message that a receiver must take. Its time is up to the tolerance away from the receiver's, its
// signatures are by one secret or both, and others that nobody knows may stand among them.
func (a *author) genuine() (message, reading) {
	a.written++
	p := a.postback()
	tolerance := int64(galla.WebhookTolerance / time.Second)
	now := 1_795_000_000 + a.Int64N(1e8)
	m := message{
		Body: p.AppendBody(nil, a.access, a.private), Now: now,
		ID:   fmt.Sprintf("%s%d", pick(a.Rand, "msg_", "msg.", "evt_0191f7c2-", "~", "100."), a.written),
		Time: strconv.FormatInt(now+pick(a.Rand, -tolerance, tolerance, 0, a.Int64N(2*tolerance+1)-tolerance), 10),
	}
	signatures := []string{m.signed(a.secrets[0]), m.signed(a.secrets[1])}
	if n := a.IntN(3); n < 2 {
		signatures = signatures[n : n+1]
	}
	for range a.IntN(3) {
		signatures = append(signatures, pick(a.Rand, "v1,", "v1a,", "v2,", "")+a.base64(32))
	}
	a.Shuffle(len(signatures), func(i, j int) { signatures[i], signatures[j] = signatures[j], signatures[i] })
	m.Signatures = strings.Join(signatures, " ")
	return m, reading{
		ID: strconv.FormatInt(p.Data.StockpilingID, 10), Label: p.Label, Order: p.Data.PluginCustomOrderID,
		Amount: p.Amount.Text(), Direction: string(p.Direction),
	}
}

func (a *author) postback() galla.Postback {
	at := func() string { return galla.FormatTime(time.Unix(a.Int64N(4e9), 0), time.UTC) }
	p := galla.Postback{
		WalletType: pick(a.Rand, "phone_pe", "upi_l", a.text()), Amount: a.money(money.INR), Label: a.text(),
		Direction: galla.DirectionDeposit, CreatedDatetime: at(),
		Data: galla.PostbackData{
			ActivatedDatetime: at(), ExchangerIdentifier: a.text(), Comment: a.text(), StockpilingID: a.Int64() >> a.IntN(63),
			TransactionID: a.text(), PluginCustomOrderID: a.text(), AccountNumber: a.text(), AccountName: a.text(),
			AccountEmail: a.text(), BankCode: a.text(), BranchCode: a.text(),
		},
	}
	if a.IntN(2) == 0 {
		p.Direction = galla.DirectionWithdrawal
		p.Data.PluginCustomOrderID, p.Data.WithdrawalID = "", a.text()
		p.Data.WithdrawalStatus = pick(a.Rand, galla.WithdrawalPaid, galla.WithdrawalFailed)
	}
	if a.IntN(2) == 0 {
		p.Amount.Currency = money.BDT
		p.Converted = a.money(money.INR)
	}
	return p
}

// money has as many small and round amounts as large ones.
func (a *author) money(currency money.Currency) money.Money {
	minor := 1 + a.Int64N(99_999_999_999_999)>>a.IntN(46)
	if a.IntN(3) == 0 {
		minor -= minor % 100
	}
	return money.Money{Minor: max(minor, 1), Currency: currency}
}

// text mixes what is dangerous in JSON, and what looks like parts of a postback, with all of Unicode.
func (a *author) text() string {
	var b strings.Builder
	for range a.IntN(10) {
		switch a.IntN(6) {
		case 0:
			if r := rune(a.IntN(utf8.MaxRune + 1)); utf8.ValidRune(r) {
				b.WriteRune(r)
			}
		case 1:
			b.WriteString(pick(a.Rand, `,"additional_data":[{`, `"stockpiling_id":1`, `}]}`, `{"signature":"`, `\u002f`, `\`, "</script>", "9007199254740993"))
		default:
			b.WriteRune(pick(a.Rand, []rune("\"\\/<>&'\b\f\n\r\t\x00\x01\x1f\x7f\u0080\u2028\u2029\ufeff\ufffd₹ओके😀{}[]:,+-.0123456789abcABC u")...))
		}
	}
	return b.String()
}

func (a *author) bytes(count int) []byte {
	b := make([]byte, count)
	for i := range b {
		b[i] = byte(a.Uint32())
	}
	return b
}

func (a *author) base64(count int) string { return base64.StdEncoding.EncodeToString(a.bytes(count)) }

// signed is the signature of a message by a webhook secret.
func (m message) signed(secret string) string {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil {
		panic(err) // the secrets are the author's
	}
	return signatureOf(key, m.ID+"."+m.Time+"."+string(m.Body))
}

// signatureOf is written apart from package galla's: what both got wrong would look right.
func signatureOf(key []byte, text string) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// fits tells whether one of the signatures is right for the headers and the body.
func (m message) fits(secrets []string) bool {
	for _, secret := range secrets {
		for _, signature := range strings.Split(m.Signatures, " ") {
			if signature == m.signed(secret) {
				return true
			}
		}
	}
	return false
}

// same tells whether two messages have the same signed bytes in the headers' sense, divided in the same way.
func (m message) same(other message) bool {
	return m.ID == other.ID && m.Time == other.Time && bytes.Equal(m.Body, other.Body)
}

func pick[T any](random *rand.Rand, from ...T) T { return from[random.IntN(len(from))] }
