package sim

import (
	"bytes"
	"embed"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/galla-gateway/galla"
	"github.com/galla-gateway/galla/money"
)

//go:embed page
var pageFiles embed.FS

// pagePolicy lets a page load its own style sheet and post to its own server, and nothing else.
const pagePolicy = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// Limits of what a person may enter.
const (
	maxPayer  = 40 // characters
	maxNumber = 60
	maxForm   = 4 << 10 // bytes
)

// Delays of the bank's message that a person can choose.
const (
	lagSoon  = time.Second
	lagLater = 20 * time.Second
	lagNever = time.Duration(-1)
)

// You is the person in front of the shop's page.
var You = Person{Name: "PAYER NAME", VPA: "payer.name@ybl"}

// pages are the parsed templates by file name.
type pages map[string]*template.Template

var pageNames = []string{"shop.html", "order.html", "postbacks.html", "trouble.html"}

func parsePages() pages {
	list := pages{}
	for _, name := range pageNames {
		list[name] = template.Must(template.ParseFS(pageFiles, "page/frame.html", "page/"+name))
	}
	return list
}

// routes is everything that the shop's server serves.
func (s *Shop) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.showShop)
	mux.HandleFunc("GET /style.css", showStyle)
	mux.HandleFunc("POST /orders", s.openOrder)
	mux.HandleFunc("GET /orders/{id}", s.showOrder)
	mux.HandleFunc("POST /orders/{id}/pay", s.payOrder)
	mux.HandleFunc("POST /orders/{id}/claim", s.claimOrder)
	mux.HandleFunc("GET /postbacks", s.showPostbacks)
	mux.Handle("POST /postback", s.merchant)
	guarded := http.NewCrossOriginProtection().Handler(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Content-Security-Policy", pagePolicy)
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Referrer-Policy", "no-referrer")
		header.Set("Cache-Control", "no-store")
		guarded.ServeHTTP(w, r)
	})
}

// frame is what every page has.
type frame struct {
	Title   string
	Refresh int // seconds until the page loads itself again, 0 for never
}

type shopPage struct {
	frame
	Amounts []money.Money
	Orders  []orderRow
	Credits int
}

type orderRow struct {
	Order
	State state
}

// shownOrders is how many orders the front page lists.
const shownOrders = 15

func (s *Shop) showShop(w http.ResponseWriter, _ *http.Request) {
	page := shopPage{frame: frame{Title: "Demo shop"}, Amounts: amounts, Credits: s.merchant.Credited()}
	for _, o := range s.Orders() {
		if len(page.Orders) == shownOrders {
			break
		}
		page.Orders = append(page.Orders, orderRow{o, stateOf(o)})
	}
	s.show(w, http.StatusOK, "shop.html", page)
}

// amounts are the ones that the shop offers.
var amounts = []money.Money{
	{Minor: 100_00, Currency: money.INR}, {Minor: 250_00, Currency: money.INR},
	{Minor: 500_00, Currency: money.INR}, {Minor: 2_000_00, Currency: money.INR},
}

// state is how an order stands, for people.
type state struct {
	Word string // also the class of its mark
	Text string
}

func stateOf(o Order) state {
	switch {
	case o.Credited != "":
		return state{"credited", "Credited"}
	case o.Answer.Status == AnswerOK:
		return state{"ok", "Accepted, the postback is on its way"}
	case o.Answer.Status == AnswerPending:
		return state{"pending", "Held: a person looks at it"}
	case o.Answer.Status == AnswerPossible:
		return state{"waiting", "Waiting for the bank's message"}
	case o.Answer.Status == AnswerFail:
		return state{"fail", "Refused"}
	case o.Paid != nil:
		return state{"paid", "Paid, number not sent yet"}
	}
	return state{"new", "Not paid yet"}
}

func (s *Shop) openOrder(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	payer := strings.TrimSpace(r.PostFormValue("payer"))
	amount, err := money.Parse(r.PostFormValue("amount"), money.INR)
	if err != nil || !amount.IsPositive() || payer == "" || utf8.RuneCountInString(payer) > maxPayer {
		s.trouble(w, http.StatusUnprocessableEntity, "Choose an amount, and a name of up to 40 characters.")
		return
	}
	order, _, err := s.Open(r.Context(), payer, amount)
	if err != nil {
		s.trouble(w, http.StatusBadGateway, err.Error())
		return
	}
	http.Redirect(w, r, "/orders/"+order.ID, http.StatusSeeOther)
}

type orderPage struct {
	frame
	Order
	State    state
	Less     money.Money // a wrong amount to pay, zero where there is none
	Postback *Postback   // the newest about the order
	Form     bool        // there is a number to type
	Edit     bool        // there could be: a claim that isn't decided can be corrected
	Window   string      // the same order in Galla's payment window, "" for none
}

// refreshEvery is how often an order's page looks whether something came, in seconds.
const refreshEvery = 2

func (s *Shop) showOrder(w http.ResponseWriter, r *http.Request) {
	order, ok := s.Order(r.PathValue("id"))
	if !ok {
		s.trouble(w, http.StatusNotFound, "There is no such order.")
		return
	}
	// The shop asks again what it was told not to be final, as a real one does when its user comes back.
	if order.Undecided() {
		if _, _, err := s.Claim(r.Context(), order.ID, order.Number); err == nil {
			order, _ = s.Order(order.ID)
		}
	}
	page := orderPage{frame: frame{Title: order.ID}, Order: order, State: stateOf(order)}
	page.Less, _ = order.Amount.Sub(money.Money{Minor: 1_00, Currency: order.Amount.Currency})
	for _, p := range s.merchant.Received() {
		if p.Order == order.ID {
			page.Postback = &p
		}
	}
	editing := r.URL.Query().Has("edit")
	page.Form = !order.Claimed() || order.Answer.Status == AnswerFail || order.Undecided() && editing
	page.Edit = order.Undecided() && !editing
	if !page.Form && order.Credited == "" { // a page that loads itself again would take away what is being typed
		page.Refresh = refreshEvery
	}
	page.Window = s.windowLink(order)
	s.show(w, http.StatusOK, "order.html", page)
}

// windowLink leads to the order in the payment window, as a shop without a page of its own would send its users there.
func (s *Shop) windowLink(o Order) string {
	if s.config.Window == "" {
		return ""
	}
	link, err := galla.WindowLink{
		Base: s.config.Window, Label: o.Payer, CurrencyCode: string(o.Amount.Currency), CustomTransactionID: o.ID,
		WalletType: method, FixedAmount: o.Amount.Text(),
	}.URL()
	if err != nil {
		return "" // a name that no link can carry; the shop's own page still works
	}
	return link
}

func (s *Shop) payOrder(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	id := r.PathValue("id")
	amount, err := money.Parse(r.PostFormValue("amount"), money.INR)
	lag, known := map[string]time.Duration{"soon": lagSoon, "later": lagLater, "never": lagNever}[r.PostFormValue("message")]
	if err != nil || !known {
		s.trouble(w, http.StatusUnprocessableEntity, "Choose an amount and when the bank's message comes.")
		return
	}
	if _, err := s.Pay(id, You, amount, lag); err != nil {
		s.trouble(w, http.StatusUnprocessableEntity, err.Error())
		return
	}
	http.Redirect(w, r, "/orders/"+url.PathEscape(id), http.StatusSeeOther)
}

func (s *Shop) claimOrder(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	id, number := r.PathValue("id"), strings.TrimSpace(r.PostFormValue("number"))
	if number == "" || utf8.RuneCountInString(number) > maxNumber {
		s.trouble(w, http.StatusUnprocessableEntity, "Type the transaction number that the wallet app shows.")
		return
	}
	if _, _, err := s.Claim(r.Context(), id, number); err != nil {
		s.trouble(w, http.StatusBadGateway, err.Error())
		return
	}
	http.Redirect(w, r, "/orders/"+url.PathEscape(id), http.StatusSeeOther)
}

type postbacksPage struct {
	frame
	Postbacks []Postback
}

// shownPostbacks is how many postbacks the page lists.
const shownPostbacks = 30

func (s *Shop) showPostbacks(w http.ResponseWriter, _ *http.Request) {
	page := postbacksPage{frame: frame{Title: "Postbacks"}}
	received := s.merchant.Received()
	for i := len(received) - 1; i >= 0 && len(page.Postbacks) < shownPostbacks; i-- {
		page.Postbacks = append(page.Postbacks, received[i])
	}
	s.show(w, http.StatusOK, "postbacks.html", page)
}

type troublePage struct {
	frame
	Message string
}

func (s *Shop) trouble(w http.ResponseWriter, code int, message string) {
	s.show(w, code, "trouble.html", troublePage{frame{Title: "That didn't work"}, message})
}

func (s *Shop) show(w http.ResponseWriter, code int, name string, page any) {
	var b bytes.Buffer
	if err := s.pages[name].ExecuteTemplate(&b, "frame.html", page); err != nil {
		http.Error(w, "page "+name+": "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(code)
	_, _ = b.WriteTo(w) // the browser is gone
}

func showStyle(w http.ResponseWriter, r *http.Request) {
	http.ServeFileFS(w, r, pageFiles, "page/style.css")
}
