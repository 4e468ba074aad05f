package gateway

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/galla-gateway/galla/internal/deposit"
	"github.com/galla-gateway/galla/internal/oracle"
	"github.com/galla-gateway/galla/internal/store"
	"github.com/galla-gateway/galla/internal/testkit"
)

// raceLimit bounds each race: what takes longer hangs.
const raceLimit = 90 * time.Second

// clean audits the books: every invariant, recomputed from single rows.
func (w *world) clean() {
	w.t.Helper()
	report, err := Audit(context.Background(), w.g.store, oracle.Options{})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, check := range report.Checks {
		if check.Failed > 0 {
			w.t.Errorf("audit %s: %d of %d failed: %s", check.ID, check.Failed, check.Checked, strings.Join(check.Examples, "; "))
		}
	}
}

// race starts work(0) … work(n-1) at the same moment and waits for all.
func (w *world) race(n int, work func(i int) error) {
	w.t.Helper()
	start, errs := make(chan struct{}), make(chan error, n)
	var ready sync.WaitGroup
	for i := range n {
		ready.Add(1)
		go func() {
			ready.Done()
			<-start
			errs <- work(i)
		}()
	}
	ready.Wait()
	close(start)
	limit := time.After(raceLimit)
	for range n {
		select {
		case err := <-errs:
			if err != nil {
				w.t.Error(err)
			}
		case <-limit:
			w.t.Fatal("it hangs")
		}
	}
}

// tally counts the answers of a race.
type tally struct {
	mu     sync.Mutex
	states map[deposit.State]int
}

func (c *tally) add(r ClaimResult) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.states == nil {
		c.states = map[deposit.State]int{}
	}
	c.states[r.State]++
}

// activate claims through one of the instances.
func activate(g *Gateway, r ClaimRequest, answers *tally) error {
	results, err := g.Activate(context.Background(), []ClaimRequest{r})
	if err == nil {
		answers.add(results[0])
	}
	return err
}

// C-1: however many claim a number at once, through whichever instance, it is credited once.
func TestOneNumberIsCreditedOnce(t *testing.T) {
	const rounds, claims = 8, 64
	w := newWorld(t, testkit.Postgres(t))
	instances := []*Gateway{w.g, w.instance()}
	for round := range rounds {
		number := fmt.Sprintf("3213020381%02d", round)
		w.observe(w.credit(number, "500"))
		var answers tally
		w.race(claims, func(i int) error {
			r := claimRequest(fmt.Sprintf("%s-%d", number, i), fmt.Sprintf("payer %d", i), number, "500")
			return activate(instances[i%2], r, &answers)
		})
		if answers.states[deposit.Accepted] != 1 || answers.states[deposit.Refused] != claims-1 {
			t.Fatalf("round %d: answers %v, want one accepted and %d refused", round, answers.states, claims-1)
		}
	}
	w.want("deposits", w.count("SELECT count(*) FROM deposit"), rounds)
	w.want("postbacks", w.count("SELECT count(*) FROM postback"), rounds)
	w.want("credited to the merchant", w.count("SELECT sum(amount) FROM posting WHERE kind = 'deposit'"), rounds*500_00)
	w.clean()
}

// The reference is the lock: a claim and its evidence that arrive together through two instances never miss each other.
func TestClaimAndEvidenceAtTheSameMoment(t *testing.T) {
	const pairs = 2000
	eachWorld(t, func(w *world) {
		instances := []*Gateway{w.g, w.instance()}
		credits := make([]EvidenceItem, pairs)
		for i := range credits {
			credits[i] = w.credit(fmt.Sprintf("%012d", i), "500")
		}
		w.race(2*pairs, func(i int) error {
			n, evidence := i/2, i%2 == 0
			g := instances[(n+i)%2] // the claim goes to one, its evidence to the other
			if evidence {
				_, err := g.Observe(context.Background(), credits[n:n+1])
				return err
			}
			return activate(g, claimRequest(fmt.Sprint("o", n), fmt.Sprint("p", n), fmt.Sprintf("%012d", n), "500"), &tally{})
		})
		w.want("left waiting", w.count("SELECT count(*) FROM claim WHERE state = 'waiting'"), 0)
		w.want("deposits", w.count("SELECT count(*) FROM deposit"), pairs)
		if err := w.g.Sweep(context.Background()); err != nil {
			w.t.Fatal(err)
		}
		w.want("found by the sweep", w.g.counters.SweepFound.Load(), 0)
		w.clean()
	})
}

// A row that the database refuses costs its own request, and nobody else's.
func TestPoisonAmongHundred(t *testing.T) {
	eachWorld(t, func(w *world) {
		for name, poison := range map[string]*item{
			"claim":    {claim: newClaimItem(claimRequest("poison", strings.Repeat("x", 191), "999999999999", "500"))},
			"evidence": {evidence: &evidenceItem{EvidenceItem: w.credit(strings.Repeat("9", 65), "500")}},
			"act":      {act: &act{ref: refKey{phonePe.Rail, "999999999998"}, apply: func(*batch, *refState) error { return store.ErrStale }}},
		} {
			items := make([]*item, 0, MaxBatch)
			for i := range MaxBatch - 1 {
				if i == 70 {
					items = append(items, poison)
				}
				if number := fmt.Sprintf("%012d", i); i%2 == 0 {
					items = append(items, &item{claim: newClaimItem(claimRequest(name+number, "p"+number, number, "500"))})
				} else {
					items = append(items, &item{evidence: &evidenceItem{EvidenceItem: w.credit(number, "500")}})
				}
			}
			if err := w.g.submit(context.Background(), items); err == nil {
				w.t.Fatal(name, "the poison was taken")
			}
			answers := 0
			for _, it := range items {
				switch {
				case it.err == nil && (it.claim == nil || it.claim.result.State != deposit.New) && (it.evidence == nil || it.evidence.result.Status != ""):
					answers++
				case it != poison:
					w.t.Errorf("%s: a neighbour got the fault: %v", name, it.err)
				}
			}
			if poison.err == nil || answers != MaxBatch-1 {
				w.t.Errorf("%s: %d answers beside the fault %v", name, answers, poison.err)
			}
		}
		w.want("claims", w.count("SELECT count(*) FROM claim"), 3*MaxBatch/2)
		w.want("poison kept", w.count("SELECT count(*) FROM claim WHERE order_id = 'poison'"), 0)
		w.clean()
	})
}

// One order id, claimed with different contents at once: one of them is the order, the others are told so.
func TestOneOrderManyContents(t *testing.T) {
	const claims = 64
	eachWorld(t, func(w *world) {
		instances := []*Gateway{unbounded(w.g), unbounded(w.instance())}
		var others, corrections tally
		w.race(claims, func(i int) error {
			return activate(instances[i%2], claimRequest("one", fmt.Sprint("p", i), fmt.Sprintf("%012d", i), "500"), &others)
		})
		if others.states[deposit.Waiting] != 1 || others.states[deposit.Refused] != claims-1 {
			w.t.Errorf("other payers: %v", others.states)
		}
		w.race(claims, func(i int) error {
			return activate(instances[i%2], claimRequest("two", "p", fmt.Sprintf("2%011d", i), "500"), &corrections)
		})
		// The first and at most five corrections wait when they are answered; only the last of them still does.
		if n := corrections.states[deposit.Waiting]; n != 1+deposit.MaxCorrections || corrections.states[deposit.Refused] != claims-n {
			w.t.Errorf("corrections: %v", corrections.states)
		}
		for _, order := range []string{"one", "two"} {
			w.want("current claims of "+order, w.count("SELECT count(*) FROM claim WHERE superseded_by = 0 AND order_id = $1", order), 1)
			w.want("live claims of "+order, w.count("SELECT count(*) FROM claim WHERE state = 'waiting' AND order_id = $1", order), 1)
		}
		w.want("withdrawn", w.count("SELECT count(*) FROM claim WHERE state = 'withdrawn'"), deposit.MaxCorrections)
	})
}

// A correction that meets the evidence for the old number: the order is credited for the one or for the other, once.
func TestCorrectionMeetsEvidence(t *testing.T) {
	const orders = 60
	eachWorld(t, func(w *world) {
		instances := []*Gateway{w.g, w.instance()}
		old, corrected := func(i int) string { return fmt.Sprintf("1%011d", i) }, func(i int) string { return fmt.Sprintf("2%011d", i) }
		for i := range orders {
			w.wantClaim(claimRequest(fmt.Sprint("o", i), fmt.Sprint("p", i), old(i), "500"), deposit.Waiting, deposit.ReasonNoTransfer)
		}
		credits := make([]EvidenceItem, 2*orders)
		for i := range orders {
			credits[2*i], credits[2*i+1] = w.credit(old(i), "500"), w.credit(corrected(i), "500")
		}
		w.race(3*orders, func(i int) error {
			n := i / 3
			if i%3 < 2 {
				_, err := instances[i%2].Observe(context.Background(), credits[2*n+i%3:2*n+i%3+1])
				return err
			}
			return activate(instances[n%2], claimRequest(fmt.Sprint("o", n), fmt.Sprint("p", n), corrected(n), "500"), &tally{})
		})
		w.want("deposits", w.count("SELECT count(*) FROM deposit"), orders)
		w.want("credited orders", w.count("SELECT count(DISTINCT c.order_id) FROM deposit d JOIN claim c ON c.id = d.claim_id"), orders)
		w.want("still waiting", w.count("SELECT count(*) FROM claim WHERE state = 'waiting'"), 0)
		w.clean()
	})
}

// Two instances take the same evidence at once, some of it without a number: each piece is stored once.
func TestSameEvidenceTwiceAtOnce(t *testing.T) {
	const pieces = 100
	eachWorld(t, func(w *world) {
		instances := []*Gateway{w.g, w.instance()}
		var items []EvidenceItem
		for i := range pieces {
			it := w.credit(fmt.Sprintf("%012d", i), "500")
			if i%2 == 0 {
				it.Outcome, it.Number = 0, "" // unparsed: no reference orders the two
			}
			items = append(items, it)
		}
		w.race(2*pieces, func(i int) error {
			_, err := instances[i%2].Observe(context.Background(), items[i/2:i/2+1])
			return err
		})
		w.want("evidence", w.count("SELECT count(*) FROM evidence"), pieces)
		w.want("transfers", w.count("SELECT count(*) FROM transfer"), pieces/2)
		w.clean()
	})
}

// M-2 holds at every moment, whatever rolls up beside the credits.
func TestRollUpBesideCredits(t *testing.T) {
	const credits = 400
	eachWorld(t, func(w *world) {
		instances := []*Gateway{w.g, w.instance()}
		stop, done := make(chan struct{}), make(chan error, 2)
		for _, g := range instances {
			go func() {
				for {
					select {
					case <-stop:
						done <- nil
						return
					default:
					}
					if err := g.RollUp(context.Background()); err != nil {
						done <- err
						return
					}
				}
			}()
		}
		w.race(credits, func(i int) error {
			number := fmt.Sprintf("%012d", i)
			if _, err := instances[i%2].Observe(context.Background(), []EvidenceItem{w.credit(number, "500")}); err != nil {
				return err
			}
			if i%50 == 0 {
				w.clean()
			}
			return activate(instances[i%2], claimRequest(number, number, number, "500"), &tally{})
		})
		close(stop)
		for range instances {
			if err := <-done; err != nil {
				w.t.Error(err)
			}
		}
		w.clean()
		if err := w.g.RollUp(context.Background()); err != nil {
			w.t.Fatal(err)
		}
		w.want("open deltas", w.count("SELECT count(*) FROM balance_delta"), 0)
		w.want("balance of the merchant", w.count("SELECT balance FROM ledger_account WHERE kind = 'merchant' AND owner_id = 1"), credits*500_00)
		w.clean()
	})
}

// Many more clients than connections: everybody is served, nobody waits for ever.
func TestMoreClientsThanConnections(t *testing.T) {
	const conns, clients, rounds = 4, 80, 5
	w := newWorld(t, testkit.Postgres(t))
	s, err := store.Open(t.Context(), w.database, store.Existing, store.Options{MaxConns: conns})
	if err != nil {
		t.Fatal(err)
	}
	small, err := Open(t.Context(), s, w.keys, Options{Now: w.clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		small.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	m, _ := small.Directory().Merchant(shop)
	w.race(clients, func(i int) error {
		ctx := context.Background()
		for round := range rounds {
			number := fmt.Sprintf("%06d%06d", i, round)
			_, err := small.Offer(ctx, OfferRequest{Merchant: m, Payer: fmt.Sprint("p", i), Method: phonePe, Currency: "INR"})
			if err != nil {
				return err
			}
			if _, err := small.Observe(ctx, []EvidenceItem{w.credit(number, "500")}); err != nil {
				return err
			}
			if err := activate(small, claimRequest(number, fmt.Sprint("p", i), number, "500"), &tally{}); err != nil {
				return err
			}
			err = errors.Join(small.Reload(ctx), small.RollUp(ctx), small.Expire(ctx), small.Sweep(ctx))
			if err != nil {
				return err
			}
		}
		return nil
	})
	w.want("deposits", w.count("SELECT count(*) FROM deposit"), clients*rounds)
	if open := s.Raw().Stats().OpenConnections + s.ReadPool().Stats().OpenConnections; open > conns {
		t.Errorf("%d connections are open, %d are allowed", open, conns)
	}
	w.clean()
}
