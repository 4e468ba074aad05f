package payouts

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/instance"
	"github.com/galla-gateway/galla/internal/keyring"
	"github.com/galla-gateway/galla/internal/sim"
	"github.com/galla-gateway/galla/internal/store"
	"github.com/galla-gateway/galla/money"
	"github.com/galla-gateway/galla/test/payouts/virtual"
)

// start is when the campaign begins.
var start = time.Date(2026, time.November, 22, 10, 0, 0, 0, time.UTC)

// topUp is what each merchant has, in rupees: more than it can ask for.
const topUp = 1_000_000_000

// longest bounds a campaign, whatever its size.
const longest = 40 * time.Minute

// world is one campaign.
type world struct {
	t         testing.TB
	ctx       context.Context
	end       context.CancelFunc
	database  string
	key       string
	keys      *keyring.Keyring
	binary    string
	clock     *virtual.Clock
	clockFile string
	banks     []*bank
	door      *door
	victims   []*victim
	client    *http.Client
	people    []keyring.Secret // keys of two operators
	books     *sql.DB          // the database, read beside the gateways
	laws      laws
	checking  sync.Mutex
	checked   int64 // id up to which all had ended at the last check
	orders    []*order
	steps     atomic.Int64

	mu    sync.Mutex
	rng   *rand.Rand
	hits  map[string]int
	index map[string]int // of order by account number
}

// newWorld sets an installation for n withdrawals up, with banks, and starts the gateways.
func newWorld(t testing.TB, database, binary string, instances, n int, lives []share[sim.PayoutLife]) *world {
	t.Helper()
	w := &world{t: t, database: database, binary: binary, key: filepath.Join(t.TempDir(), "key"), clockFile: filepath.Join(t.TempDir(), "clock"),
		banks: newBanks(lives), client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}, rng: rand.New(rand.NewPCG(seed, 1)), hits: map[string]int{}, index: map[string]int{}}
	w.ctx, w.end = context.WithTimeout(context.Background(), longest)
	t.Cleanup(w.end)
	var err error
	w.clock, err = virtual.Create(w.clockFile, start)
	w.must(err)
	for _, b := range w.banks {
		w.must(b.open(w.clock.Now))
		t.Cleanup(b.book.Close)
	}
	w.must(keyring.Generate(w.key))
	w.keys, err = keyring.Load(w.key)
	w.must(err)
	w.install()
	w.books = w.openBooks()
	w.door = newDoor(w, n)
	t.Cleanup(w.door.close)
	for number := range instances {
		i := &victim{world: w, number: number, up: make(chan struct{}), gone: make(chan struct{})}
		w.victims = append(w.victims, i)
	}
	for _, i := range w.victims {
		go i.run(w.ctx)
	}
	t.Cleanup(func() {
		w.end()
		for _, i := range w.victims {
			<-i.gone
		}
		w.client.CloseIdleConnections()
	})
	return w
}

// install makes the schema, a rail and a merchant with money for each bank, and two operators.
func (w *world) install() {
	w.t.Helper()
	s, g := w.openGateway(store.Create)
	defer func() { w.must(s.Close()) }()
	defer g.Close()
	ctx := w.ctx
	var people []gateway.Operator
	for _, name := range []string{"maker", "checker"} {
		key, err := g.AddOperator(ctx, name)
		w.must(err)
		by, err := g.Operator(ctx, key)
		w.must(err)
		w.people, people = append(w.people, key), append(people, by)
	}
	for _, b := range w.banks {
		r := gateway.Rail{Name: b.name, Kind: b.kind, RailSettings: b.account}
		r.BaseURL = b.url
		w.must(g.AddRail(ctx, people[0], r, func(r gateway.Rail) error {
			_, err := instance.NewRail(r)
			return err
		}))
		added, err := g.AddMerchants(ctx, gateway.NewMerchant{Slug: b.name, PostbackURL: "http://127.0.0.1:9/"})
		w.must(err)
		b.merchant, b.secret, b.key = int64(added[0].ID), added[0].APISecret, added[0].WithdrawalKey
		w.must(g.SetMerchant(ctx, b.name, []gateway.Setting{{Key: "withdrawal_rail", Value: b.name}, {Key: "withdrawal_auto_limit", Value: "200000"}}))
		id, err := g.ProposeAdjustment(ctx, people[0], gateway.Adjustment{
			Merchant: b.name, Kind: gateway.Topup, Amount: money.Money{Minor: topUp * 100, Currency: money.INR}, Reason: "what it has",
		})
		w.must(err)
		w.must(g.DecideAdjustment(ctx, people[1], id, true))
	}
}

func (w *world) openGateway(access store.Access) (*store.Store, *gateway.Gateway) {
	w.t.Helper()
	s, err := store.Open(w.ctx, w.database, access, store.Options{})
	w.must(err)
	g, err := gateway.Open(w.ctx, s, w.keys, gateway.Options{Now: w.clock.Now})
	w.must(err)
	return s, g
}

// openBooks opens the database for reading beside the gateways.
func (w *world) openBooks() *sql.DB {
	w.t.Helper()
	driver, source := "pgx", w.database
	if path, ok := strings.CutPrefix(w.database, "sqlite:"); ok {
		driver, source = "sqlite", "file:"+path+"?_pragma=busy_timeout(30000)&_pragma=query_only(1)"
	}
	db, err := sql.Open(driver, source)
	w.must(err)
	w.t.Cleanup(func() { w.must(db.Close()) })
	return db
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// bank is the one of that name, nil without one.
func (w *world) bank(name string) *bank {
	for _, b := range w.banks {
		if b.name == name {
			return b
		}
	}
	return nil
}

// beside is who may look at the same withdrawals: another instance, or the same where it is alone.
func (w *world) beside(i *victim) *victim { return w.victims[(i.number+1)%len(w.victims)] }

// dice returns a number below n, at least 1.
func (w *world) dice(n int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.rng.IntN(n)
}

// happened counts something.
func (w *world) happened(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hits[what]++
}

// counted is how often each danger, fault and act came, those that never came included.
func (w *world) counted() []count {
	w.mu.Lock()
	defer w.mu.Unlock()
	var list []count
	for _, kind := range []string{
		killMoment, string(killLost), string(killLate), string(killTaken), string(killAnswered), string(lateRequest), string(lateAnswer), string(lateFailure),
		actCancelled, actTooLate, actPaidByPeople, actFailedByPeople, actHook, actForged, actRepeated,
	} {
		list = append(list, count{kind, w.hits[kind]})
	}
	for _, fault := range faults {
		c := count{what: "fault of a bank: " + string(fault.kind)}
		for _, b := range w.banks {
			c.n += b.book.Faults()[fault.kind]
		}
		list = append(list, c)
	}
	return append(list, w.laws.ends()...)
}

// logs are the last lines of the gateways.
func (w *world) logs() string {
	var text strings.Builder
	for _, i := range w.victims {
		i.mu.Lock()
		fmt.Fprintf(&text, "instance %d:\n%s\n", i.number, strings.Join(i.lines, "\n"))
		i.mu.Unlock()
	}
	return text.String()
}
