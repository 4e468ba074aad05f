package sim

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/galla-gateway/galla/money"
)

// keptOrders is how many orders a shop remembers: the newest.
const keptOrders = 500

// Order is one deposit that a user of the shop makes.
type Order struct {
	ID         string
	Payer      string // the shop's name of its user
	Amount     money.Money
	Identifier string // wallet to pay to
	At         time.Time
	Robot      bool // a simulated payer's

	Paid     *Transfer // by the simulated wallet app
	Number   string    // as the payer typed it last
	Answer   Answer    // to the last claim; Status is "" before the first
	Credited string    // amount, once a postback with two right signatures came
}

// Claimed reports whether a number was typed.
func (o Order) Claimed() bool { return o.Answer.Status != "" }

// Undecided reports whether the last answer wasn't final.
func (o Order) Undecided() bool {
	return o.Answer.Status == AnswerPending || o.Answer.Status == AnswerPossible
}

// ShopConfig is what a shop is made of.
type ShopConfig struct {
	Backend Backend
	Window  string // address of the payment window, "" for a shop that has only its own page
	Keys    Keys
	Bank    *Bank
	Now     func() time.Time
	Replies func(Postback) Reply // to postbacks with right signatures, nil: always ok
}

// Shop is a merchant: an online shop whose users top up a balance. Its backend asks Galla over HTTP and takes
// postbacks; its page (Handler) is for people, and simulated payers use its methods.
type Shop struct {
	config   ShopConfig
	merchant *Merchant
	pages    pages

	mu     sync.Mutex
	serial int
	orders []*Order // oldest first
}

// NewShop returns a shop without orders.
func NewShop(config ShopConfig) *Shop {
	s := &Shop{config: config, pages: parsePages()}
	s.merchant = NewMerchant(config.Keys, config.Now, config.Replies, s.credit)
	return s
}

// Merchant is the shop's receiver of postbacks.
func (s *Shop) Merchant() *Merchant { return s.merchant }

// Open begins an order: Galla names the wallet to pay to.
func (s *Shop) Open(ctx context.Context, payer string, amount money.Money) (Order, Exchange, error) {
	identifier, e, err := s.config.Backend.Create(ctx, payer)
	if err != nil {
		return Order{}, e, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.serial++
	order := &Order{
		ID: "order-" + strconv.Itoa(1000+s.serial), Payer: payer, Amount: amount, Identifier: identifier,
		At: s.config.Now(), Robot: IsRobot(payer),
	}
	s.orders = append(s.orders, order)
	if len(s.orders) > keptOrders {
		s.orders = s.orders[len(s.orders)-keptOrders:]
	}
	return *order, e, nil
}

// Pay lets the payer of an order pay in the simulated wallet app; see Bank.Pay.
func (s *Shop) Pay(id string, from Person, amount money.Money, lag time.Duration) (Transfer, error) {
	order, ok := s.Order(id)
	if !ok {
		return Transfer{}, fmt.Errorf("no order %s", id)
	}
	t, err := s.config.Bank.Pay(from, order.Identifier, amount, lag)
	if err != nil {
		return Transfer{}, err
	}
	s.change(id, func(o *Order) { o.Paid = &t })
	return t, nil
}

// Claim reports the number that the payer of an order typed. Repeating it asks for the present state.
func (s *Shop) Claim(ctx context.Context, id, number string) (Answer, Exchange, error) {
	order, ok := s.Order(id)
	if !ok {
		return Answer{}, Exchange{}, fmt.Errorf("no order %s", id)
	}
	answer, e, err := s.config.Backend.Activate(ctx, id, order.Payer, number, order.Amount)
	if err != nil {
		return Answer{}, e, err
	}
	s.change(id, func(o *Order) { o.Number, o.Answer = number, answer })
	return answer, e, nil
}

// credit is told of every deposit once.
func (s *Shop) credit(p Postback) {
	s.change(p.Order, func(o *Order) { o.Credited = p.Amount.String() })
}

func (s *Shop) change(id string, f func(*Order)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range s.orders {
		if o.ID == id {
			f(o)
		}
	}
}

// Order finds an order.
func (s *Shop) Order(id string) (Order, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range s.orders {
		if o.ID == id {
			return *o, true
		}
	}
	return Order{}, false
}

// Orders returns the orders, newest first.
func (s *Shop) Orders() []Order {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]Order, 0, len(s.orders))
	for i := len(s.orders) - 1; i >= 0; i-- {
		list = append(list, *s.orders[i])
	}
	return list
}

// Handler serves the shop's pages, and its postback receiver at /postback.
func (s *Shop) Handler() http.Handler { return s.routes() }
