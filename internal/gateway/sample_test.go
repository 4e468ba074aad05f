package gateway

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/galla-gateway/galla"
)

func TestSamplePostbacks(t *testing.T) {
	eachEmpty(t, func(w *world) {
		w.addMerchant(newShop("shop"))
		newTries := newShop("tries")
		newTries.Sandbox = true
		added, err := w.g.AddMerchants(context.Background(), newTries)
		w.must(err)
		taka := newShop("taka")
		taka.Sandbox, taka.Currency = true, "BDT"
		_, err = w.g.AddMerchants(context.Background(), taka)
		w.must(err)
		keys := galla.PostbackKeys{
			AccessKey: added[0].AccessKey, PrivateKey: added[0].PostbackKey.Reveal(), WebhookSecrets: []string{added[0].WebhookSecret.Reveal()},
		}
		for _, c := range []struct {
			sample    Sample
			kind      PostbackKind
			direction galla.Direction
			status    int
			amount    string
		}{
			{Sample{Type: galla.EventDepositOK}, PostbackDeposit, galla.DirectionDeposit, 0, "500"},
			{Sample{Type: galla.EventDepositOK, Amount: "0.5", OrderID: "ord / 1"}, PostbackDeposit, galla.DirectionDeposit, 0, "0.5"},
			{Sample{Type: galla.EventWithdrawalPaid, OrderID: "297"}, PostbackWithdrawal, galla.DirectionWithdrawal, galla.WithdrawalPaid, "500"},
			{Sample{Type: galla.EventWithdrawalFailed}, PostbackWithdrawal, galla.DirectionWithdrawal, galla.WithdrawalFailed, "500"},
		} {
			got, err := w.g.SamplePostback("tries", c.sample)
			w.must(err)
			p, err := galla.VerifyPostback(got.Body, got.Webhook.Header(), keys, w.clock.Now())
			if err != nil || got.Kind != c.kind || p.Direction != c.direction || p.Data.WithdrawalStatus != c.status || p.Amount.Text() != c.amount ||
				!strings.HasPrefix(got.Webhook.ID, SampleWebhookID) || eventType(got.Kind, got.Body) != c.sample.Type {
				w.t.Errorf("%+v: %s reads as %+v, %v", c.sample, got.Body, p, err)
			}
			if c.sample.OrderID != "" && p.Data.PluginCustomOrderID+p.Data.WithdrawalID != c.sample.OrderID {
				w.t.Errorf("%+v: order %q, withdrawal %q", c.sample, p.Data.PluginCustomOrderID, p.Data.WithdrawalID)
			}
			var exact struct {
				Data []struct {
					ID json.Number `json:"stockpiling_id"`
				} `json:"additional_data"`
			}
			if err := json.Unmarshal(got.Body, &exact); err != nil || p.Data.StockpilingID < sampleIDs || p.Data.StockpilingID >= 1<<53 {
				w.t.Errorf("the id %d is one that a deposit could have, or that JavaScript can't read", p.Data.StockpilingID)
			}
		}
		if got, err := w.g.SamplePostback("taka", Sample{Type: galla.EventDepositOK, Amount: "1.25"}); err != nil || !strings.Contains(string(got.Body), `"wallet_type":"bkash","amount":1.25,"currency_code":"BDT"`) {
			w.t.Errorf("%s, %v", got.Body, err)
		}
		for _, c := range []struct {
			slug       string
			sample     Sample
			code, what string
		}{
			{"shop", Sample{Type: galla.EventDepositOK}, CodeConflict, "would book a signed sample as money"},
			{"nobody", Sample{Type: galla.EventDepositOK}, CodeNotFound, "no merchant"},
			{"tries", Sample{Type: "deposit.lost"}, CodeInvalid, "expected deposit.ok, withdrawal.paid or withdrawal.failed"},
			{"tries", Sample{Type: galla.EventDepositOK, Amount: "1.005"}, CodeInvalid, "amount"},
			{"tries", Sample{Type: galla.EventDepositOK, Amount: "0"}, CodeInvalid, "more than 0"},
			{"tries", Sample{Type: galla.EventDepositOK, OrderID: "a\nb"}, CodeInvalid, "order id"},
			{"taka", Sample{Type: galla.EventWithdrawalPaid}, CodeConflict, "withdrawals are in INR"},
		} {
			_, err := w.g.SamplePostback(c.slug, c.sample)
			w.refused(err, c.code, c.what)
		}
		w.want("stored", w.count("SELECT count(*) FROM postback"), 0)
	})
}
