package torture

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/galla-gateway/galla/internal/sim"
)

// accountID is the receiving account of the only wallet.
const accountID = 1

// mostTold is how many violations of a campaign are kept in words.
const mostTold = 20

// world is one campaign's: a database on its ground, Galla on it, and all that uses Galla.
type world struct {
	o        Options
	engine   string
	folder   string
	ground   *ground
	server   *server // PostgreSQL only
	galla    *installation
	victims  []*victim
	book     *book
	receiver *receiver
	load     *load
	payouts  *payouts
	cable    *cable // cut only
	random   *rand.Rand
	idle     func() (busy func()) // lets others be busy while this one only waits

	mu         sync.Mutex
	hits       map[string]int64
	violations int64
	words      []string
	moved      chan struct{} // a token when a violation was found
}

// newWorld makes everything and starts the load.
func newWorld(ctx context.Context, o Options, c campaign, idle func() func()) (*world, error) {
	folder, err := os.MkdirTemp("", "galla-torture-")
	if err != nil {
		return nil, err
	}
	w := &world{
		o: o, idle: idle, engine: c.engine, folder: folder, hits: map[string]int64{},
		random: rand.New(rand.NewPCG(o.Seed, uint64(len(c.name())))), moved: make(chan struct{}, 1),
	}
	if err := w.build(ctx, c); err != nil {
		return nil, errors.Join(err, w.close(), os.RemoveAll(folder))
	}
	w.payouts.start(ctx)
	w.load.start(ctx)
	return w, nil
}

// build makes what newWorld returns.
func (w *world) build(ctx context.Context, c campaign) (err error) {
	// PostgreSQL's user must reach what is in it.
	if err := os.Chmod(w.folder, 0o755); err != nil {
		return err
	}
	if w.book, err = newBook(filepath.Join(w.folder, "book.jsonl")); err != nil {
		return err
	}
	if w.ground, err = newGround(w.folder, c.fault, w.o.Seed); err != nil {
		return err
	}
	if c.fault == Cut {
		if w.cable, err = newCable(ctx, c.engine); err != nil {
			return err
		}
	}
	database := "sqlite:" + filepath.Join(w.ground.folder, "galla.db")
	if c.engine == Postgres {
		if err := w.startServer(ctx, c); err != nil {
			return err
		}
		database = w.server.dsn("galla")
	}
	synchronous := ""
	if c.control {
		synchronous = "NORMAL"
	}
	if w.galla, err = newInstallation(ctx, w.o.Binary, w.folder, database, synchronous); err != nil {
		return err
	}
	if err := w.furnish(ctx); err != nil {
		return err
	}
	if err := w.serve(ctx); err != nil {
		return err
	}
	if c.control && w.ground.disk != nil {
		w.ground.disk.Settle() // without it fsync=off would lose the database itself, and no payment
	}
	return nil
}

// startServer makes the PostgreSQL server of a campaign.
func (w *world) startServer(ctx context.Context, c campaign) (err error) {
	// A server whose default is off must lose nothing either: Galla asks for what it needs.
	settings := []string{"synchronous_commit=off"}
	if c.control {
		settings = append(settings, "fsync=off")
	}
	if w.server, err = newServer(ctx, w.ground.folder, w.folder, settings...); err != nil {
		return err
	}
	if w.cable != nil {
		if err := w.cable.connect(ctx, w.server); err != nil {
			return err
		}
	}
	if err := w.server.start(ctx); err != nil {
		return err
	}
	return w.server.execute(ctx, "postgres", "CREATE DATABASE galla")
}

// furnish adds the merchant, the wallet and who reports money, by the commands of an operator.
func (w *world) furnish(ctx context.Context) error {
	if _, err := w.galla.run(ctx, "migrate"); err != nil {
		return err
	}
	var err error
	if w.receiver, err = newReceiver(w.book, w.o.Now, w.wrong); err != nil {
		return err
	}
	var merchant struct {
		ID            int64  `json:"id"`
		APISecret     string `json:"api_secret"`
		AccessKey     string `json:"access_key"`
		PostbackKey   string `json:"postback_private_key"`
		WebhookSecret string `json:"webhook_secret"`
		WithdrawalKey string `json:"withdrawal_private_key"`
	}
	if err := w.galla.read(ctx, &merchant, "merchant", "add", "--slug", merchantSlug, "--name", "Shop", "--postback-url", w.receiver.url); err != nil {
		return err
	}
	w.receiver.open(merchant.ID, sim.Keys{AccessKey: merchant.AccessKey, PostbackKey: merchant.PostbackKey, WebhookSecret: merchant.WebhookSecret})
	if _, err := w.galla.run(ctx, "wallet", "add", "--method", "phone_pe", "--identifier", account.Identifier, "--currency", "INR",
		"--holder", "Holder", "--account-tail", account.Tail); err != nil {
		return err
	}
	l := &load{
		w: w, merchant: merchant.ID, secret: merchant.APISecret, bank: sim.NewBank(w.o.Seed, w.o.Now), random: rand.New(rand.NewPCG(w.o.Seed, 1)),
		client: &http.Client{Timeout: answerLimit, Transport: &http.Transport{
			MaxIdleConnsPerHost: workers, DialContext: (&net.Dialer{Timeout: answerLimit}).DialContext,
		}},
	}
	l.urls.Store(&[]string{})
	l.bank.Open(account, func(message sim.SMS, _ time.Duration) { l.message = message })
	for kind, s := range map[string]*source{"transfers": &l.transfers, "sms": &l.phone} {
		var added struct {
			ID    int64  `json:"id"`
			Token string `json:"token"`
		}
		if err := w.galla.read(ctx, &added, "source", "add", "--wallet", strconv.Itoa(accountID), "--kind", kind); err != nil {
			return err
		}
		s.id, s.token = added.ID, added.Token
	}
	w.load = l
	if w.payouts, err = openPayouts(ctx, w, merchant.WithdrawalKey); err != nil || w.cable == nil {
		return err
	}
	return errors.Join(w.cable.reaches("the merchant", w.receiver.url), w.cable.reaches("the payout provider", w.payouts.provider.URL))
}

// serve starts one more server and lets the load use it.
func (w *world) serve(ctx context.Context, wrapper ...string) error {
	v, err := w.galla.serve(ctx, wrapper...)
	if v != nil && v.alive() {
		w.victims = append(w.victims, v)
		w.use()
	}
	if err != nil && v != nil {
		return fmt.Errorf("%w:\n%s", err, v.lines())
	}
	return err
}

// use tells the load which servers live.
func (w *world) use() {
	urls := []string{}
	for _, v := range w.victims {
		urls = append(urls, v.url)
	}
	w.load.urls.Store(&urls)
}

// bury forgets servers that have ended.
func (w *world) bury() {
	w.victims = slices.DeleteFunc(w.victims, func(v *victim) bool { return !v.alive() })
	w.use()
}

// killed kills the servers and tells the load.
func (w *world) killed() {
	w.underWay()
	for _, v := range w.victims {
		v.signal(killSignal)
	}
	for _, v := range w.victims {
		v.kill()
	}
	w.bury()
	w.load.struck()
}

// recover has everything running again, as whatever looks after services does, and returns when Galla is ready.
func (w *world) recover(ctx context.Context) error {
	if w.server != nil && !w.server.runs() {
		if err := w.server.start(ctx); err != nil {
			return err
		}
	}
	w.bury()
	if len(w.victims) == 0 {
		return w.serve(ctx)
	}
	for _, v := range w.victims {
		err := w.ready(ctx, v)
		switch {
		case err == nil:
		case ctx.Err() == nil && (errors.Is(err, errEnded) || w.server != nil && !w.server.runs()):
			return w.recover(ctx)
		default:
			return err
		}
	}
	return nil
}

// ready waits until a server of Galla is ready, or PostgreSQL ends under it: it may notice only now what was done to it.
func (w *world) ready(ctx context.Context, v *victim) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if w.server != nil {
		ended := w.server.ended
		go func() {
			select {
			case <-ended:
				cancel()
			case <-ctx.Done():
			}
		}()
	}
	return v.awaitReady(ctx)
}

// live lets the load run for a random while.
func (w *world) live(ctx context.Context, shortest, longest time.Duration) {
	timer := time.NewTimer(shortest + time.Duration(w.random.Int64N(int64(longest-shortest))))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// work lets the load run for a random while in which there is something to lose: some requests have been answered.
func (w *world) work(ctx context.Context) {
	before := w.load.answered.Load()
	w.until(ctx, faultLimit, func() bool { return w.load.answered.Load() >= before+leastAnswers })
	w.live(ctx, shortLife, longLife)
}

// until waits for what a fault should bring, and tells whether it came in time.
func (w *world) until(ctx context.Context, limit time.Duration, holds func() bool) bool {
	for began := w.o.Now(); ctx.Err() == nil && w.o.Now().Sub(began) < limit; time.Sleep(pollEvery) {
		if holds() {
			return true
		}
	}
	return false
}

// underWay counts what a fault comes upon.
func (w *world) underWay() {
	w.hit("requests under way", w.load.underWay.Load())
	w.hit("requests to the payout provider under way", w.payouts.provider.Busy())
}

// hit counts what a fault did.
func (w *world) hit(what string, n int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hits[what] += n
}

// wrong enters a violation.
func (w *world) wrong(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.violations++; len(w.words) < mostTold {
		w.words = append(w.words, fmt.Sprintf(format, args...))
	}
	select {
	case w.moved <- struct{}{}:
	default:
	}
}

func (w *world) found() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.violations
}

// close ends everything that the world has started, and deletes its folder unless there is a reason to look into it.
func (w *world) close() error {
	if w.load != nil && w.load.stop != nil {
		w.load.stop()
		w.load.group.Wait()
	}
	for _, v := range w.victims {
		v.signal(contSignal)
		v.kill()
	}
	if w.payouts != nil {
		w.payouts.close()
	}
	var errs []error
	if w.receiver != nil {
		errs = append(errs, w.receiver.close())
	}
	if w.server != nil && w.server.runs() {
		w.server.crash()
	}
	if w.cable != nil {
		errs = append(errs, w.cable.close())
	}
	if w.ground != nil {
		errs = append(errs, w.ground.close())
	}
	if w.book != nil {
		errs = append(errs, w.book.close(), w.book.err)
	}
	return errors.Join(errs...)
}
