package galla

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/galla-gateway/galla/money"
)

// golden compares got with a file below testdata, byte for byte.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	want, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s:\n got %s\nwant %s", name, got, want)
	}
}

func TestAnswers(t *testing.T) {
	for file, answer := range map[string]interface{ AppendJSON([]byte) []byte }{
		"ok.json":          Answer{Status: StatusOK, Amount: money.Money{Minor: 50000, Currency: money.INR}},
		"ok_decimals.json": Answer{Status: StatusOK, Amount: money.Money{Minor: 25050, Currency: money.BDT}},
		"pending.json":     Answer{Status: StatusPending},
		"possible.json":    Answer{Status: StatusPossible},
		"fail.json":        Answer{Status: StatusFail, Message: "A \"quoted\" / <b> & 'text'\nओके"},
		"not_found.json":   Answer{Status: StatusFail, Message: MessageNotFound},
		"error.json":       Answer{Status: StatusError, Message: MessageRepeat},
		"create.json":      CreateAnswer{Identifier: "6234234234"},
		"available.json": AvailableAnswer{
			Currencies: []money.Currency{money.INR, money.BDT},
			Wallets: []AvailableWallet{
				{Type: "phone_pe", Currency: money.INR, Order: 1, Name: "PhonePe"},
				{Type: "bkash", Currency: money.BDT, Order: 9, Logo: "https://galla.example/static/bkash.svg", Name: "bKash"},
			},
		},
		"available_none.json": AvailableAnswer{},
	} {
		golden(t, "answer/"+file, answer.AppendJSON(nil))
	}
	if got := (Answer{Status: StatusPossible}).AppendJSON([]byte("before")); !bytes.HasPrefix(got, []byte(`before{"status"`)) {
		t.Errorf("AppendJSON doesn't append: %s", got)
	}
}

// vector is a postback of protocol 5.1 with its keys.
type vector struct {
	file               string
	accessKey, private string
	dataBytes          int
	signature          string
	postback           Postback
}

func vectors() []vector {
	page := Postback{
		WalletType:      "phone_pe",
		Amount:          money.Money{Minor: 70000, Currency: money.INR},
		Label:           "1230142",
		Direction:       DirectionDeposit,
		CreatedDatetime: "2023-08-25 15:12:49",
		Data: PostbackData{
			ActivatedDatetime:   "2023-08-25 18:12:46",
			ExchangerIdentifier: "81230207429",
			StockpilingID:       1431219,
			TransactionID:       "323748622123",
			PluginCustomOrderID: "ikDhBnLY123tx3G6H",
		},
	}
	difficult := page
	difficult.Data.Comment = "paid / ₹700 \"ok\" <b>é😀\n"
	difficult.Data.PluginCustomOrderID = "ord/1&2"

	withdrawal := page
	withdrawal.WalletType = "imps_ib"
	withdrawal.Amount.Minor = 121800
	withdrawal.Label = "125199"
	withdrawal.Direction = DirectionWithdrawal
	withdrawal.Data = PostbackData{
		ActivatedDatetime: "2023-08-25 18:12:46",
		StockpilingID:     1431219,
		WithdrawalID:      "297",
		WithdrawalStatus:  WithdrawalPaid,
		AccountNumber:     "123456789",
		AccountName:       "TestNameAcc",
		BankCode:          "IFCS0123456",
	}

	converted := page
	converted.WalletType = "bkash"
	converted.Amount = money.Money{Minor: 50050, Currency: money.BDT}
	converted.Converted = money.Money{Minor: 35536, Currency: money.INR}

	return []vector{
		{"v1.json", "FQ9jMwrNSkFbyMNqYFf6Ed4xeKmjHK", "test_private_access_key", 433, "9f3cef16a07cb042778e16dda73b9f73ca5f8a89", page},
		{"v2.json", "pub", "priv", 455, "392333ba5ae5eb41129eebaab0d667d389118892", difficult},
		{"v3.json", "pub", "priv", 424, "3b7fafb177b8c7b1f9163252b11f42c51fda6586", withdrawal},
		{"converted.json", "pub", "priv", 432, "", converted},
	}
}

func TestPostbackVectors(t *testing.T) {
	for _, v := range vectors() {
		body := v.postback.AppendBody(nil, v.accessKey, v.private)
		golden(t, "postback/"+v.file, body)
		_, data, _ := bytes.Cut(body, []byte(`"additional_data":`))
		data = data[:len(data)-1]
		if len(data) != v.dataBytes {
			t.Errorf("%s: additional_data has %d bytes, want %d", v.file, len(data), v.dataBytes)
		}
		if v.signature == "" {
			continue
		}
		if got := LegacySignature(v.accessKey, v.private, data); got != v.signature {
			t.Errorf("%s: signature %s, want %s", v.file, got, v.signature)
		}
		if !bytes.Contains(body, []byte(`{"signature":"`+v.signature+`",`)) {
			t.Errorf("%s: the body doesn't carry signature %s", v.file, v.signature)
		}
	}
}

// A body appended behind other bytes is the same body.
func TestAppendBodyAppends(t *testing.T) {
	v := vectors()[0]
	alone := v.postback.AppendBody(nil, v.accessKey, v.private)
	behind := v.postback.AppendBody([]byte("{"), v.accessKey, v.private)
	if string(behind) != "{"+string(alone) {
		t.Errorf("got %s", behind)
	}
	buf := make([]byte, 0, 2048)
	if allocs := testing.AllocsPerRun(100, func() { v.postback.AppendBody(buf, v.accessKey, v.private) }); allocs != 0 {
		t.Errorf("AppendBody allocates %v times", allocs)
	}
}

func BenchmarkAppendBody(b *testing.B) {
	v := vectors()[0]
	buf := make([]byte, 0, 2048)
	b.ReportAllocs()
	for b.Loop() {
		buf = v.postback.AppendBody(buf[:0], v.accessKey, v.private)
	}
	b.SetBytes(int64(len(buf)))
}
