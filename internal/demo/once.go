package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/galla-gateway/galla/internal/deposit"
	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/ledger"
	"github.com/galla-gateway/galla/internal/sim"
	"github.com/galla-gateway/galla/internal/store"
	"github.com/galla-gateway/galla/money"
)

const (
	// patience is how long the story waits for a postback before it says that none came.
	patience = 5 * time.Second
	// lookAgain is how often it looks while it waits for the database.
	lookAgain = 10 * time.Millisecond
)

// Once plays one deposit of every outcome, and withdrawals, and tells what each party saw. An error says what differed from what should
// have been, or what broke.
func Once(ctx context.Context, o Options) error {
	w, err := newWorld(ctx, o, sim.Habits{}, nil)
	if err != nil {
		return err
	}
	p := &play{story: story{out: o.Out, color: o.Color}, now: o.Now, world: w, books: books{q: w.store.Read()}}
	err = w.serve(ctx, p.all)
	if err = errors.Join(err, w.remove()); err != nil {
		return err
	}
	if len(p.problems) > 0 {
		return fmt.Errorf("%d of %d checks differ:\n  %s", len(p.problems), p.checks, strings.Join(p.problems, "\n  "))
	}
	fmt.Fprintf(o.Out, "\n%s\n", p.paint(green, fmt.Sprintf("All went as it should: %d checks.", p.checks)))
	return nil
}

// play is the story with the world that it happens in.
type play struct {
	story
	*world
	now    func() time.Time
	books  books
	orders []string // that were credited, and withdrawals that ended, in order
}

func (p *play) all(ctx context.Context) error {
	fmt.Fprintln(p.out, p.paint(bold, Notice))
	fmt.Fprintf(p.out, "\nMerchant %q takes deposits by PhonePe and pays %s %% of each; it pays its users by IMPS. Its server talks to Galla by HTTP alone.\n", slug, fee)
	for _, account := range accounts {
		fmt.Fprintf(p.out, "  wallet %s  account …%s at %s, watched by a phone that forwards its messages\n", account.Identifier, account.Tail, account.Bank)
	}
	var credited sim.Transfer
	for _, chapter := range []func(context.Context) error{
		func(ctx context.Context) (err error) { credited, err = p.ok(ctx); return err },
		p.possible,
		p.pending,
		p.wrongNumber,
		func(ctx context.Context) error { return p.usedNumber(ctx, credited) },
		p.paidOut,
		p.refused,
		p.unknown,
		p.end,
	} {
		if err := chapter(ctx); err != nil {
			return err
		}
	}
	return nil
}

// ok: the bank's message is there before the payer has typed the number.
func (p *play) ok(ctx context.Context) (sim.Transfer, error) {
	p.chapter("1. ok — the money was seen before the payer typed the number")
	order, err := p.open(ctx, "user-1", "500")
	if err != nil {
		return sim.Transfer{}, err
	}
	paid, err := p.pay(order, order.Amount)
	if err != nil {
		return paid, err
	}
	p.forward(ctx, order, "created")
	p.ledger(ctx, ledger.EventTransfer)
	if err := p.claim(ctx, order, paid.Number, sim.AnswerOK, "500"); err != nil {
		return paid, err
	}
	p.ledger(ctx, ledger.EventDeposit, ledger.EventDepositFee)
	p.postback(ctx, order, paid, "500")
	return paid, p.close(ctx)
}

// possible: the phone is slower than the payer.
func (p *play) possible(ctx context.Context) error {
	p.chapter("2. possible_transaction_created — the phone is slower than the payer; it becomes ok by itself")
	order, err := p.open(ctx, "user-2", "250.50")
	if err != nil {
		return err
	}
	paid, err := p.pay(order, order.Amount)
	if err != nil {
		return err
	}
	if err := p.claim(ctx, order, paid.Number, sim.AnswerPossible, ""); err != nil {
		return err
	}
	p.ledger(ctx)
	message := p.forward(ctx, order, "created")
	p.ledger(ctx, ledger.EventTransfer, ledger.EventDeposit, ledger.EventDepositFee)
	p.postback(ctx, order, paid, "250.5")
	p.tell("phone", "sends the same message again, as such apps do")
	p.phones[order.Identifier].Receive(message, 0)
	p.forward(ctx, order, "duplicate")
	p.ledger(ctx)
	p.tell("shop", "repeats its request, to know the present state")
	if err := p.claim(ctx, order, paid.Number, sim.AnswerOK, "250.5"); err != nil {
		return err
	}
	return p.close(ctx)
}

// pending: the amounts differ, and a person decides.
func (p *play) pending(ctx context.Context) error {
	p.chapter("3. pending — the payer sent less than they say; held until a person accepts what really came")
	order, err := p.open(ctx, "user-3", "500")
	if err != nil {
		return err
	}
	less, err := money.Parse("499", money.INR)
	if err != nil {
		return err
	}
	paid, err := p.pay(order, less)
	if err != nil {
		return err
	}
	p.forward(ctx, order, "created")
	p.ledger(ctx, ledger.EventTransfer)
	if err := p.claim(ctx, order, paid.Number, sim.AnswerPending, ""); err != nil {
		return err
	}
	p.ledger(ctx)
	if err := p.accept(ctx, order); err != nil {
		return err
	}
	p.ledger(ctx, ledger.EventDeposit, ledger.EventDepositFee)
	p.postback(ctx, order, paid, "499")
	if err := p.claim(ctx, order, paid.Number, sim.AnswerOK, "499"); err != nil {
		return err
	}
	return p.close(ctx)
}

// wrongNumber: the payer types another number that their app shows.
func (p *play) wrongNumber(ctx context.Context) error {
	p.chapter("4. fail — the payer typed the app's own id; the money stays unclaimed until the right number comes")
	order, err := p.open(ctx, "user-4", "100")
	if err != nil {
		return err
	}
	paid, err := p.pay(order, order.Amount)
	if err != nil {
		return err
	}
	p.forward(ctx, order, "created")
	p.ledger(ctx, ledger.EventTransfer)
	if err := p.claim(ctx, order, paid.AppID, sim.AnswerFail, ""); err != nil {
		return err
	}
	p.ledger(ctx)
	return p.close(ctx)
}

// usedNumber: somebody claims the number of a deposit that was credited.
func (p *play) usedNumber(ctx context.Context, credited sim.Transfer) error {
	p.chapter("5. fail — somebody else sends the number of a deposit that was credited already")
	order, err := p.open(ctx, "user-5", "500")
	if err != nil {
		return err
	}
	if err := p.claim(ctx, order, credited.Number, sim.AnswerFail, ""); err != nil {
		return err
	}
	answered, _ := p.shop.Order(order.ID)
	p.expect(answered.Answer.Message == gateway.MessageRefused, "the answer tells more than it should: %q", answered.Answer.Message)
	p.ledger(ctx)
	return p.close(ctx)
}

// open begins an order.
func (p *play) open(ctx context.Context, payer, amount string) (sim.Order, error) {
	m, err := money.Parse(amount, money.INR)
	if err != nil {
		return sim.Order{}, err
	}
	order, e, err := p.shop.Open(ctx, payer, m)
	if err != nil {
		return order, err
	}
	p.exchange("shop", e)
	return order, nil
}

// pay lets the payer of an order pay an amount, and shows what they and the phone then see.
func (p *play) pay(order sim.Order, amount money.Money) (sim.Transfer, error) {
	paid, err := p.shop.Pay(order.ID, sim.You, amount, 0)
	if err != nil {
		return paid, err
	}
	p.tell("payer", fmt.Sprintf("pays %s to %s; the app shows UTR %s, transaction id %s", rupees(amount.Minor), order.Identifier, paid.Number, paid.AppID))
	return paid, nil
}

// forward lets the phone of the order's wallet forward one message, and checks what is made of it.
func (p *play) forward(ctx context.Context, order sim.Order, want string) sim.SMS {
	receipts := p.phones[order.Identifier].Forward(ctx)
	if !p.expect(len(receipts) == 1, "the phone had %d messages to forward, not 1", len(receipts)) {
		return sim.SMS{}
	}
	r := receipts[0]
	p.tell("bank → phone", "SMS from "+r.Message.Sender, r.Message.Text)
	p.tell("phone → Galla", "POST /evidence/v1/messages", string(r.Request))
	if !p.expect(r.Err == nil, "the phone got no answer: %v", r.Err) {
		return r.Message
	}
	p.tell("Galla → phone", fmt.Sprint(r.Status), string(r.Answer))
	var answer struct {
		Results []struct {
			Status string `json:"status"`
		} `json:"results"`
	}
	err := json.Unmarshal(r.Answer, &answer)
	p.expect(err == nil && len(answer.Results) == 1 && answer.Results[0].Status == want, "the message should be %s", want)
	return r.Message
}

// claim sends the number that the payer typed and checks the answer. amount is that of an ok.
func (p *play) claim(ctx context.Context, order sim.Order, number, want, amount string) error {
	answer, e, err := p.shop.Claim(ctx, order.ID, number)
	if err != nil {
		return err
	}
	p.exchange("shop", e)
	p.expect(e.Status == 200 && answer.Status == want && answer.Amount.String() == amount,
		"the answer should be %s %s, it is %s %s", want, amount, answer.Status, answer.Amount)
	return nil
}

func (p *play) exchange(who string, e sim.Exchange) {
	p.tell(who+" → Galla", "POST "+e.Path, string(e.Request))
	p.tell("Galla → "+who, fmt.Sprint(e.Status), string(e.Answer))
}

// ledger tells the new postings and checks that they are of the kinds given, in order.
func (p *play) ledger(ctx context.Context, want ...ledger.EventKind) {
	news, err := p.books.news(ctx)
	if !p.expect(err == nil, "the ledger can't be read: %v", err) {
		return
	}
	var got []ledger.EventKind
	for _, posting := range news {
		p.tell("ledger", fmt.Sprintf("%-15s %s", posting.event, posting.text))
		got = append(got, posting.kind)
	}
	p.expect(fmt.Sprint(got) == fmt.Sprint(want), "the ledger should have got %v, it got %v", want, got)
}

// postback waits for the order's postback and checks it.
func (p *play) postback(ctx context.Context, order sim.Order, paid sim.Transfer, amount string) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	got, err := p.shop.Merchant().Wait(ctx, order.ID)
	if !p.expect(err == nil, "%v", err) {
		return
	}
	p.received(got)
	p.expect(got.Amount.String() == amount && got.Number == paid.Number && got.Payer == order.Payer && got.Attempt == 1,
		"the postback should be the first about %s for %s, number %s", amount, order.Payer, paid.Number)
	p.orders = append(p.orders, order.ID)
}

// received tells of a postback and checks its signatures.
func (p *play) received(got sim.Postback) {
	p.tell("Galla → shop", "POST /postback, webhook-id "+got.WebhookID, string(got.Body))
	p.tell("shop", "checks the signature in the body: "+p.verdict(got.Legacy)+"; the webhook signature: "+p.verdict(got.Webhook))
	p.tell("shop → Galla", fmt.Sprint(got.Status), got.Answer)
	p.expect(got.Legacy == nil, "the postback's signature: %v", got.Legacy)
	p.expect(got.Webhook == nil, "the postback's webhook signature: %v", got.Webhook)
}

func (p *play) verdict(err error) string {
	if err != nil {
		return p.paint(red, "wrong")
	}
	return p.paint(green, "right")
}

// accept is what an operator does with a held claim.
func (p *play) accept(ctx context.Context, order sim.Order) error {
	m, _ := p.instance.Gateway.Directory().MerchantBySlug(slug)
	claims, err := p.store.Read().ListOrderClaims(ctx, store.ListOrderClaimsParams{MerchantID: int64(m.ID), OrderID: order.ID})
	if err != nil || len(claims) != 1 {
		return fmt.Errorf("find the claim of %s: %d found: %w", order.ID, len(claims), err)
	}
	const reason = "the payer confirmed that they sent 499"
	claim := claims[0]
	p.tell("operator", fmt.Sprintf("galla claim show %d says: %s, because of %s", claim.ID, claim.State, claim.Reason))
	p.expect(claim.Reason == string(deposit.ReasonMismatch), "the reason should be %s", deposit.ReasonMismatch)
	p.tell("operator", fmt.Sprintf("galla claim accept %d --reason %q", claim.ID, reason))
	result, err := p.instance.Gateway.ResolveClaim(ctx, deposit.ClaimID(claim.ID), true, "demo", reason)
	if err != nil {
		return fmt.Errorf("accept: %w", err)
	}
	p.expect(result.State == deposit.Accepted, "the claim should be accepted, it is %s", result.State)
	return nil
}

// close ends a chapter with the balances.
func (p *play) close(ctx context.Context) error {
	sums, err := p.books.balances(ctx)
	if err != nil {
		return err
	}
	p.tell("balances", balanceText(sums))
	return nil
}

// end sums up.
func (p *play) end(ctx context.Context) error {
	p.chapter("The books")
	if err := p.delivered(ctx); err != nil {
		return err
	}
	var told []string
	for _, postback := range p.shop.Merchant().Received() {
		told = append(told, postback.Order+postback.Withdrawal) // it is about one of them
	}
	p.expect(fmt.Sprint(told) == fmt.Sprint(p.orders), "postbacks should be about %v, they are about %v", p.orders, told)
	sums, err := p.books.balances(ctx)
	if err != nil {
		return err
	}
	// 500 + 250.50 + 499 were credited and paid 1 % in fees; 100 is unclaimed; 300 and 200 were paid out.
	for kind, want := range map[ledger.AccountKind]int64{
		ledger.Merchant: 737_00, ledger.Reserved: 0, ledger.PaidOut: 500_00, ledger.Fees: 12_50, ledger.Unclaimed: 100_00, ledger.Receiving: -1349_50,
	} {
		p.expect(sums[kind] == want, "%s should be %s, it is %s", kind, rupees(want), rupees(sums[kind]))
	}
	p.tell("balances", balanceText(sums))
	return p.audit(ctx, p.store)
}

// delivered waits until the database says that every postback is delivered: it is told just after the shop has answered.
func (p *play) delivered(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	ticker := time.NewTicker(lookAgain)
	defer ticker.Stop()
	for {
		left, err := p.store.Read().CountUndelivered(ctx)
		if err == nil && left.Pending == 0 {
			p.tell("postbacks", fmt.Sprintf("%d delivered, none left, %d given up", len(p.orders), left.Exhausted))
			p.expect(left.Exhausted == 0, "%d postbacks were given up", left.Exhausted)
			return nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			p.expect(false, "%d postbacks are not delivered", left.Pending)
			return nil
		}
	}
}
