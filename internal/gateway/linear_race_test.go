package gateway

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/galla-gateway/galla/internal/deposit"
	"github.com/galla-gateway/galla/internal/merchant"
	"github.com/galla-gateway/galla/internal/proof"
	"github.com/galla-gateway/galla/internal/testkit"
)

const (
	// fewRaces is how many references each engine and number of instances gets. GALLA_RACES says another number.
	fewRaces = 60
	// clientsOfOne is how many connections of clients each instance serves at the same time.
	clientsOfOne = 32
	// racesAtOnce is how many references are under way together: few enough that the operations of one meet.
	racesAtOnce = 4
)

// raced is one reference with what happened on it.
type raced struct {
	number  string
	orders  [maxOrders]ordered
	credits []EvidenceItem
	mu      sync.Mutex
	history []porcupine.Operation
}

// races is a run of many references over several instances.
type races struct {
	*world
	instances []*Gateway
	clock     atomic.Int64 // of calls and returns: a number that only grows orders them as time would
	all       []*raced
}

// C-1 over histories: whatever several payers and merchants claim on one reference at once, through whichever instance, while its
// evidence comes at a random moment, the answers are those of somebody who does one thing after another.
func TestClaimsAreLinear(t *testing.T) {
	references := fewRaces
	if text := os.Getenv("GALLA_RACES"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		references = n
	}
	for _, n := range []int{1, 2, 4} {
		t.Run(fmt.Sprint(n, " instances"), func(t *testing.T) {
			testkit.EachEngine(t, func(t *testing.T, database string) {
				began := time.Now()
				r := newRaces(t, database, n, references)
				work := r.work()
				r.run(work)
				r.look()
				r.check(began, len(work))
			})
		})
	}
}

func newRaces(t *testing.T, database string, instances, references int) *races {
	r := &races{world: newWorld(t, database)}
	for _, id := range []merchant.ID{shop, other} {
		r.policy(id, func(p *merchant.Policy) { p.WaitingLimit = maxOrders })
	}
	r.instances = []*Gateway{unbounded(r.g)}
	for len(r.instances) < instances {
		r.instances = append(r.instances, unbounded(r.instance()))
	}
	random := rand.New(rand.NewPCG(uint64(instances), 7))
	for i := range references {
		one := &raced{number: fmt.Sprintf("%012d", i)}
		for o := range one.orders {
			// Most references have one payer, so that the money often finds a claim that waits.
			payer := 0
			if i%3 == 0 {
				payer = random.IntN(3)
			}
			one.orders[o] = ordered{payer: payer, fits: payer < 2} // the third is of the other merchant
		}
		for range 1 + random.IntN(2) {
			one.credits = append(one.credits, r.credit(one.number, "500"))
		}
		r.all = append(r.all, one)
	}
	return r
}

// work is what is done, a few references at a time and their operations shuffled.
func (r *races) work() (list []func(*Gateway) error) {
	random := rand.New(rand.NewPCG(uint64(len(r.instances)), 8))
	for from := 0; from < len(r.all); from += racesAtOnce {
		group := make([]func(*Gateway) error, 0, 64)
		for _, one := range r.all[from:min(from+racesAtOnce, len(r.all))] {
			orders := 2 + random.IntN(maxOrders-1)
			for order := range orders {
				for range 1 + random.IntN(2) { // what is claimed many times over takes the checker minutes
					group = append(group, func(g *Gateway) error { return r.activate(g, one, order) })
				}
				if random.IntN(2) == 0 {
					group = append(group, func(g *Gateway) error { return r.lookAt(g, one, order) })
				}
			}
			for _, item := range one.credits {
				group = append(group, func(g *Gateway) error { return r.see(g, one, item) })
			}
		}
		random.Shuffle(len(group), func(i, j int) { group[i], group[j] = group[j], group[i] })
		list = append(list, group...)
	}
	return list
}

// run lets all clients of all instances take the next piece of work, until nothing is left.
func (r *races) run(list []func(*Gateway) error) {
	r.t.Helper()
	var next atomic.Int64
	r.race(clientsOfOne*len(r.instances), func(i int) error {
		for {
			n := int(next.Add(1)) - 1
			if n >= len(list) {
				return nil
			}
			if err := list[n](r.instances[i%len(r.instances)]); err != nil {
				return err
			}
		}
	})
}

// record runs one operation and keeps when it was called, when it returned and what it said.
func (r *races) record(one *raced, in step, do func() (deposit.State, error)) error {
	in.orders = one.orders
	call := r.clock.Add(1)
	said, err := do()
	back := r.clock.Add(1)
	if err != nil {
		return fmt.Errorf("%s: %w", one.number, err)
	}
	one.mu.Lock()
	defer one.mu.Unlock()
	one.history = append(one.history, porcupine.Operation{Input: in, Output: said, Call: call, Return: back})
	return nil
}

func (o *raced) merchant(order int) merchant.ID {
	if o.orders[order].fits {
		return shop
	}
	return other
}

func (o *raced) orderID(order int) string { return fmt.Sprint(o.number, "-", order) }

func (r *races) activate(g *Gateway, one *raced, order int) error {
	request := claimRequest(one.orderID(order), fmt.Sprint(one.number, " payer ", one.orders[order].payer), one.number, "500")
	request.MerchantID = one.merchant(order)
	return r.record(one, step{kind: stepActivate, order: order}, func() (deposit.State, error) {
		results, err := g.Activate(context.Background(), []ClaimRequest{request})
		if err != nil {
			return deposit.New, err
		}
		return results[0].State, nil
	})
}

func (r *races) see(g *Gateway, one *raced, item EvidenceItem) error {
	return r.record(one, step{kind: stepObserve}, func() (deposit.State, error) {
		_, err := g.Observe(context.Background(), []EvidenceItem{item})
		return deposit.New, err
	})
}

func (r *races) lookAt(g *Gateway, one *raced, order int) error {
	return r.record(one, step{kind: stepLook, order: order}, func() (deposit.State, error) {
		truth, _, err := g.Order(context.Background(), one.merchant(order), one.orderID(order))
		return truth.Result.State, err
	})
}

// look reads every order once more, when all is quiet.
func (r *races) look() {
	r.t.Helper()
	for i, one := range r.all {
		for order := range one.orders {
			r.must(r.lookAt(r.instances[i%len(r.instances)], one, order))
		}
	}
}

// check asks the checker for each history, and the database what was credited.
func (r *races) check(began time.Time, operations int) {
	r.t.Helper()
	broken, accepted := int64(0), int64(0)
	for _, one := range r.all {
		good, undecided := linear(one.history)
		if !good {
			broken++
			r.t.Errorf("reference %s has a history that nobody could have who does one thing after another (undecided %t): %+v", one.number, undecided, one.history)
		}
		credited := 0
		for _, op := range one.history[len(one.history)-maxOrders:] {
			if op.Output.(deposit.State) == deposit.Accepted {
				credited++
			}
		}
		deposits := r.count("SELECT count(*) FROM deposit d JOIN transfer t ON t.id = d.transfer_id JOIN reference r ON r.id = t.reference_id WHERE r.number = $1", one.number)
		if credited > 1 || deposits != int64(credited) {
			broken++
			r.t.Errorf("reference %s: %d orders read as credited, %d deposits", one.number, credited, deposits)
		}
		accepted += int64(credited)
	}
	r.want("deposits", r.count("SELECT count(*) FROM deposit"), accepted)
	r.want("postbacks", r.count("SELECT count(*) FROM postback"), accepted)
	r.want("owed to the merchants", r.count("SELECT sum(amount) FROM posting WHERE kind = 'deposit'"), accepted*500_00)
	r.want("claims that say accepted", r.count("SELECT count(*) FROM claim WHERE state = 'accepted'"), accepted)
	if n := int64(len(r.all)); accepted < n/2 {
		r.t.Errorf("only %d of %d references are credited: the races aren't what they should be", accepted, n)
	}
	r.clean()
	r.report(began, operations, accepted, broken)
}

func (r *races) report(began time.Time, operations int, accepted, broken int64) {
	r.t.Helper()
	took, engine := time.Since(began), string(r.g.store.Engine())
	r.t.Logf("%s, %d instances with %d clients each: %d references, %d operations, %d credited, %d histories checked in %s",
		engine, len(r.instances), clientsOfOne, len(r.all), operations, accepted, len(r.all), took.Round(time.Millisecond))
	path := os.Getenv("GALLA_RESULTS")
	if path == "" {
		return
	}
	r.must(proof.Append(path, proof.Result{
		Campaign: "races", Engine: engine, Unit: "histories", Count: int64(len(r.all)), Violations: broken,
		Hits:         map[string]int64{"operations": int64(operations), "credited": accepted, fmt.Sprint("instances ", len(r.instances)): int64(len(r.all))},
		Milliseconds: took.Milliseconds(), Commit: proof.Commit(r.t.Context()), Date: proof.Day(began), Command: fmt.Sprintf("GALLA_RACES=%d go test -run TestClaimsAreLinear ./internal/gateway", len(r.all)),
	}))
}
