package api

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/wallet"
)

const (
	createdJSON  = `{"status":"ok","params":{"identifier":"6234234234"}}`
	noWalletJSON = `{"status":"fail","message":"No wallet is available right now"}`
)

func TestCreate(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		w.tell(t, "account types", accountTypes)
		w.tell(t, "sticky", sticky)
		w.tell(t, "remembered", remembered)
		w.tell(t, "answers", createAnswers)
	})
}

func createAnswers(_ *testing.T, w *world) {
	good := call{path: w.createPath("phone_pe"), body: `{"currency":"INR","label":"eligendi"}`}
	w.want(good, http.StatusOK, createdJSON)
	w.want(call{path: good.path, body: `{"currency":"INR","label":"eligendi","account_type":7}`}, http.StatusOK, createdJSON)
	w.want(call{path: w.createPath("paytm"), body: good.body}, http.StatusOK, noWalletJSON)
	for walletType, shown := range map[string]string{
		"phonepe": "phonepe", "PHONE_PE": "PHONE_PE", "imps_ib": "imps_ib", "phone%5Fpe%20": "phone_pe ", "%3Cb%3E": "<b>",
		strings.Repeat("w", 200): strings.Repeat("w", 40) + "…",
	} {
		w.want(call{path: w.createPath(walletType), body: good.body}, unprocessable, failJSON(fmt.Sprintf("wallet_type %q is not a known payment method.", shown)))
	}
	w.want(call{path: w.createPath("phone%5Fpe"), body: good.body}, http.StatusOK, createdJSON)
	w.pause("shop")
	w.want(good, http.StatusOK, noWalletJSON)
}

// The wallet is sticky: the payer gets the same one while it is healthy, whatever else there is.
func sticky(t *testing.T, w *world) {
	good := call{path: w.createPath("phone_pe"), body: `{"currency":"INR","label":"eligendi"}`}
	w.want(good, http.StatusOK, createdJSON)
	second := w.addWallet(gateway.NewWallet{Method: "phone_pe", Identifier: "6234234236", Merchants: []string{"shop"}})
	w.want(good, http.StatusOK, createdJSON)
	w.want(call{path: good.path, body: `{"currency":"INR","label":"another"}`}, http.StatusOK, `{"status":"ok","params":{"identifier":"6234234236"}}`)
	must(t, w.g.MoveWallet(context.Background(), second, wallet.Paused))
	w.want(call{path: good.path, body: `{"currency":"INR","label":"another"}`}, http.StatusOK, createdJSON)
}

func accountTypes(_ *testing.T, w *world) {
	const agentJSON = `{"status":"ok","params":{"identifier":"01712345678"}}`
	oneOf := failJSON("account_type must be one of agent, personal, merchant.")
	for _, c := range []struct {
		body   string
		code   int
		answer string
	}{
		{`{"currency":"BDT","label":"55"}`, http.StatusOK, agentJSON},
		{`{"currency":"BDT","label":"55","account_type":null}`, http.StatusOK, agentJSON},
		{`{"currency":"BDT","label":"55","account_type":"agent"}`, http.StatusOK, agentJSON},
		{`{"currency":"BDT","label":"55","account_type":"personal"}`, http.StatusOK, noWalletJSON},
		{`{"currency":"BDT","label":"55","account_type":"Agent"}`, unprocessable, oneOf},
		{`{"currency":"BDT","label":"55","account_type":""}`, unprocessable, oneOf},
		{`{"currency":"BDT","label":"55","account_type":1}`, unprocessable, oneOf},
		{`{"currency":"BDT","label":"55","account_type":["agent"]}`, unprocessable, oneOf},
		{`{"currency":"INR","label":"55"}`, unprocessable, failJSON(`currency "INR" is not served by bkash: it takes BDT.`)},
	} {
		w.want(call{path: w.createPath("bkash"), body: c.body}, c.code, c.answer)
	}
}

// What create showed is what rule 7 asks for where the merchant requires it.
func remembered(_ *testing.T, w *world) {
	w.set("shop", "require_offer=true")
	w.transfer("321302038123", "500")
	w.equal("never shown", w.claim("order-1", "55", "321302038123", "500"), pendingJSON)
	w.want(call{path: w.createPath("phone_pe"), body: `{"currency":"INR","label":"66"}`}, http.StatusOK, createdJSON)
	w.transfer("321302038124", "500")
	w.equal("shown", w.claim("order-2", "66", "321302038124", "500"), okJSON)
}
