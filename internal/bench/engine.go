package bench

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/galla-gateway/galla/internal/deposit"
	"github.com/galla-gateway/galla/internal/evidence"
	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/keyring"
	"github.com/galla-gateway/galla/internal/merchant"
	"github.com/galla-gateway/galla/internal/method"
	"github.com/galla-gateway/galla/internal/store"
	"github.com/galla-gateway/galla/money"
)

// engine is the gateway under measurement: its own database, merchants with a wallet each, and one source of evidence.
type engine struct {
	store     *store.Store
	gateway   *gateway.Gateway
	merchants []seller
	source    gateway.AddedSource
	method    method.Method
	amount    money.Money
	stop      func()
	seen      int64 // transfers stored for activations, by number of the unit
	scattered bool  // order ids don't count up
	activated int64 // of these, how many were credited before anything is measured
	observed  measure
}

// seller is a merchant with the account that its wallet hangs on.
type seller struct {
	id      merchant.ID
	secret  keyring.Secret
	account deposit.AccountID
}

// nowhere takes no postbacks: nobody listens there, and nothing is sent.
const nowhere = "http://127.0.0.1:9/"

// openEngine makes a simulated installation with a merchant for each postback URL. The key file goes into folder.
// onPostback may be nil.
func openEngine(ctx context.Context, database, folder string, urls []string, onPostback func([]gateway.Postback)) (*engine, error) {
	keyFile := filepath.Join(folder, "galla.key")
	if err := keyring.Generate(keyFile); err != nil {
		return nil, err
	}
	e, err := startEngine(ctx, database, keyFile, gateway.Options{Now: time.Now, Simulated: true, OnPostback: onPostback})
	if err != nil {
		return nil, err
	}
	if err := e.populate(ctx, urls); err != nil {
		return nil, errors.Join(err, e.close())
	}
	return e, nil
}

// startEngine starts a gateway as a server has it over an installation, which it makes when it isn't there.
func startEngine(ctx context.Context, database, keyFile string, opts gateway.Options) (*engine, error) {
	keys, err := keyring.Load(keyFile)
	if err != nil {
		return nil, err
	}
	s, err := store.Open(ctx, database, store.Create, store.Options{Exclusive: true})
	if err != nil {
		return nil, err
	}
	opts.CommitDelay = gateway.CommitDelay
	g, err := gateway.Open(ctx, s, keys, opts)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	background, cancel := context.WithCancel(ctx)
	var group sync.WaitGroup
	group.Go(func() { _ = g.Run(background) }) // its end is ours
	e := &engine{store: s, gateway: g, amount: money.Money{Minor: amountMinor, Currency: money.INR}}
	e.stop = func() {
		cancel()
		group.Wait()
		g.Close()
	}
	e.method, _ = method.Lookup(walletType)
	return e, nil
}

func (e *engine) close() error {
	e.stop()
	return e.store.Close()
}

// populate adds the merchants, each with a wallet on an account of its own: money on an account that serves several is
// credited only to payers who were shown a wallet.
func (e *engine) populate(ctx context.Context, urls []string) error {
	list := make([]gateway.NewMerchant, len(urls))
	for i, url := range urls {
		list[i] = gateway.NewMerchant{Slug: "bench-" + strconv.Itoa(i+1), PostbackURL: url}
	}
	added, err := e.gateway.AddMerchants(ctx, list...)
	if err != nil {
		return fmt.Errorf("add merchants: %w", err)
	}
	e.merchants = make([]seller, len(urls))
	for i, m := range added {
		e.merchants[i] = seller{id: m.ID, secret: m.APISecret}
	}
	if err := e.addWallets(ctx); err != nil {
		return fmt.Errorf("add wallets: %w", err)
	}
	// The first one by the verb, which completes the ledger's accounts and loads all.
	first, err := e.gateway.AddWallet(ctx, gateway.NewWallet{
		Method: walletType, Identifier: identifier(0), Holder: "Bench", Merchants: []string{added[0].Slug},
	})
	if err != nil {
		return fmt.Errorf("add wallet: %w", err)
	}
	e.merchants[0].account = deposit.AccountID(first.AccountID)
	e.source, err = e.gateway.AddSource(ctx, first.ID, evidence.SourceTransfers)
	return err
}

func identifier(i int) string { return strconv.Itoa(6000000000 + i) }

// addWallets adds the wallets of all merchants but the first in one transaction; the verb would load the whole directory
// again for each.
func (e *engine) addWallets(ctx context.Context) error {
	count := int64(len(e.merchants) - 1)
	if count == 0 {
		return nil
	}
	return e.store.Write(ctx, func(ctx context.Context, q *store.Queries) error {
		accounts, err := q.ReserveIDs(ctx, store.ReserveIDsParams{Kind: "receiving_account", Size: count})
		if err != nil {
			return err
		}
		wallets, err := q.ReserveIDs(ctx, store.ReserveIDsParams{Kind: "wallet", Size: count})
		if err != nil {
			return err
		}
		now := time.Now().UnixMicro()
		for i := int64(1); i <= count; i++ {
			account, id := accounts-i, wallets-i
			e.merchants[i].account = deposit.AccountID(account)
			if err := q.InsertReceivingAccount(ctx, store.InsertReceivingAccountParams{
				ID: account, Currency: string(e.method.Currency), Rail: int16(e.method.Rail), Holder: "Bench", Tails: "[]", CreatedAt: now,
			}); err != nil {
				return err
			}
			if err := q.InsertWallet(ctx, store.InsertWalletParams{
				ID: id, AccountID: account, Method: walletType, Identifier: identifier(int(i)), Currency: string(e.method.Currency),
				Holder: "Bench", CreatedAt: now,
			}); err != nil {
				return err
			}
			if err := q.InsertWalletMerchant(ctx, store.InsertWalletMerchantParams{WalletID: id, MerchantID: int64(e.merchants[i].id)}); err != nil {
				return err
			}
		}
		return nil
	})
}

func (e *engine) seller(n int64) *seller { return &e.merchants[n%int64(len(e.merchants))] }

// Shape of the preparation: so many callers, each with so many observations at once.
const (
	observeCallers = 4
	observeSet     = 250
)

// observe stores evidence for the next count activations.
func (e *engine) observe(ctx context.Context, count int64) error {
	from := &source{stock: (count + observeSet - 1) / observeSet * observeSet, each: observeSet}
	callers := make([]worker, observeCallers)
	for i := range callers {
		callers[i] = func(first int64) (int64, error) {
			items := make([]gateway.EvidenceItem, observeSet)
			for i := range items {
				items[i] = e.evidence(e.seen + first + int64(i))
			}
			results, err := e.gateway.Observe(ctx, items)
			for _, r := range results {
				if r.Status != gateway.EvidenceCreated {
					err = fmt.Errorf("evidence was answered %s (%s)", r.Status, r.Reason)
				}
			}
			return observeSet, err
		}
	}
	m := run(time.Now(), callers, func(w worker, own *measure) bool {
		first, ok := from.take()
		return ok && ctx.Err() == nil && own.count(w, first, time.Now())
	})
	e.seen += m.done
	e.observed.add(m)
	return firstError(m.first, ctx.Err())
}

func (e *engine) evidence(n int64) gateway.EvidenceItem {
	now := time.Now().UTC()
	number := string(appendNumber(nil, forActivation, n))
	raw := evidenceBody(nil, forActivation, n)
	return gateway.EvidenceItem{
		SourceID: e.source.ID, AccountID: e.seller(n).account, Fingerprint: evidence.Fingerprint(e.source.ID, "", string(raw), ""),
		Raw: raw, ReceivedAt: now, Outcome: evidence.Credit, Rail: e.method.Rail, Number: number, Amount: e.amount, OccurredAt: now,
		Precision: evidence.PrecisionExact, Payer: payerVPA, Strength: evidence.StrengthAny, Template: "transfer",
	}
}

// claim is the n-th activation for the way without HTTP.
func (e *engine) claim(n int64) gateway.ClaimRequest {
	order := appendOrder
	if e.scattered {
		order = appendScatteredOrder
	}
	return gateway.ClaimRequest{
		MerchantID: e.seller(n).id, OrderID: string(order(nil, n)), Payer: string(appendPayer(nil, n)), Method: e.method,
		Key1: string(appendNumber(nil, forActivation, n)), Amount: e.amount,
	}
}

// activate credits a whole batch without HTTP.
func (e *engine) activate(ctx context.Context, first int64) (int64, error) {
	requests := make([]gateway.ClaimRequest, gateway.MaxBatch)
	for i := range requests {
		requests[i] = e.claim(first + int64(i))
	}
	results, err := e.gateway.Activate(ctx, requests)
	for i := range results {
		if results[i].State != deposit.Accepted {
			err = fmt.Errorf("a claim with its evidence was %s (%s)", results[i].State, results[i].Reason)
		}
	}
	return int64(len(results)), err
}
