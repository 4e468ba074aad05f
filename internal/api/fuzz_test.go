package api

import (
	"encoding/json"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/galla-gateway/galla"
	"github.com/galla-gateway/galla/internal/evidence"
	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/method"
	"github.com/galla-gateway/galla/money"
)

// Whatever is sent to activate becomes a claim within the limits of protocol section 4, or a RequestError that is
// answered as JSON.
func FuzzClaim(f *testing.F) {
	f.Add(with("", ""))
	for _, c := range append(badBodies[:len(badBodies):len(badBodies)], badActivate...) {
		f.Add(c.body)
	}
	m := &gateway.Merchant{}
	f.Fuzz(func(t *testing.T, body string) {
		request, err := galla.DecodeActivate([]byte(body))
		if err == nil {
			var claim gateway.ClaimRequest
			if claim, err = claimOf(m, request); err == nil {
				checkClaim(t, claim)
				return
			}
		}
		checkRequestError(t, err)
	})
}

func checkClaim(t *testing.T, claim gateway.ClaimRequest) {
	t.Helper()
	for _, text := range []string{claim.OrderID, claim.Payer, claim.Key1} {
		if n := utf8.RuneCountInString(text); n < 1 || n > galla.MaxField || text != galla.StripControl(text) {
			t.Errorf("%q got through", text)
		}
	}
	if !claim.Amount.IsPositive() || claim.Amount.Currency != claim.Method.Currency || claim.Method.WithdrawalOnly {
		t.Errorf("%v by %s got through", claim.Amount, claim.Method.Name)
	}
}

func checkRequestError(t *testing.T, err error) {
	t.Helper()
	if request := new(galla.RequestError); !errors.As(err, &request) {
		t.Fatalf("%v is no RequestError", err)
	}
	recorder := httptest.NewRecorder()
	answerError(recorder, err, time.Time{})
	if recorder.Code != 422 || !json.Valid(recorder.Body.Bytes()) || !utf8.Valid(recorder.Body.Bytes()) {
		t.Errorf("%v is answered %d %q", err, recorder.Code, recorder.Body)
	}
}

// Whatever is sent to create becomes a request for a wallet, or a RequestError.
func FuzzOffer(f *testing.F) {
	f.Add("phone_pe", `{"currency":"INR","label":"eligendi"}`)
	f.Add("bkash", `{"currency":"BDT","label":"55","account_type":"agent"}`)
	f.Add("imps_ib", `{"currency":"INR","label":"55"}`)
	for _, c := range badCreate {
		f.Add("phone_pe", c.body)
	}
	m := &gateway.Merchant{}
	f.Fuzz(func(t *testing.T, walletType, body string) {
		offer, err := offerOf(m, walletType, []byte(body))
		if err != nil {
			checkRequestError(t, err)
			return
		}
		if offer.Payer == "" || offer.Currency != offer.Method.Currency || offer.Method.Name != walletType {
			t.Errorf("%+v got through", offer)
		}
	})
}

// Whatever a source sends, each item has its result in valid JSON, and nothing that a database refuses is passed on.
func FuzzItems(f *testing.F) {
	f.Add("sms", "["+message("VM-HDFCBK-S", hdfcText)+","+message("VM-HDFCBK-S", otpText)+",7]")
	f.Add("transfers", `[{"reference":"321302038123","amount":"500.00","payer":"a\u0000b"},{}]`)
	f.Add("smsgate", `{"event":"sms:received","payload":{"sender":"VM-HDFCBK-S","message":"x\u0000"}}`)
	f.Add("smsforwarder", "from=VM-HDFCBK-S&content=%00x&timestamp=1")
	f.Add("android_income_sms_gateway", `{"from":"com.phonepe.app","text":"has sent \u20b9500.00"}`)
	reader := evidence.NewReader(nil)
	o := testObserver(method.RailIndia, money.INR, "2536")
	f.Fuzz(func(t *testing.T, kind, body string) {
		var items []gateway.EvidenceItem
		var answer results
		if evidence.SourceKind(kind) == evidence.SourceTransfers {
			decoded, err := evidence.DecodeTransfers([]byte(body), o.rules())
			if err != nil {
				return
			}
			for _, item := range decoded {
				items, answer.details = append(items, o.transfer(item)), append(answer.details, item.Detail)
			}
		} else {
			decoded, err := evidence.DecodeMessages(evidence.SourceKind(kind), "", nil, []byte(body), "token", observedAt)
			if err != nil {
				return
			}
			for _, m := range decoded {
				items, answer.details = append(items, o.message(m, reader.Read(m, observedAt))), append(answer.details, m.Detail)
			}
		}
		for _, item := range items {
			checkItem(t, item)
			answer.items = append(answer.items, gateway.EvidenceResult{Status: gateway.EvidenceRefused, Reason: item.Reason})
		}
		if text := answer.AppendJSON(nil); !json.Valid(text) {
			t.Errorf("the answer isn't JSON: %s", text)
		}
	})
}

func checkItem(t *testing.T, item gateway.EvidenceItem) {
	t.Helper()
	for _, text := range []string{item.Sender, item.Payer, item.Template, item.Number, string(item.Reason)} {
		if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
			t.Errorf("%q got through", text)
		}
	}
	switch item.Outcome {
	case evidence.Credit:
		if item.Number == "" || !item.Amount.IsPositive() || item.OccurredAt.IsZero() {
			t.Errorf("a credit without number, amount or time: %+v", item)
		}
	case evidence.OTP:
		if len(item.Raw) > 0 || item.Sender != "" || item.Payer != "" {
			t.Errorf("a one-time password got through: %+v", item)
		}
	}
}
