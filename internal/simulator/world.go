package simulator

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite" // driver "sqlite"

	"github.com/galla-gateway/galla/internal/evidence"
	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/keyring"
	"github.com/galla-gateway/galla/internal/merchant"
	"github.com/galla-gateway/galla/internal/method"
	"github.com/galla-gateway/galla/internal/oracle"
	"github.com/galla-gateway/galla/internal/sim"
	"github.com/galla-gateway/galla/internal/store"
	"github.com/galla-gateway/galla/money"
)

// bankRail is the name of the rail that the simulated bank is behind.
const bankRail = "bank"

// world is one database with two instances on it, in which life after life is lived.
type world struct {
	clock     *clock
	database  string
	oneWriter bool // SQLite: of two write transactions one waits
	keys      *keyring.Keyring
	outside   *sql.DB // looks at the database as nobody in it would
	oracle    *oracle.Oracle
	instances [2]*instance
	fatal     atomic.Pointer[error]
	changed   atomic.Bool // something may have been committed since the oracle looked
	reset     string      // SQL that makes the database as it was before the first life
	method    method.Method

	shops     []shop
	accounts  []account
	operators [2]gateway.Operator
	hits      [faultCount]int64
	reached   map[string]int64 // how often lives came to what is worth to come to

	*life
}

// shop is a merchant with its own check of signatures.
type shop struct {
	id      merchant.ID
	slug    string
	keys    sim.Keys
	signing keyring.Secret // of withdrawals
}

// account is a receiving account with the sources that watch it.
type account struct {
	id      int64
	serves  []int // indices of shops
	sources []gateway.AddedSource
}

func (w *world) hit(f fault) { w.hits[f]++ }

// newWorld makes the installation that all lives of a worker begin with. folder is for the key file.
func newWorld(ctx context.Context, database, folder string) (w *world, err error) {
	engine, target, err := store.Parse(database)
	if err != nil {
		return nil, err
	}
	w = &world{clock: &clock{}, reached: map[string]int64{}, database: database, oneWriter: engine == store.SQLite}
	w.clock.reset()
	w.method, _ = method.Lookup("phone_pe")
	keyFile := filepath.Join(folder, "galla.key")
	if err := keyring.Generate(keyFile); err != nil {
		return nil, err
	}
	if w.keys, err = keyring.Load(keyFile); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.close())
		}
	}()
	for n, name := range []string{"A", "B"} {
		if w.instances[n], err = w.connect(ctx, name); err != nil {
			return nil, err
		}
	}
	if err := w.instances[0].start(ctx); err != nil {
		return nil, err
	}
	if err := w.populate(ctx, w.instances[0].gateway); err != nil {
		return nil, err
	}
	w.instances[0].stop()
	if w.outside, err = openOutside(engine, target); err != nil {
		return nil, err
	}
	w.oracle = oracle.New(w.outside, string(engine))
	return w, w.keepBeginning(ctx, engine)
}

// openOutside opens a database for one who looks and resets: nothing of what a life does goes through it.
func openOutside(engine store.Engine, target string) (*sql.DB, error) {
	if engine == store.SQLite {
		db, err := sql.Open("sqlite", "file:"+target+"?_pragma=busy_timeout(10000)&_pragma=foreign_keys(0)&_pragma=synchronous(0)")
		if err != nil {
			return nil, fmt.Errorf("open database: %w", err)
		}
		db.SetMaxOpenConns(1)
		return db, nil
	}
	config, err := pgx.ParseConfig(target)
	if err != nil {
		return nil, errors.New("open database: its URL can't be read")
	}
	// The oracle's one statement of all checks is planned once, and never compiled: its tables are tiny.
	config.RuntimeParams["jit"] = "off"
	config.RuntimeParams["plan_cache_mode"] = "force_generic_plan"
	db := stdlib.OpenDB(*config)
	db.SetMaxOpenConns(1)
	return db, nil
}

func (w *world) close() error {
	var errs []error
	for _, i := range w.instances {
		if i != nil {
			i.stop()
			errs = append(errs, i.store.Close())
		}
	}
	if w.outside != nil {
		errs = append(errs, w.outside.Close())
	}
	return errors.Join(errs...)
}

// Merchants differ in what they say to wrong amounts and in their fees; what a withdrawal needs differs too.
var shopSettings = [][]gateway.Setting{
	{{Key: "mismatch", Value: "hold"}, {Key: "withdrawal_auto_limit", Value: "300"}},
	{{Key: "mismatch", Value: "credit"}, {Key: "fee", Value: "2.5+1"}, {Key: "withdrawal_auto_limit", Value: "200000"}},
	{{Key: "mismatch", Value: "refuse"}, {Key: "waiting_limit", Value: "3"}, {Key: "withdrawal_one_limit", Value: "500"}},
}

// creditsAnyAmount is the merchant that is credited what was observed, whatever was claimed.
const creditsAnyAmount = 1

// servedBy is which merchants each receiving account serves. The last one is shared.
var servedBy = [][]int{{0}, {1}, {2}, {0, 1}}

func (w *world) populate(ctx context.Context, g *gateway.Gateway) error {
	var list []gateway.NewMerchant
	for n := range shopSettings {
		list = append(list, gateway.NewMerchant{Slug: fmt.Sprintf("shop-%d", n+1), PostbackURL: "http://127.0.0.1:9/"})
	}
	added, err := g.AddMerchants(ctx, list...)
	if err != nil {
		return fmt.Errorf("add merchants: %w", err)
	}
	for n, m := range added {
		w.shops = append(w.shops, shop{m.ID, m.Slug, sim.Keys{AccessKey: m.AccessKey, PostbackKey: m.PostbackKey.Reveal(), WebhookSecret: m.WebhookSecret.Reveal()}, m.WithdrawalKey})
		settings := append(shopSettings[n], gateway.Setting{Key: "withdrawal_minimum", Value: "1"}, gateway.Setting{Key: "withdrawal_rail", Value: bankRail})
		if n == 0 {
			for id, name := range []string{"asha", "ravi"} {
				if _, err := g.AddOperator(ctx, name); err != nil {
					return fmt.Errorf("add operator: %w", err)
				}
				w.operators[id] = gateway.Operator{ID: int64(id + 1), Name: name}
			}
			err := g.AddRail(ctx, w.operators[0], gateway.Rail{Name: bankRail, Kind: gateway.RailRazorpayX}, func(gateway.Rail) error { return nil })
			if err != nil {
				return fmt.Errorf("add rail: %w", err)
			}
		}
		if err := g.SetMerchant(ctx, m.Slug, settings); err != nil {
			return fmt.Errorf("set merchant: %w", err)
		}
	}
	if err := w.addAccounts(ctx, g); err != nil {
		return err
	}
	return w.addCapital(ctx, g)
}

// capital is what each merchant has brought in before its first withdrawal, in minor units.
const capital = 1500_00

func (w *world) addCapital(ctx context.Context, g *gateway.Gateway) error {
	for _, s := range w.shops {
		id, err := g.ProposeAdjustment(ctx, w.operators[0], gateway.Adjustment{
			Merchant: s.slug, Kind: gateway.Topup, Amount: money.Money{Minor: capital, Currency: money.INR}, Reason: "capital",
		})
		if err == nil {
			err = g.DecideAdjustment(ctx, w.operators[1], id, true)
		}
		if err != nil {
			return fmt.Errorf("top up: %w", err)
		}
	}
	return g.RollUp(ctx)
}

func (w *world) addAccounts(ctx context.Context, g *gateway.Gateway) error {
	for n, serves := range servedBy {
		wallet := gateway.NewWallet{Method: w.method.Name, Identifier: fmt.Sprintf("62342342%02d", n), Holder: "Simulated"}
		for _, s := range serves {
			wallet.Merchants = append(wallet.Merchants, w.shops[s].slug)
		}
		added, err := g.AddWallet(ctx, wallet)
		if err != nil {
			return fmt.Errorf("add wallet: %w", err)
		}
		a := account{id: int64(added.AccountID), serves: serves}
		for _, kind := range []evidence.SourceKind{evidence.SourceTransfers, evidence.SourceSMS} {
			source, err := g.AddSource(ctx, added.ID, kind)
			if err != nil {
				return fmt.Errorf("add source: %w", err)
			}
			a.sources = append(a.sources, source)
		}
		w.accounts = append(w.accounts, a)
	}
	return nil
}

// makeFolder makes a folder in memory where the machine has one: nothing in it must survive.
func makeFolder() (string, error) {
	if dir, err := os.MkdirTemp("/dev/shm", "galla-simulate-"); err == nil {
		return dir, nil
	}
	return os.MkdirTemp("", "galla-simulate-")
}
