package sim

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/galla-gateway/galla/internal/testkit"
)

// stand is a shop before an API that answers as the test says, and a browser in front of it.
type stand struct {
	t       *testing.T
	shop    *Shop
	server  *httptest.Server
	bank    *Bank
	box     inbox
	answers []string // to activate, in turn; the last stays
	asked   []map[string]any
}

func newStand(t *testing.T, answers ...string) *stand {
	s := &stand{t: t, answers: answers, bank: NewBank(1, testkit.NewClock().Now)}
	s.bank.Open(Account{"6234234234", HDFC, "2536"}, s.box.take)
	api := httptest.NewServer(http.HandlerFunc(s.api))
	t.Cleanup(api.Close)
	s.shop = NewShop(ShopConfig{
		Backend: Backend{URL: api.URL, Secret: "hush", Client: api.Client()}, Keys: testKeys, Bank: s.bank, Now: testkit.NewClock().Now,
	})
	s.server = httptest.NewServer(s.shop.Handler())
	t.Cleanup(s.server.Close)
	return s
}

func (s *stand) api(w http.ResponseWriter, r *http.Request) {
	var request map[string]any
	if err := json.NewDecoder(r.Body).Decode(&request); err != nil || r.Header.Get("Authorization") != "Bearer hush" {
		s.t.Errorf("%s with %q: %v", r.URL, r.Header, err)
	}
	if strings.HasPrefix(r.URL.Path, "/api/v1/transaction/create/phone_pe") {
		_, _ = io.WriteString(w, `{"status":"ok","params":{"identifier":"6234234234"}}`)
		return
	}
	s.asked = append(s.asked, request)
	_, _ = io.WriteString(w, s.answers[0])
	if len(s.answers) > 1 {
		s.answers = s.answers[1:]
	}
}

// get reads a page, and post sends a form and reads the page that it leads to. Both check what every page must have.
func (s *stand) get(path string, code int) string {
	s.t.Helper()
	response, err := s.server.Client().Get(s.server.URL + path)
	return s.page(response, err, code)
}

func (s *stand) post(path string, code int, form url.Values) string {
	s.t.Helper()
	response, err := s.server.Client().PostForm(s.server.URL+path, form)
	return s.page(response, err, code)
}

func (s *stand) page(response *http.Response, err error, code int) string {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != code {
		s.t.Fatalf("%s: %d, want %d (%v)", response.Request.URL, response.StatusCode, code, err)
	}
	text := string(body)
	if !strings.Contains(text, "SIMULATION</strong> — no real money") || !strings.Contains(text, `name="viewport"`) {
		s.t.Errorf("%s isn't marked as a simulation, or not made for phones", response.Request.URL)
	}
	if policy := response.Header.Get("Content-Security-Policy"); policy != pagePolicy || strings.Contains(text, "<script") || strings.Contains(text, "style=") {
		s.t.Errorf("%s: policy %q, or the page breaks it", response.Request.URL, policy)
	}
	return text
}

func (s *stand) want(page string, texts ...string) {
	s.t.Helper()
	for _, text := range texts {
		if !strings.Contains(page, text) {
			s.t.Errorf("the page lacks %q:\n%s", text, page)
		}
	}
}

func TestShopFromAmountToCredit(t *testing.T) {
	s := newStand(t, `{"status":"possible_transaction_created","message":"Transaction not found. Possible transaction created"}`,
		`{"status":"ok","deposit":true,"deposit_amount":500,"currency":{"code":"INR","symbol":"INR"}}`)
	s.want(s.get("/", 200), "Continue with PhonePe", `value="500" checked`, "None yet")
	s.want(s.post("/orders", 200, url.Values{"payer": {"<b>me</b>"}, "amount": {"500"}}), "6234234234", "&lt;b&gt;me&lt;/b&gt;", "₹500.00", "Not paid yet")
	paid := s.post("/orders/order-1001/pay", 200, url.Values{"amount": {"500"}, "message": {"later"}})
	order, _ := s.shop.Order("order-1001")
	if order.Paid == nil || s.box.after[0] != lagLater {
		t.Fatalf("order %+v, messages %+v", order, s.box)
	}
	s.want(paid, order.Paid.Number, order.Paid.AppID, "Paid, number not sent yet")
	claimed := s.post("/orders/order-1001/claim", 200, url.Values{"number": {order.Paid.Number}})
	// The form's own request was answered possible; the page that followed asked again.
	s.want(claimed, "<code>ok</code> ₹500", "Accepted, the postback is on its way", `http-equiv="refresh"`)
	if len(s.asked) != 2 || s.asked[0]["amount"] != 500.0 || s.asked[0]["key1"] != order.Paid.Number ||
		s.asked[0]["label"] != "<b>me</b>" || s.asked[0]["custom_transaction_id"] != "order-1001" {
		t.Errorf("the API was asked %v", s.asked)
	}
	s.shop.credit(Postback{Order: "order-1001", Amount: "500"})
	settled := s.get("/orders/order-1001", 200)
	if s.want(settled, "Credited"); strings.Contains(settled, `http-equiv="refresh"`) || strings.Contains(settled, "Send the number") {
		t.Error("a credited order's page still waits")
	}
	s.want(s.get("/", 200), "order-1001", "Credited")
}

func TestShopShowsARefusal(t *testing.T) {
	s := newStand(t, `{"status":"fail","message":"That is <PhonePe's> own id"}`)
	s.post("/orders", 200, url.Values{"payer": {"you"}, "amount": {"500"}})
	page := s.post("/orders/order-1001/claim", 200, url.Values{"number": {"T2611"}})
	s.want(page, "That is &lt;PhonePe&#39;s&gt; own id", "Refused", `value="T2611"`)
	if strings.Contains(page, `http-equiv="refresh"`) {
		t.Error("the page loads itself again while its user types")
	}
}

func TestShopRefusesBadForms(t *testing.T) {
	s := newStand(t, `{"status":"fail","message":"no"}`)
	for _, form := range []url.Values{
		{"payer": {"you"}, "amount": {"-5"}}, {"payer": {"you"}, "amount": {"lots"}}, {"payer": {" "}, "amount": {"5"}},
		{"payer": {strings.Repeat("x", 41)}, "amount": {"5"}}, {},
	} {
		s.post("/orders", 422, form)
	}
	s.get("/orders/order-9", 404)
	s.post("/orders/order-9/pay", 422, url.Values{"amount": {"5"}, "message": {"soon"}})
	s.post("/orders/order-9/claim", 502, url.Values{"number": {"1"}})
	s.post("/orders", 200, url.Values{"payer": {"you"}, "amount": {"500"}})
	s.post("/orders/order-1001/pay", 422, url.Values{"amount": {"500"}, "message": {"yesterday"}})
	s.post("/orders/order-1001/claim", 422, url.Values{"number": {""}})
}

func TestShopTakesNoFormsFromOtherSites(t *testing.T) {
	s := newStand(t, `{}`)
	request, err := http.NewRequest(http.MethodPost, s.server.URL+"/orders", strings.NewReader("payer=you&amount=500"))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Origin", "https://elsewhere.example")
	response, err := s.server.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusForbidden || len(s.shop.Orders()) != 0 {
		t.Errorf("answered %d, %d orders", response.StatusCode, len(s.shop.Orders()))
	}
}

func TestShopListsPostbacks(t *testing.T) {
	s := newStand(t, `{}`)
	s.want(s.get("/postbacks", 200), "None yet")
	notify(t, s.shop.Merchant(), "pb_1", testkit.NewClock().Now())
	s.want(s.get("/postbacks", 200), "₹700", `class="right"`, "answered 200", "ikDhBnLY123tx3G6H")
	s.shop.merchant.keys.PostbackKey = "other"
	notify(t, s.shop.Merchant(), "pb_2", testkit.NewClock().Now())
	s.want(s.get("/postbacks", 200), `class="wrong"`, "signature is wrong")
}

func TestShopLetsAnUndecidedNumberBeCorrected(t *testing.T) {
	s := newStand(t, `{"status":"pending","message":"The deposit status check has been started"}`)
	s.post("/orders", 200, url.Values{"payer": {"you"}, "amount": {"500"}})
	page := s.post("/orders/order-1001/claim", 200, url.Values{"number": {"632700000001"}})
	s.want(page, "Held: a person looks at it", `http-equiv="refresh"`, "Correct the number", "galla claim accept")
	if strings.Contains(page, "Send the number") {
		t.Error("a page that loads itself again has a form")
	}
	page = s.get("/orders/order-1001?edit", 200)
	if s.want(page, "Send the number", `value="632700000001"`); strings.Contains(page, `http-equiv="refresh"`) {
		t.Error("a page with a form loads itself again")
	}
}
