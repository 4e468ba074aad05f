package blackbox

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/galla-gateway/galla/internal/testkit"
)

// claimShown is what `claim show` tells of a claim.
type claimShown struct {
	ID      int64  `json:"id"`
	State   string `json:"state"`
	Reason  string `json:"reason"`
	OrderID string `json:"order_id"`
	Deposit *struct {
		ID     int64  `json:"id"`
		Amount string `json:"amount"`
	} `json:"deposit"`
	Postback *struct {
		State    string `json:"state"`
		Body     string `json:"body"`
		NextAt   string `json:"next_at"`
		Attempts []struct {
			Status  int    `json:"status"`
			Failure string `json:"failure"`
			Error   string `json:"error"`
		} `json:"attempts"`
	} `json:"postback"`
	Transitions []struct {
		From, To, Actor, Reason string
		Facts                   json.RawMessage
	} `json:"transitions"`
}

// show finds the present claim of an order.
func (w *world) show(order string) claimShown {
	w.t.Helper()
	var found []struct {
		Kind, State string
		ID          int64
	}
	w.json(&found, "find", order)
	for _, f := range found {
		var shown claimShown
		if f.Kind != "claim" {
			continue
		}
		if w.json(&shown, "claim", "show", fmt.Sprint(f.ID)); shown.OrderID == order && shown.State != "withdrawn" {
			return shown
		}
	}
	w.t.Fatalf("order %s isn't found: %v", order, found)
	return claimShown{}
}

// told waits for a merchant's postback about an order and returns all its attempts so far.
func (w *world) told(slug, order string) []delivery {
	w.t.Helper()
	var found []delivery
	w.eventually("a postback of order "+order, func() bool {
		found = w.receiver.deliveries(func(d delivery) bool {
			var body struct {
				Data []struct {
					Order json.RawMessage `json:"plugin_custom_order_id"`
				} `json:"additional_data"`
			}
			if err := json.Unmarshal([]byte(d.body), &body); err != nil || len(body.Data) != 1 {
				w.t.Errorf("a postback that is no JSON, or without data: %q", d.body)
			}
			var same string
			return d.path == "/"+slug && len(body.Data) == 1 && json.Unmarshal(body.Data[0].Order, &same) == nil && same == order
		})
		return len(found) > 0
	})
	for _, d := range found {
		w.said.hear(d.body)
	}
	return found
}

// verified is what testdata/verify.php finds.
type verified struct {
	SameBytes   bool   `json:"same_bytes"`
	Legacy      bool   `json:"legacy"`
	Webhook     bool   `json:"webhook"`
	AccessKey   bool   `json:"access_key"`
	Members     string `json:"members"`
	DataMembers string `json:"data_members"`
	Types       string `json:"types"`
	DataTypes   string `json:"data_types"`
}

// php lets real PHP check a delivery with a merchant's keys.
func (w *world) php(d delivery, k keys) verified {
	w.t.Helper()
	input, err := json.Marshal(map[string][]byte{
		"body": []byte(d.body), "access_key": []byte(k.AccessKey), "private_key": []byte(k.PostbackKey), "webhook_secret": []byte(k.WebhookSecret),
		"id": []byte(d.header.Get("webhook-id")), "timestamp": []byte(d.header.Get("webhook-timestamp")), "signature": []byte(d.header.Get("webhook-signature")),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	command := exec.Command(testkit.Program(w.t, "php"), "testdata/verify.php")
	var stderr bytes.Buffer
	command.Stdin, command.Stderr = bytes.NewReader(input), &stderr
	output, err := command.Output()
	var v verified
	if err != nil || json.Unmarshal(output, &v) != nil {
		w.t.Fatalf("php: %v\n%s%s\nbody %s", err, output, stderr.String(), d.body)
	}
	return v
}

// wantSigned checks everything about a delivery that doesn't depend on its content.
func (w *world) wantSigned(d delivery, k keys) {
	w.t.Helper()
	v := w.php(d, k)
	if !v.SameBytes || !v.Legacy || !v.Webhook || !v.AccessKey {
		w.t.Errorf("PHP finds %+v\nheaders %v\nbody %s", v, d.header, d.body)
	}
	if d.header.Get("Content-Type") != "application/json" || !strings.HasPrefix(d.header.Get("webhook-id"), "msg_") {
		w.t.Errorf("headers %v", d.header)
	}
	seconds, err := strconv.ParseInt(d.header.Get("webhook-timestamp"), 10, 64)
	if age := d.at.Sub(time.Unix(seconds, 0)); err != nil || age < 0 || age > 10*time.Second {
		w.t.Errorf("webhook-timestamp %q, received at %v", d.header.Get("webhook-timestamp"), d.at)
	}
	// A signature with another key is found wrong: what checked above can tell.
	k.PostbackKey, k.WebhookSecret = k.RedirectKey, "whsec_"+base64.StdEncoding.EncodeToString(make([]byte, 32))
	if v := w.php(d, k); v.Legacy || v.Webhook {
		w.t.Errorf("PHP accepts wrong keys: %+v", v)
	}
}

func TestPostbacks(t *testing.T) {
	eachWorld(t, func(_ *testing.T, w *world) {
		w.tell("the body", postbackBody)
		w.tell("told once, when it is credited", toldWhenCredited)
		w.tell("told again until it is taken", toldAgain)
		w.tell("another currency", toldInTaka)
		w.tell("two signatures while a key is rotated", rotatedWebhook)
	})
}

const stampPattern = `\d{4}-\d\d-\d\d \d\d:\d\d:\d\d`

// postbackBody compares every byte, with text that encoders like to change.
func postbackBody(w *world) {
	number, order, label := w.number(), `ord/1&2 "é" <b>😀`, `payer/55'₹`
	got := w.bearer("/evidence/v1/transfers", w.sources["transfers"].Token,
		fmt.Sprintf(`{"reference":%q,"amount":"250.50","payer":"RAM / \"K\" ₹\u2028😀\u0007<&>'","occurred_at":%q}`, number, time.Now().UTC().Format(time.RFC3339)))
	if got.code != http.StatusOK {
		w.t.Fatal(got)
	}
	quotedOrder, _ := json.Marshal(order)
	request := fmt.Sprintf(`{"currency_code":"INR","wallet_type":"phone_pe","label":%q,"key1":%q,"amount":"250.5","custom_transaction_id":%s}`, label, number, quotedOrder)
	w.want(call{path: w.activatePath(), body: request}, http.StatusOK, okJSON("250.5"))
	told := w.told("shop", order)
	shown := w.show(order)
	if shown.Postback == nil || shown.Deposit == nil || shown.Postback.Body != told[0].body {
		w.t.Fatalf("claim show has another body: %+v\nsent %s", shown.Postback, told[0].body)
	}
	want := regexp.QuoteMeta(`{"signature":"SIGNATURE","wallet_type":"phone_pe","amount":250.5,"currency_code":"INR","label":"payer/55'₹","direction":"ingoing",` +
		`"created_datetime":"STAMP","access_key":"` + w.shop.AccessKey + `","additional_data":[{"activated_datetime":"STAMP",` +
		`"exchanger_identifier":"RAM / \"K\" ₹😀<&>'","comment":"","amount":"250.5","currency_code":"INR","wallet_type":"phone_pe",` +
		fmt.Sprintf(`"stockpiling_id":%d,"transaction_id":"%s","transaction_type":0,`, shown.Deposit.ID, number) +
		`"plugin_custom_order_id":"ord/1&2 \"é\" <b>😀","withdrawal_id":null,"withdrawal_status":null,` +
		`"account_number":"","account_name":"","account_email":"","bank_details":{"bank_code":"","branch_code":""}}]}`)
	want = strings.NewReplacer("SIGNATURE", "[0-9a-f]{40}", "STAMP", "("+stampPattern+")").Replace(want)
	stamps := regexp.MustCompile("^" + want + "$").FindStringSubmatch(told[0].body)
	if stamps == nil {
		w.t.Fatalf("got  %s\nwant %s", told[0].body, want)
	}
	manila := time.FixedZone("Manila", 8*60*60)
	for _, stamp := range stamps[1:] {
		at, err := time.ParseInLocation("2006-01-02 15:04:05", stamp, manila)
		if age := time.Since(at); err != nil || age < -time.Second || age > time.Minute {
			w.t.Errorf("the time %s isn't Manila's now", stamp)
		}
	}
	w.wantSigned(told[0], w.shop)
	v := w.php(told[0], w.shop)
	if v.Types != "string string double string string string string string array" ||
		v.DataTypes != "string string string string string string integer string integer string NULL NULL string string string array" {
		w.t.Errorf("types are %q and %q", v.Types, v.DataTypes)
	}
}

// toldWhenCredited: possible and pending tell nothing until they are credited, fail tells nothing at all.
func toldWhenCredited(w *world) {
	possible, mismatch := w.number(), w.number()
	w.wantClaim("told-possible", "told", possible, "500", possibleJSON)
	w.pay(mismatch, "100")
	w.wantClaim("told-pending", "told", mismatch, "99", pendingJSON)
	for _, order := range []string{"told-possible", "told-pending"} {
		if shown := w.show(order); shown.Postback != nil {
			w.t.Errorf("%s has a postback: %+v", order, shown.Postback)
		}
	}
	w.pay(possible, "500")
	w.wantClaim("told-fail", "told", possible, "500", failJSON(refusedText))
	w.wantSigned(w.told("shop", "told-possible")[0], w.shop)
	w.must("claim", "accept", fmt.Sprint(w.show("told-pending").ID), "--reason", "the payer showed a screenshot")
	accepted := w.told("shop", "told-pending")[0]
	w.wantSigned(accepted, w.shop)
	if !strings.Contains(accepted.body, `"amount":100,`) {
		w.t.Errorf("not the observed amount: %s", accepted.body)
	}
	w.wantClaim("told-pending", "told", mismatch, "99", okJSON("100"))
	w.wantClaim("told-possible", "told", possible, "500", okJSON("500"))
	for _, order := range []string{"told-possible", "told-pending"} {
		w.eventually(order+" is delivered", func() bool { return w.show(order).Postback.State == "delivered" })
		if told := w.told("shop", order); len(told) != 1 {
			w.t.Errorf("%s was told %d times", order, len(told))
		}
	}
	if shown := w.show("told-fail"); shown.Postback != nil || shown.State != "refused" {
		w.t.Errorf("a refused claim: %+v", shown)
	}
}

// shopOf is a merchant with a wallet and a source of its own.
func (w *world) shopOf(slug string) (keys, source) {
	w.t.Helper()
	k := w.addMerchant(slug)
	wallet := w.addWallet(fmt.Sprintf("70000%05d", k.ID), "--merchant", slug)
	return k, w.addSource(wallet, "transfers")
}

// credit pays and claims as a merchant.
func (w *world) credit(k keys, s source, order, amount string) {
	w.t.Helper()
	number := w.number()
	path := "/api/v1/transaction/activate?secret=" + k.APISecret
	body := claimBody(order, "payer", number, amount)
	w.eventually("the server knows "+k.Slug, func() bool {
		return w.bearer("/evidence/v1/transfers", s.Token, fmt.Sprintf(`{"reference":%q,"amount":%q}`, number, amount)).code == http.StatusOK
	})
	w.want(call{host: "api." + k.ServerURL, path: path, body: body}, http.StatusOK, okJSON(amount))
}

// toldAgain: every answer but 200 with status ok is no delivery. The same body comes again, newly signed.
func toldAgain(w *world) {
	bad := map[string]func(http.ResponseWriter){
		"error-500":   says(500, `{"status":"ok"}`),
		"created-201": says(201, `{"status":"ok"}`),
		"redirect-302": func(rw http.ResponseWriter) {
			rw.Header().Set("Location", w.receiver.url+"/elsewhere")
			rw.WriteHeader(302)
		},
		"status-fail": says(200, `{"status":"fail"}`),
		"status-list": says(200, `[{"status":"ok"}]`),
		"plain-ok":    says(200, `ok`),
		"empty":       says(200, ``),
		"trailing":    says(200, `{"status":"ok"} {}`),
		"broken-off":  breakOff,
	}
	good := map[string]func(http.ResponseWriter){
		"capitals": says(200, "\ufeff{\"status\":\"OK\",\"id\":7}\n"),
		"spaces":   says(200, "  {\n\t\"more\": {}, \"status\" : \"ok\" }"),
	}
	shops, orders := map[string]keys{}, 0
	for _, answers := range []map[string]func(http.ResponseWriter){bad, good} {
		for slug, answer := range answers {
			k, s := w.shopOf(slug)
			w.receiver.next("/"+slug, answer)
			shops[slug] = k
			w.credit(k, s, "again-"+slug, "500")
			orders++
		}
	}
	for slug := range bad {
		w.tell(slug, func(w *world) {
			order := "again-" + slug
			w.eventually("the second try", func() bool { return len(w.told(slug, order)) == 2 })
			first, second := w.told(slug, order)[0], w.told(slug, order)[1]
			if first.body != second.body || first.header.Get("webhook-id") != second.header.Get("webhook-id") {
				w.t.Errorf("attempts differ:\n%s\n%s", first.body, second.body)
			}
			if first.header.Get("webhook-timestamp") == second.header.Get("webhook-timestamp") {
				w.t.Error("the second try has the first one's timestamp")
			}
			w.wantSigned(first, shops[slug])
			w.wantSigned(second, shops[slug])
			w.eventually("delivered", func() bool { return w.show(order).Postback.State == "delivered" })
			if shown := w.show(order); len(shown.Postback.Attempts) != 2 || shown.Postback.Attempts[1].Status != 200 {
				w.t.Errorf("attempts %+v", shown.Postback.Attempts)
			}
		})
	}
	for slug := range good {
		w.tell(slug, func(w *world) {
			w.eventually("delivered", func() bool { return w.show("again-"+slug).Postback.State == "delivered" })
			if told := w.told(slug, "again-"+slug); len(told) != 1 {
				w.t.Errorf("told %d times", len(told))
			}
		})
	}
	if astray := w.receiver.deliveries(func(d delivery) bool { return d.path == "/elsewhere" }); len(astray) != 0 {
		w.t.Error("a redirect was followed")
	}
}

// breakOff says ok, and that more comes, and closes the connection.
func breakOff(w http.ResponseWriter) {
	connection, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(err)
	}
	_, _ = io.WriteString(connection, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"status\":\"ok\"}")
	connection.Close()
}

// toldInTaka: other currencies carry converted_amount when a rate is set, and only then.
func toldInTaka(w *world) {
	var wallet struct{ ID int64 }
	w.json(&wallet, "wallet", "add", "--method", "bkash", "--identifier", "01712345678", "--holder", "HOLDER", "--account-type", "agent", "--merchant", "shop")
	s := w.addSource(wallet.ID, "transfers")
	credit := func(order, number string) delivery {
		w.eventually("the source is known", func() bool {
			return w.bearer("/evidence/v1/transfers", s.Token, fmt.Sprintf(`{"reference":%q,"amount":"700.50"}`, number)).code == http.StatusOK
		})
		body := fmt.Sprintf(`{"currency_code":"BDT","wallet_type":"bkash","label":"taka","key1":%q,"amount":700.5,"custom_transaction_id":%q}`, number, order)
		w.want(call{path: w.activatePath(), body: body}, http.StatusOK, strings.ReplaceAll(okJSON("700.5"), "INR", "BDT"))
		return w.told("shop", order)[0]
	}
	plain := credit("taka-1", "9AB1CD2E1")
	if strings.Contains(plain.body, "converted_amount") {
		w.t.Errorf("converted without a rate: %s", plain.body)
	}
	w.must("rate", "set", "BDT", "INR", "0.71")
	converted, next := plain, 2
	w.soon("the amount is converted", func() bool { // 497.355, half up
		converted = credit(fmt.Sprint("taka-", next), fmt.Sprint("9AB1CD2E", next))
		next++
		return strings.Contains(converted.body, `"label":"taka","converted_amount":{"INR":497.36},"direction"`)
	})
	w.wantSigned(plain, w.shop)
	w.wantSigned(converted, w.shop)
}

func rotatedWebhook(w *world) {
	k, s := w.shopOf("rotated")
	var fresh map[string]any
	w.secretly(&fresh, "merchant", "rotate", "rotated", "--kind", "webhook")
	next := k
	next.WebhookSecret, _ = fresh["webhook_secret"].(string)
	w.said.secret(next.WebhookSecret)
	var told delivery
	orders := 0
	w.soon("both keys sign", func() bool {
		orders++
		order := fmt.Sprint("rotated-", orders)
		w.credit(k, s, order, "500")
		told = w.told("rotated", order)[0]
		return len(strings.Fields(told.header.Get("webhook-signature"))) == 2
	})
	w.wantSigned(told, k)
	w.wantSigned(told, next)
}
