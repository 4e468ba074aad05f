package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"

	"github.com/galla-gateway/galla"
	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/keyring"
	"github.com/galla-gateway/galla/internal/postback"
)

const eventsPath = "/v3/events"

var numberInPath = regexp.MustCompile(`/[0-9]+(/|$)`)

// described is the API as it is described to merchants.
func described(t testing.TB) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(openAPI)
	must(t, err)
	return doc
}

// ask asks the modern API as a merchant, and checks the answer against the description of its route.
func (w *world) ask(c call, secret keyring.Secret) *httptest.ResponseRecorder {
	w.t.Helper()
	if c.method == "" {
		c.method = http.MethodGet
	}
	if c.header == nil {
		c.header = bearer(secret.Reveal())
	}
	if c.host == "" {
		c.host = baseHost
	}
	got := w.send(c)
	if got.Header().Get("Cache-Control") != "no-store" || got.Header().Get("Location") != "" {
		w.t.Errorf("%s %s: headers %v", c.method, c.path, got.Header())
	}
	path, _, _ := strings.Cut(c.path, "?")
	doc := described(w.t)
	item := doc.Paths.Value(numberInPath.ReplaceAllString(path, "/{id}$1"))
	if item == nil || item.GetOperation(c.method) == nil {
		return got
	}
	route := &routers.Route{Spec: doc, Path: path, PathItem: item, Method: c.method, Operation: item.GetOperation(c.method)}
	request := httptest.NewRequest(c.method, "http://"+c.host+c.path, nil)
	err := openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: request, Route: route},
		Status:                 got.Code, Header: got.Header(), Body: io.NopCloser(bytes.NewReader(got.Body.Bytes())),
		Options: &openapi3filter.Options{IncludeResponseStatus: true},
	})
	if err != nil {
		w.t.Errorf("%s %s: the answer isn't as described: %v\n%s", c.method, c.path, err, got.Body)
	}
	return got
}

// problem asks for what must be refused.
func (w *world) problem(c call, secret keyring.Secret, status int, code, detail string) *httptest.ResponseRecorder {
	w.t.Helper()
	got := w.ask(c, secret)
	want := string(galla.Problem{Title: http.StatusText(status), Status: status, Code: code, Detail: detail}.AppendJSON(nil))
	if got.Code != status || got.Body.String() != want || got.Header().Get("Content-Type") != "application/problem+json" {
		w.t.Errorf("%s %s\n got %d %s %s\nwant %d %s", c.method, c.path, got.Code, got.Header().Get("Content-Type"), got.Body, status, want)
	}
	return got
}

// page asks shop for a page of its feed.
func (w *world) page(query string) galla.EventPage {
	w.t.Helper()
	got := w.ask(call{path: eventsPath + query}, w.keys["shop"].APISecret)
	if got.Code != http.StatusOK || got.Header().Get("Content-Type") != "application/json" {
		w.t.Fatalf("GET %s: %d %s", query, got.Code, got.Body)
	}
	server := httptest.NewServer(http.HandlerFunc(func(answer http.ResponseWriter, _ *http.Request) { answer.Write(got.Body.Bytes()) }))
	defer server.Close()
	client, err := galla.New(server.URL, "any")
	must(w.t, err)
	page, err := client.Events(context.Background(), "", 0)
	must(w.t, err)
	return page
}

// pay credits shop once, and gives the credit its place in the feed.
func (w *world) pay(order, number string) {
	w.t.Helper()
	w.transfer(number, "500.5")
	w.equal("claim "+order, w.claim(order, `55 / ₹ <b>"&"`, number, "500.5"), okOf("500.5"))
	must(w.t, w.g.NumberEvents(context.Background()))
}

func TestEvents(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		w.tell(t, "before there is one", emptyFeed)
		w.tell(t, "pages", eventPages)
		w.tell(t, "events are checked like postbacks", eventsVerify)
		w.tell(t, "whose money it is", eventModes)
		w.tell(t, "who may ask", eventCallers)
		w.tell(t, "what is refused", refusedEvents)
		w.tell(t, "a fault", eventFault)
	})
}

func emptyFeed(t *testing.T, w *world) {
	w.equal("the page", w.ask(call{path: eventsPath}, w.keys["shop"].APISecret).Body.String(),
		`{"events":[],"next":"`+cursor("shop", 0)+`","more":false,"mode":"live","merchant":"shop"}`)
	if page := w.page("?after=end"); page.Next != cursor("shop", 0) {
		t.Errorf("the end is %q", page.Next)
	}
}

func eventPages(t *testing.T, w *world) {
	for i := range 5 {
		w.pay(fmt.Sprint("order-", i), fmt.Sprint(321302039100+i))
	}
	for _, size := range []int{1, 2, 5, 6, 500} {
		after, seen := "", 0
		for {
			page := w.page(fmt.Sprintf("?limit=%d&after=%s", size, after))
			for _, e := range page.Events {
				if seen++; e.Position != int64(seen) || e.Type != galla.EventDepositOK || !e.CreatedAt.Equal(w.clock.Now()) || e.Webhook.ID != e.WebhookID {
					t.Errorf("event %d of pages of %d: %+v", seen, size, e)
				}
				if next := w.page("?limit=1&after=" + e.Cursor); seen < 5 && next.Events[0].Position != e.Position+1 {
					t.Errorf("behind the cursor of event %d comes %+v", seen, next)
				}
			}
			if len(page.Events) > size || page.More != (seen < 5) || page.Next != cursor("shop", int64(seen)) {
				t.Fatalf("a page of %d up to event %d: %+v", size, seen, page)
			}
			if after = page.Next; !page.More {
				break
			}
		}
		if again := w.page("?after=" + after); seen != 5 || len(again.Events) != 0 || again.Next != after || again.More {
			t.Errorf("%d events in pages of %d, then %+v", seen, size, again)
		}
	}
	if page := w.page("?after=end&limit=3"); len(page.Events) != 0 || page.Next != cursor("shop", 5) || page.More {
		t.Errorf("the end: %+v", page)
	}
	// Another merchant's feed has none of these.
	got := w.ask(call{path: eventsPath}, w.keys["other"].APISecret)
	w.equal("the other merchant", got.Body.String(), `{"events":[],"next":"`+cursor("other", 0)+`","more":false,"mode":"live","merchant":"other"}`)
}

func eventsVerify(t *testing.T, w *world) {
	fresh, err := w.g.RotateMerchantKey(context.Background(), "shop", "webhook", time.Hour)
	must(t, err)
	events := w.page("").Events
	rows, err := w.g.Store().ReadPool().Query("SELECT p.id, p.body, p.packed FROM event e JOIN postback p ON p.id = e.postback_id WHERE e.merchant_id = 1 ORDER BY e.position")
	must(t, err)
	defer rows.Close()
	for _, e := range events {
		var id int64
		var plain string
		var packed []byte
		if !rows.Next() || rows.Scan(&id, &plain, &packed) != nil {
			t.Fatalf("event %d isn't stored", e.Position)
		}
		if stored, err := postback.StoredBody(id, plain, packed); err != nil || string(e.Postback) != string(stored) {
			t.Fatalf("event %d has the body\n%s, stored is\n%s", e.Position, e.Postback, stored)
		}
		for name, secret := range map[string]keyring.Secret{"old": w.keys["shop"].WebhookSecret, "new": fresh.Secret} {
			keys := galla.PostbackKeys{AccessKey: w.keys["shop"].AccessKey, PrivateKey: w.keys["shop"].PostbackKey.Reveal(), WebhookSecrets: []string{secret.Reveal()}}
			postback, err := e.Verify(keys, w.clock.Now())
			if err != nil || postback.Amount.Text() != "500.5" || postback.Data.PluginCustomOrderID != fmt.Sprint("order-", e.Position-1) {
				t.Errorf("event %d with the %s secret: %+v, %v", e.Position, name, postback, err)
			}
		}
	}
}

func eventModes(t *testing.T, w *world) {
	added, err := w.g.AddMerchants(context.Background(), gateway.NewMerchant{Slug: "tries", PostbackURL: "http://127.0.0.1:1/", Sandbox: true})
	must(t, err)
	got := w.ask(call{path: eventsPath}, added[0].APISecret)
	w.equal("a sandbox", got.Body.String(), `{"events":[],"next":"`+cursor("tries", 0)+`","more":false,"mode":"sandbox","merchant":"tries"}`)
}

func eventCallers(t *testing.T, w *world) {
	secret := w.keys["shop"].APISecret
	shop, other := bearer(secret.Reveal()), bearer(w.keys["other"].APISecret.Reveal())
	good := call{path: eventsPath, header: shop}
	for _, host := range []string{baseHost, "api.shop." + baseHost, "plugin.shop." + baseHost, "shop." + baseHost, "pay.example.com", "api." + baseHost, "127.0.0.1:8080"} {
		if got := w.ask(call{path: eventsPath, header: shop, host: host}, ""); got.Code != http.StatusOK {
			t.Errorf("on host %s: %d %s", host, got.Code, got.Body)
		}
	}
	w.set("shop", "allow_ip=203.0.113.0/24")
	if got := w.ask(call{path: eventsPath, header: shop, remote: "203.0.113.7"}, ""); got.Code != http.StatusOK {
		t.Errorf("from an allowed address: %d %s", got.Code, got.Body)
	}
	for name, c := range map[string]call{
		"another address":        good,
		"another merchant's":     {path: eventsPath, header: other, host: "api.shop." + baseHost},
		"no secret":              {path: eventsPath, header: http.Header{"Authorization": nil}},
		"an empty one":           {path: eventsPath, header: bearer("")},
		"a wrong one":            {path: eventsPath, header: bearer("galla_api_x")},
		"two":                    {path: eventsPath, header: http.Header{"Authorization": {shop.Get("Authorization"), shop.Get("Authorization")}}},
		"another scheme":         {path: eventsPath, header: http.Header{"Authorization": {"Basic " + secret.Reveal()}}},
		"in the query":           {path: eventsPath + "?secret=" + secret.Reveal(), header: http.Header{"Authorization": nil}},
		"wrong and bad elsewise": {path: eventsPath + "?limit=x", header: bearer("galla_api_x")},
	} {
		w.tell(t, name, func(t *testing.T, w *world) {
			got := w.problem(c, "", http.StatusUnauthorized, codeUnauthorized, errUnauthorized.detail)
			if got.Header().Get("WWW-Authenticate") != "Bearer" {
				t.Errorf("headers %v", got.Header())
			}
		})
	}
	w.set("shop", "allow_ip=")
	if strings.Contains(w.log.String(), secret.Reveal()) {
		t.Error("the log has the secret")
	}
}

func refusedEvents(t *testing.T, w *world) {
	secret := w.keys["shop"].APISecret
	const limits, cursors = "limit must be a whole number from 1 to 500",
		"after is no cursor of this merchant's events: leave it out to begin at the start, or use end for what comes from now on"
	good := cursor("shop", 3)
	for _, c := range []struct{ query, code, detail string }{
		{"limit=0", codeInvalidParameter, limits}, {"limit=501", codeInvalidParameter, limits}, {"limit=-1", codeInvalidParameter, limits},
		{"limit=1.5", codeInvalidParameter, limits}, {"limit=+1", codeInvalidParameter, limits}, {"limit=%2B1", codeInvalidParameter, limits},
		{"limit=01", codeInvalidParameter, limits}, {"limit=x", codeInvalidParameter, limits}, {"limit=99999999999999999999", codeInvalidParameter, limits},
		{"limit=1&limit=1", codeInvalidParameter, "limit stands twice in the query"}, {"after=&after=", codeInvalidParameter, "after stands twice in the query"},
		{"after=%zz", codeInvalidParameter, "The query can't be read"}, {"a;b=1", codeInvalidParameter, "The query can't be read"},
		{"after=" + good[:len(good)-1], codeInvalidCursor, cursors}, {"after=" + good + "0", codeInvalidCursor, cursors}, {"after=3", codeInvalidCursor, cursors},
		{"after=0" + good, codeInvalidCursor, cursors}, {"after=%20" + good, codeInvalidCursor, cursors}, {"after=-1-00000000", codeInvalidCursor, cursors},
		{"after=" + cursor("other", 3), codeInvalidCursor, cursors}, {"after=END", codeInvalidCursor, cursors}, {"after=%00%ff", codeInvalidCursor, cursors},
		{"cursor=x", codeUnknownParameter, `There is no parameter "cursor"; there are after, limit`},
		{"After=x", codeUnknownParameter, `There is no parameter "After"; there are after, limit`},
		{"secret=" + secret.Reveal(), codeUnknownParameter, `There is no parameter "secret"; there are after, limit`},
		{strings.Repeat("x", 50), codeUnknownParameter, `There is no parameter "` + strings.Repeat("x", 40) + `…"; there are after, limit`},
	} {
		w.tell(t, c.query, func(_ *testing.T, w *world) {
			w.problem(call{path: eventsPath + "?" + c.query}, secret, http.StatusBadRequest, c.code, c.detail)
		})
	}
	for _, method := range []string{"POST", "PUT", "PATCH", "DELETE", "OPTIONS"} {
		got := w.problem(call{method: method, path: eventsPath}, secret, http.StatusMethodNotAllowed, codeMethod, "This resource takes GET, HEAD")
		if got.Header().Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: Allow is %q", method, got.Header().Get("Allow"))
		}
	}
	for _, path := range []string{"/v3/", "/v3/event", "/v3/events/", "/v3//events", "/v3/events/1", "/v3/./events"} {
		w.problem(call{path: path}, secret, http.StatusNotFound, codeNotFound, "There is no such resource")
	}
	if strings.Contains(w.log.String(), secret.Reveal()) {
		t.Error("the log has the secret")
	}
}

// What went wrong inside is for the log.
func eventFault(_ *testing.T, w *world) {
	w.problem(call{path: eventsPath, gone: true}, w.keys["shop"].APISecret, http.StatusInternalServerError, codeInternal, "Internal error. Repeat the request")
}

// The description is valid, and what it shows as examples is what it describes.
func TestOpenAPI(t *testing.T) {
	doc := described(t)
	must(t, doc.Validate(context.Background(), openapi3.EnableExamplesValidation(), openapi3.EnableSchemaFormatValidation()))
	eachWorld(t, func(t *testing.T, w *world) {
		for _, host := range []string{baseHost, "api.shop." + baseHost} {
			got := w.send(call{method: http.MethodGet, path: "/openapi.yaml", host: host})
			if got.Code != http.StatusOK || got.Header().Get("Content-Type") != "application/yaml" || !bytes.Equal(got.Body.Bytes(), openAPI) {
				t.Errorf("on host %s: %d %v", host, got.Code, got.Header())
			}
		}
	})
}

// Every postback that package galla writes is one that is described.
func TestPostbackIsDescribed(t *testing.T) {
	doc := described(t)
	schema := doc.Webhooks["postback"].Post.RequestBody.Value.Content.Get("application/json").Schema.Value
	deposit := galla.Postback{
		WalletType: "bkash", Amount: rupees(700_50), Converted: rupees(497_36), Label: "x", Direction: galla.DirectionDeposit,
		CreatedDatetime: "2026-11-22 10:15:30", Data: galla.PostbackData{ActivatedDatetime: "2026-11-22 10:15:30", StockpilingID: 1 << 52},
	}
	paid := galla.Postback{
		WalletType: "imps_ib", Amount: rupees(1218_00), Label: "x", Direction: galla.DirectionWithdrawal,
		Data: galla.PostbackData{WithdrawalID: "297", WithdrawalStatus: galla.WithdrawalPaid, AccountNumber: "123456789", BankCode: "IFCS0123456"},
	}
	for _, p := range []galla.Postback{deposit, paid} {
		var body any
		must(t, json.Unmarshal(p.AppendBody(nil, "access", "private"), &body))
		if err := schema.VisitJSON(body, openapi3.EnableJSONSchema2020()); err != nil {
			t.Error(err)
		}
		body.(map[string]any)["additional_data"] = []any{}
		if schema.VisitJSON(body, openapi3.EnableJSONSchema2020()) == nil {
			t.Error("a postback without data passes")
		}
	}
}

func TestCursors(t *testing.T) {
	if got := cursor("shop", 12); got != "12-251c3957" || !bytes.Contains(openAPI, []byte(got)) {
		t.Errorf("the documented cursor is %s now: merchants hold cursors, so they must stay good", got)
	}
	for _, position := range []int64{0, 1, 500, 1 << 62} {
		if got, err := readCursor("shop", cursor("shop", position)); err != nil || got != position {
			t.Errorf("%d became %d, %v", position, got, err)
		}
	}
}
