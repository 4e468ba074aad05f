package demo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/galla-gateway/galla/internal/evidence"
	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/instance"
	"github.com/galla-gateway/galla/internal/keyring"
	"github.com/galla-gateway/galla/internal/sim"
	"github.com/galla-gateway/galla/internal/store"
	"github.com/galla-gateway/galla/internal/web"
)

const (
	// slug is the merchant's.
	slug = "shop"
	// fee is what the merchant pays, in the words of galla merchant set.
	fee = "1"
	// operator is a person of the demo, railName the provider's account that withdrawals are paid from.
	operator = "demo"
	railName = "demo-bank"
	// freePort lets the system choose, on loopback only.
	freePort = "127.0.0.1:0"
	// clientTimeout ends a request of the simulated world.
	clientTimeout = 10 * time.Second
)

// accounts are the merchant's wallets, each with its own account at its own bank, and its own phone.
var accounts = []sim.Account{
	{Identifier: "6234234234", Bank: sim.HDFC, Tail: "2536"},
	{Identifier: "6234234235", Bank: sim.SBI, Tail: "9709"},
	{Identifier: "6234234236", Bank: sim.Axis, Tail: "2057"},
}

// world is a running Galla with the simulated world around it.
type world struct {
	folder   string
	keyFile  string
	database string // as in GALLA_DATABASE
	store    *store.Store
	instance *instance.Instance
	client   *http.Client
	secret   string // API secret of the shop
	payKey   string // with which the shop signs withdrawals
	provider *sim.RazorpayX
	silent   atomic.Bool // the provider pays and answers nobody
	bank     *sim.Bank
	phones   map[string]*sim.Phone // by wallet identifier
	shop     *sim.Shop
	listener net.Listener // the shop's
	logger   *slog.Logger
}

// newWorld makes everything and starts nothing; see serve. remove it when done.
func newWorld(ctx context.Context, o Options, habits sim.Habits, replies func(sim.Postback) sim.Reply) (w *world, err error) {
	w = &world{logger: o.Logger, phones: map[string]*sim.Phone{}, client: newClient()}
	if w.logger == nil {
		w.logger = slog.New(slog.DiscardHandler)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.remove())
		}
	}()
	if err := w.openStore(ctx, o.Now); err != nil {
		return w, err
	}
	if w.listener, err = net.Listen("tcp", freePort); err != nil {
		return w, err
	}
	keys, err := w.addMerchant(ctx)
	if err != nil {
		return w, err
	}
	if o.changeKeys != nil {
		o.changeKeys(&keys)
	}
	if err := w.addProvider(ctx, o); err != nil {
		return w, err
	}
	w.bank = sim.NewBank(o.Seed, o.Now)
	if err := w.addWallets(ctx, o, habits); err != nil {
		return w, err
	}
	w.shop = sim.NewShop(sim.ShopConfig{
		Backend: sim.Backend{URL: w.apiURL(), Secret: w.secret, Client: w.client},
		Window:  w.apiURL() + "/plugin/" + slug + "/",
		Keys:    keys, Bank: w.bank, Now: o.Now, Replies: replies,
	})
	return w, nil
}

// newClient returns a client for loopback: without proxy, whatever the environment says.
func newClient() *http.Client {
	return &http.Client{Timeout: clientTimeout, Transport: &http.Transport{MaxIdleConnsPerHost: 16}}
}

func (w *world) openStore(ctx context.Context, now func() time.Time) (err error) {
	if w.folder, err = os.MkdirTemp("", "galla-demo-"); err != nil {
		return err
	}
	w.keyFile = filepath.Join(w.folder, "key")
	w.database = "sqlite:" + filepath.Join(w.folder, "galla.db")
	if err := keyring.Generate(w.keyFile); err != nil {
		return err
	}
	keys, err := keyring.Load(w.keyFile)
	if err != nil {
		return err
	}
	if w.store, err = store.Open(ctx, w.database, store.Create, store.Options{Exclusive: true}); err != nil {
		return err
	}
	w.instance, err = instance.Start(ctx, instance.Config{
		Store: w.store, Keys: keys, Now: now, Logger: w.logger, Simulated: true, LocalHTTP: true, Listen: freePort, AdminListen: freePort,
		DefaultMerchant: "", PostbackAllow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
	})
	return err
}

func (w *world) addMerchant(ctx context.Context) (sim.Keys, error) {
	added, err := w.instance.Gateway.AddMerchants(ctx, gateway.NewMerchant{
		Slug: slug, Name: "Demo shop", PostbackURL: w.shopURL() + "/postback", TimeZone: "Asia/Kolkata",
	})
	if err != nil {
		return sim.Keys{}, fmt.Errorf("add merchant: %w", err)
	}
	if err := w.instance.Gateway.SetMerchant(ctx, slug, []gateway.Setting{{Key: "fee", Value: fee}}); err != nil {
		return sim.Keys{}, fmt.Errorf("set fee: %w", err)
	}
	w.secret, w.payKey = added[0].APISecret.Reveal(), added[0].WithdrawalKey.Reveal()
	return sim.Keys{
		AccessKey: added[0].AccessKey, PostbackKey: added[0].PostbackKey.Reveal(), WebhookSecret: added[0].WebhookSecret.Reveal(),
	}, nil
}

func (w *world) addWallets(ctx context.Context, o Options, habits sim.Habits) error {
	for _, account := range accounts {
		wallet, err := w.instance.Gateway.AddWallet(ctx, gateway.NewWallet{
			Method: "phone_pe", Identifier: account.Identifier, Holder: "DEMO SHOP", Merchants: []string{slug}, Tails: []string{account.Tail},
		})
		if err != nil {
			return fmt.Errorf("add wallet %s: %w", account.Identifier, err)
		}
		source, err := w.instance.Gateway.AddSource(ctx, wallet.ID, evidence.SourceSMS)
		if err != nil {
			return fmt.Errorf("add source of wallet %s: %w", account.Identifier, err)
		}
		phone := sim.NewPhone(o.Seed, w.apiURL(), source.Token.Reveal(), habits, w.client, o.Now)
		w.phones[account.Identifier] = phone
		w.bank.Open(account, phone.Receive)
	}
	return nil
}

// addProvider makes a simulated payout provider the shop's, which needs no approval of what is paid in the story.
func (w *world) addProvider(ctx context.Context, o Options) error {
	const key, secret, account = "rzp_demo", "demo-provider-secret", "2323230041626905"
	var err error
	w.provider, err = sim.NewRazorpayX(sim.PayoutOptions{
		Now: o.Now, Seed: o.Seed, Key: key, Secret: secret, Account: account,
		Fault: func(c sim.Call) sim.CallFault {
			switch {
			case !w.silent.Load():
				return ""
			case c.Operation == sim.OperationPay:
				return sim.CallDropsAfter
			}
			return sim.CallBreaksBefore
		},
	})
	if err != nil {
		return fmt.Errorf("start the provider: %w", err)
	}
	g := w.instance.Gateway
	operatorKey, err := g.AddOperator(ctx, operator)
	if err != nil {
		return fmt.Errorf("add operator: %w", err)
	}
	by, err := g.Operator(ctx, operatorKey)
	if err != nil {
		return fmt.Errorf("find operator: %w", err)
	}
	err = g.AddRail(ctx, by, gateway.Rail{Name: railName, Kind: gateway.RailRazorpayX, RailSettings: gateway.RailSettings{
		KeyID: key, Secret: secret, WebhookSecret: secret, Account: account, BaseURL: w.provider.URL,
	}}, instance.CheckRail)
	if err != nil {
		return fmt.Errorf("add rail: %w", err)
	}
	return g.SetMerchant(ctx, slug, []gateway.Setting{{Key: "withdrawal_rail", Value: railName}, {Key: "withdrawal_auto_limit", Value: "5000"}})
}

func (w *world) apiURL() string   { return "http://" + w.instance.Addr }
func (w *world) adminURL() string { return "http://" + w.instance.AdminAddr }
func (w *world) shopURL() string  { return "http://" + w.listener.Addr().String() }

// serve runs Galla and the shop while use runs, and stops them after it: Galla first, so that the shop still gets what
// is on its way. The context of use ends early when a server fails.
func (w *world) serve(ctx context.Context, use func(context.Context) error) error {
	running := context.WithoutCancel(ctx)
	shopping, closeShop := context.WithCancel(running)
	defer closeShop()
	shop := make(chan error, 1)
	go func() { shop <- web.Serve(shopping, w.listener, web.NewServer(w.shop.Handler(), w.logger)) }()

	serving, stopInstance := context.WithCancel(running)
	defer stopInstance()
	using, stopUse := context.WithCancel(ctx)
	defer stopUse()
	galla := make(chan error, 1)
	go func() {
		galla <- w.instance.Run(serving)
		stopUse()
	}()

	err := use(using)
	w.client.CloseIdleConnections()
	stopInstance()
	err = errors.Join(err, <-galla)
	closeShop()
	return errors.Join(err, <-shop)
}

// remove deletes everything. The instance must have stopped.
func (w *world) remove() error {
	var err error
	if w.provider != nil {
		w.provider.Close()
	}
	if w.store != nil {
		err = w.store.Close()
	}
	return errors.Join(err, os.RemoveAll(w.folder))
}
