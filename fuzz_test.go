package galla

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/galla-gateway/galla/money"
)

// FuzzPostbackBody: what is written is one JSON object that a receiver reads back as it was, and whoever changes a signed byte is
// found out.
func FuzzPostbackBody(f *testing.F) {
	f.Add(int64(50000), "payer", "order", "321302038123", "asha@ybl", "", uint16(3))
	f.Add(int64(1), `"},"x":{"`, "=1+1", "\u2028</script>", "\\u0000", "a:b", uint16(200))
	f.Add(int64(-5), "\xff", "\x00\n", "", "é", "😀", uint16(0))
	f.Fuzz(func(t *testing.T, minor int64, label, order, number, payer, comment string, flip uint16) {
		p := Postback{
			WalletType: "phone_pe", Amount: money.Money{Minor: minor, Currency: money.INR}, Label: label, Direction: DirectionDeposit,
			CreatedDatetime: "2026-11-26 12:00:00",
			Data: PostbackData{
				ActivatedDatetime: "2026-11-26 12:00:00", ExchangerIdentifier: payer, Comment: comment, StockpilingID: 7,
				TransactionID: number, PluginCustomOrderID: order,
			},
		}
		keys := PostbackKeys{AccessKey: "access", PrivateKey: "private"}
		body := p.AppendBody(nil, keys.AccessKey, keys.PrivateKey)
		if !json.Valid(body) || !utf8.Valid(body) {
			t.Fatalf("no JSON: %q", body)
		}
		read, err := VerifyPostback(body, nil, keys, time.Time{})
		if err != nil {
			if minor > 0 && minor < 1e15 && len(body) < MaxBody && len(order) > 0 {
				t.Fatalf("our own postback is refused: %v: %q", err, body)
			}
			return
		}
		for got, want := range map[string]string{read.Label: label, read.Data.PluginCustomOrderID: order, read.Data.TransactionID: number, read.Data.ExchangerIdentifier: payer} {
			if utf8.ValidString(want) && got != want {
				t.Fatalf("%q reads as %q", want, got)
			}
		}
		if read.Amount != p.Amount {
			t.Fatalf("%v reads as %v", p.Amount, read.Amount)
		}
		data := strings.Index(string(body), `"additional_data":`) + len(`"additional_data":`)
		changed := append([]byte(nil), body...)
		at := data + int(flip)%(len(body)-1-data)
		changed[at] ^= 1
		if _, err := VerifyPostback(changed, nil, keys, time.Time{}); err == nil {
			t.Fatalf("byte %d was changed and nobody saw it: %q", at, changed)
		}
	})
}
