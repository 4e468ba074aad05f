package torture

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/galla-gateway/galla/internal/oracle"
	"github.com/galla-gateway/galla/internal/sim"
)

const (
	// merchantSlug and railName are the only merchant's and its payout provider's.
	merchantSlug, railName = "shop", "bank"
	// mostRupees bounds a withdrawal: less than an order brings, so that there is money for most of them.
	mostRupees = 9
	// asksTwice is how often, in percent, a request that was answered is sent again.
	asksTwice = 10
	// settles is within which the provider decides, lateBy how much longer what it queues takes.
	settles, lateBy = 2 * time.Second, 2 * time.Second
	// takes is how long one of its requests may take: faults are to come while it has one and Galla no answer.
	takes = 200 * time.Millisecond
	// hookPause is how long it rests at most between two looks for webhooks, and between two tries of one.
	hookPause = 100 * time.Millisecond
)

// providerKeys are what Galla shows to the provider, and the account that pays.
var providerKeys = struct{ id, secret, webhook, account string }{"rzp_test_torture", "secret of the provider", "secret of its webhooks", "7878780080316316"}

// payouts is the payout provider, with what the merchant asks it for. No fault reaches its book.
type payouts struct {
	w        *world
	provider *sim.RazorpayX
	key      string // the merchant's, for withdrawals
	end      context.CancelFunc
	group    sync.WaitGroup

	mu    sync.Mutex
	money int64             // of the merchant, not asked for yet, minor units
	asked map[string]string // withdrawal ids by the payee's account
}

// openPayouts starts the provider and has the merchant pay by it.
func openPayouts(ctx context.Context, w *world, key string) (*payouts, error) {
	p := &payouts{w: w, key: key, asked: map[string]string{}}
	var err error
	p.provider, err = sim.NewRazorpayX(sim.PayoutOptions{
		Now: w.o.Now, Seed: w.o.Seed, Key: providerKeys.id, Secret: providerKeys.secret, WebhookSecret: providerKeys.webhook, Account: providerKeys.account,
		Settle: settles, Late: lateBy, Takes: takes,
		Calls: map[sim.CallFault]int{sim.CallDropsBefore: 10, sim.CallDropsAfter: 40, sim.CallBreaksAfter: 40, sim.CallCut: 20},
		Lives: map[sim.PayoutLife]int{sim.LifeQueued: 100},
		Hooks: map[sim.HookFault]int{sim.HookLost: 20, sim.HookTwice: 50},
	})
	if err != nil {
		return nil, err
	}
	if err := p.furnish(ctx); err != nil {
		p.provider.Close()
		return nil, err
	}
	return p, nil
}

// furnish adds the provider as a rail, by the commands of an operator with a key.
func (p *payouts) furnish(ctx context.Context) error {
	var operator struct {
		Key string `json:"key"`
	}
	if err := p.w.galla.read(ctx, &operator, "operator", "add", "torture"); err != nil {
		return err
	}
	by := *p.w.galla // servers don't have the key
	by.env = append(slices.Clone(by.env), "GALLA_OPERATOR_KEY="+operator.Key)
	settings := filepath.Join(p.w.folder, "provider.json")
	if err := os.WriteFile(settings, encode(map[string]string{
		"key_id": providerKeys.id, "secret": providerKeys.secret, "webhook_secret": providerKeys.webhook, "account": providerKeys.account,
		"base_url": p.provider.URL,
	}), 0o600); err != nil {
		return err
	}
	if _, err := by.run(ctx, "rail", "add", railName, "--kind", "razorpayx", "--settings", settings); err != nil {
		return err
	}
	_, err := by.run(ctx, "merchant", "set", merchantSlug, "withdrawal_rail="+railName, fmt.Sprintf("withdrawal_auto_limit=%d", mostRupees))
	return err
}

// start lets the provider send its webhooks.
func (p *payouts) start(ctx context.Context) {
	ctx, p.end = context.WithCancel(ctx)
	p.group.Go(func() {
		for ctx.Err() == nil {
			for _, hook := range p.provider.Due() {
				p.deliver(ctx, hook)
			}
			pause(ctx, hookPause)
		}
	})
}

// deliver sends a webhook until somebody takes it.
func (p *payouts) deliver(ctx context.Context, hook sim.Hook) {
	for ctx.Err() == nil {
		if url := p.w.load.anybody(); url != "" {
			status, _, err := p.w.load.post(ctx, url+"/rails/v1/"+railName, hook.Header, hook.Body)
			if err == nil && status < http.StatusInternalServerError {
				if status != http.StatusOK {
					p.w.wrong("a genuine webhook was answered with code %d", status)
				}
				return
			}
		}
		pause(ctx, hookPause)
	}
}

// earn adds money of the merchant, which it may pay out from now on.
func (p *payouts) earn(minor int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.money += minor
}

// next is the next withdrawal, false while there is no money for it.
func (p *payouts) next() (sim.Payout, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	rupees := 1 + rand.Int64N(mostRupees)
	if p.money < rupees*100 {
		return sim.Payout{}, false
	}
	p.money -= rupees * 100
	n := len(p.asked)
	one := sim.Payout{ID: fmt.Sprintf("withdrawal-%d", n), Payer: "payee", Rupees: rupees, Account: fmt.Sprintf("7%011d", n), Name: payer.Name, IFSC: "HDFC0001234"}
	p.asked[one.Account] = one.ID
	return one, true
}

// bring asks for a withdrawal, of which there is money, so it is told ok. Some it asks for once more at once, without waiting for
// whoever is killed meanwhile: one that was lost by a fault would be taken on anew, and nobody would see that it had been lost.
func (p *payouts) bring(ctx context.Context) {
	l := p.w.load
	one, ok := p.next()
	if !ok {
		return
	}
	path, body := "/v2/withdrawal/create?merchant="+merchantSlug, one.Signed(p.key)
	entry := p.w.book.askWithdrawal(oracle.ToldWithdrawal{Merchant: l.merchant, WithdrawalID: one.ID, Amount: one.Rupees * 100})
	from, answer, ok := l.request(ctx, path, "", body)
	if !ok {
		return
	}
	p.w.book.answerWithdrawal(entry, p.read(one, answer))
	if l.chance(asksTwice) {
		if answer, ok = l.try(ctx, from+path, "", body); ok {
			p.read(one, answer)
		}
	}
}

// read is what a request for a withdrawal was answered.
func (p *payouts) read(one sim.Payout, answer []byte) (status string) {
	var decoded struct{ Status string }
	if err := json.Unmarshal(answer, &decoded); err != nil || decoded.Status != "ok" {
		p.w.wrong("withdrawal %s, for which there is money, was answered with %s", one.ID, answer)
	}
	return decoded.Status
}

// told is true when the merchant has taken a postback of the end of each payment that the provider has taken on.
func (p *payouts) told() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	var ids []string
	for _, e := range p.provider.All() {
		ids = append(ids, p.asked[e.Account])
	}
	return p.w.receiver.missing(ids...) == 0
}

// seen is the provider's book.
func (p *payouts) seen() (list []oracle.SeenPayout) {
	for _, e := range p.provider.All() {
		list = append(list, oracle.SeenPayout{Reference: e.Reference, Account: e.Account, Amount: e.Amount.Minor, Credits: e.Credits})
	}
	return list
}

// judge holds what became of each withdrawal against the provider's book, by the payee's account, which has just one, and against
// what the merchant was told. Whatever isn't paid is open, and somebody will see to it.
func (p *payouts) judge(ctx context.Context, db *sql.DB) error {
	asked, credits := map[string]int{}, map[string]int{}
	for _, e := range p.provider.All() {
		asked[e.Account] += e.Asked
		credits[e.Account] += e.Credits
		p.w.hit("withdrawals told to the payout provider", 1)
	}
	rows, err := db.QueryContext(ctx, `SELECT w.withdrawal_id, w.account_number, w.state, w.next_at IS NOT NULL, COALESCE(b.state, '')
		FROM withdrawal w LEFT JOIN postback b ON b.kind = 'withdrawal' AND b.subject_id = w.id`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var id, account, state, postback string
		var due bool
		if err := rows.Scan(&id, &account, &state, &due, &postback); err != nil {
			return err
		}
		p.w.hit("withdrawals "+state, 1)
		open := due && (state == "approved" || state == "submitted" || state == "unknown")
		switch {
		case asked[account] > 1:
			p.w.wrong("the provider was told of withdrawal %s %d times", id, asked[account])
		case state == "paid" && credits[account] != 1:
			p.w.wrong("withdrawal %s is paid, and its payee was credited %d times", id, credits[account])
		case state != "paid" && !open:
			p.w.wrong("withdrawal %s is %s, and nobody sees to it (its payee was credited %d times)", id, state, credits[account])
		case postback == "delivered" && p.w.receiver.missing(id) > 0:
			p.w.wrong("the postback of withdrawal %s is delivered, and the merchant didn't take one", id)
		}
	}
	return rows.Err()
}

// close ends the provider.
func (p *payouts) close() {
	if p.end != nil {
		p.end()
	}
	p.group.Wait()
	p.provider.Close()
}
