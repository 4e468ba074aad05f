package demo

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/galla-gateway/galla/internal/sim"
)

// Pace of the open demo.
const (
	payerEvery   = 6 * time.Second
	forwardEvery = 200 * time.Millisecond
	// disturbEvery is how often a phone gets a message that is no payment.
	disturbEvery = 25 * time.Second
)

// habits of the demo's phones: they repeat some messages and forward some late and in another order.
var habits = sim.Habits{Duplicate: 15, Reorder: 20, MaxDelay: 1500 * time.Millisecond}

// reply is how the shop answers a postback: mostly well. What it doesn't take comes again. A person in front of the
// shop's page needn't wait for that.
func reply(p sim.Postback) sim.Reply {
	bad := p.Attempt == 1 && sim.IsRobot(p.Payer)
	switch n := p.DepositID; {
	case bad && n%6 == 3:
		return sim.ReplyFault
	case bad && n%10 == 7:
		return sim.ReplyWrongBody
	case n%4 == 2:
		return sim.ReplyCapitals
	}
	return sim.ReplyOK
}

// Run opens the demo for a person until ctx ends, and then removes it. Simulated payers come meanwhile.
func Run(ctx context.Context, o Options) error {
	w, err := newWorld(ctx, o, habits, reply)
	if err != nil {
		return err
	}
	err = w.serve(ctx, func(ctx context.Context) error {
		w.welcome(o)
		w.live(ctx, o)
		return nil
	})
	if err = errors.Join(err, w.remove()); err != nil {
		return err
	}
	fmt.Fprintln(o.Out, "\nThe demo has ended and its folder is removed.")
	return nil
}

// welcome tells what there is to open.
func (w *world) welcome(o Options) {
	s := story{out: o.Out, color: o.Color}
	fmt.Fprintf(o.Out, "%s\nThe database is in %s and goes when the demo ends.\n\n", s.paint(bold, Notice), w.folder)
	for _, line := range [][2]string{
		{"Shop", w.shopURL() + "/"},
		{"Postbacks", w.shopURL() + "/postbacks"},
		{"API", w.apiURL() + "/api/v1/"},
		{"Metrics", w.adminURL() + "/metrics"},
	} {
		fmt.Fprintf(o.Out, "  %-10s %s\n", line[0], s.paint(bold, line[1]))
	}
	fmt.Fprintf(o.Out, "\nAsk the API, as the shop does:\n\n  curl -H 'Authorization: Bearer %s' -d '{\"currency\":\"INR\",\"label\":\"me\"}' %s/api/v1/transaction/create/phone_pe\n",
		w.secret, w.apiURL())
	fmt.Fprintf(o.Out, "\nLook as an operator, from another terminal:\n\n  export GALLA_DATABASE=%s GALLA_KEY_FILE=%s\n  %[3]s claim list --state held\n  %[3]s balance\n  %[3]s audit\n",
		w.database, w.keyFile, o.Command)
	fmt.Fprintf(o.Out, "\nSimulated payers come by themselves. Ctrl-C ends the demo.\n\n")
}

// live lets phones forward and payers come until ctx ends.
func (w *world) live(ctx context.Context, o Options) {
	var group sync.WaitGroup
	for _, phone := range w.phones {
		group.Go(func() { phone.Run(ctx, forwardEvery, func(sim.Receipt) {}) })
	}
	group.Go(func() { w.disturb(ctx) })
	var out sync.Mutex
	sim.NewCrowd(o.Seed, w.shop, nil).Run(ctx, payerEvery, func(v sim.Visit, err error) {
		out.Lock()
		defer out.Unlock()
		ended := v.Answer.Status
		if err != nil {
			ended = err.Error()
		}
		fmt.Fprintf(o.Out, "  %s  %-9s %11s  %-52s %s\n", o.Now().Format("15:04:05"), v.Payer, rupees(v.Order.Amount.Minor), v.Habit, ended)
	})
	group.Wait()
}

// disturb sends the phones what else such phones get.
func (w *world) disturb(ctx context.Context) {
	ticker := time.NewTicker(disturbEvery)
	defer ticker.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if _, err := w.bank.Disturb(accounts[n%len(accounts)].Identifier); err != nil {
			w.logger.Error("demo.failed", "error", err)
		}
	}
}
