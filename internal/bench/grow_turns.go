package bench

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/store"
)

// Names of measures.
const (
	measureRate     = "activations"
	measureP50      = "activation p50"
	measureP99      = "activation p99"
	measureEvidence = "evidence"
	readTransfer    = "transfer of the last day"
	readOld         = "transfer of any time"
	readBalance     = "balance"
)

const (
	// leastReads and readFor are how many reads of a kind a database has at least in each round, and for how long it reads: 300
	// reads of 50 µs alone are over before the machine has settled after the activations.
	leastReads = 300
	readFor    = 300 * time.Millisecond
	// readBlock is how many reads one database makes before it is the other one's turn. A machine has slow seconds; in
	// blocks of milliseconds both meet the same ones.
	readBlock = 50
	// leastStock is how much evidence a turn stores at least, for its rate.
	leastStock = 1000
)

// turnOf is what one database did in one turn, by name.
type turnOf map[string]float64

// units of the measures that aren't microseconds of a read.
var growUnits = map[string]string{measureRate: "per second", measureEvidence: "per second", measureP50: "ms", measureP99: "ms"}

// compare gives both databases their turns, alternately first.
func (g *growth) compare(ctx context.Context, base, grown *grownSide, size int64) ([]Compared, error) {
	sides := []*grownSide{base, grown}
	turns := map[*grownSide][]turnOf{}
	for _, s := range sides {
		// What follows a checkpoint, the first change of every page, is not how a database works for long.
		if _, err := s.turn(ctx, g.opts.Slice, nil); err != nil {
			return nil, err
		}
	}
	for i := range g.opts.Rounds {
		g.plan.measuring(g.opts, size, i)
		for _, s := range sides {
			t, err := s.turn(ctx, g.opts.Slice, turns[s])
			if err != nil {
				return nil, err
			}
			turns[s] = append(turns[s], t)
		}
		if err := readInTurns(ctx, sides, func(s *grownSide, name string, micros float64) { turns[s][i][name] = micros }); err != nil {
			return nil, err
		}
		slices.Reverse(sides)
	}
	return comparedOf(turns[base], turns[grown]), nil
}

func comparedOf(base, grown []turnOf) []Compared {
	names := []string{measureRate, measureP50, measureP99, measureEvidence}
	for _, p := range probes {
		names = append(names, p.name)
	}
	list := make([]Compared, len(names))
	for i, name := range names {
		var small, large, ratios []float64
		for r := range base {
			small, large = append(small, base[r][name]), append(large, grown[r][name])
			ratios = append(ratios, grown[r][name]/base[r][name])
		}
		unit := growUnits[name]
		if unit == "" {
			unit = "µs"
		}
		rounds := make([]float64, len(ratios))
		for r, ratio := range ratios {
			rounds[r] = round(ratio, 3)
		}
		list[i] = Compared{name, unit, round(median(small), 3), round(median(large), 3), round(median(ratios), 3), rounds}
	}
	return list
}

// activate stocks evidence and activates for the time.
func (s *grownSide) activate(ctx context.Context, length time.Duration, units int64) (evidence, activations *measure, err error) {
	s.engine.observed = measure{}
	if err := s.engine.observe(ctx, max(units-s.stock.left(), leastStock)); err != nil {
		return nil, nil, err
	}
	s.stock.stock = s.engine.seen
	stocked := s.engine.observed
	runtime.GC()
	workers, disconnect, err := s.workers()
	if err != nil {
		return nil, nil, err
	}
	defer disconnect()
	result := closedLoop(ctx, length, workers, s.stock)
	return &stocked, result, firstError(result.first, ctx.Err())
}

func (s *grownSide) workers() ([]worker, func(), error) {
	if s.inProcess {
		callers := make([]worker, callersInProcess)
		for i := range callers {
			callers[i] = func(first int64) (int64, error) { return s.engine.activate(context.Background(), first) }
		}
		return callers, func() {}, nil
	}
	tokens := make([]string, len(s.engine.merchants))
	for i := range tokens {
		tokens[i] = s.engine.merchants[i].secret.Reveal()
	}
	return activators(s.server, s.clients, tokens, appendScatteredOrder)
}

// turn measures activations once. before are the turns of this database so far: they tell how much it will need.
func (s *grownSide) turn(ctx context.Context, length time.Duration, before []turnOf) (turnOf, error) {
	units := int64(warmUpStock * length.Seconds() * 2)
	if n := len(before); n > 0 {
		units = int64(before[n-1][measureRate]*length.Seconds()*1.4) + warmUpStock/6
	}
	evidence, activations, err := s.activate(ctx, length, units)
	if err != nil {
		return nil, err
	}
	p50, _, p99 := activations.percentiles()
	return turnOf{measureRate: activations.perSecond(), measureP50: p50, measureP99: p99, measureEvidence: evidence.perSecond()}, nil
}

// readInTurns measures the reads of the databases, a block of each after the other, while somebody is credited in all of them. tell
// gets the median of each kind in microseconds.
func readInTurns(ctx context.Context, sides []*grownSide, tell func(s *grownSide, name string, micros float64)) error {
	for _, s := range sides {
		defer s.writeBeside(ctx)()
	}
	for _, p := range probes {
		took := make([]histogram, len(sides))
		length := readFor * time.Duration(len(sides))
		for begun, n := time.Now(), 0; n < leastReads || time.Since(begun) < length; n += readBlock {
			for i, s := range sides {
				if err := s.readBlock(ctx, p, &took[i]); err != nil {
					return err
				}
			}
		}
		for i, s := range sides {
			tell(s, p.name, float64(took[i].percentile(500).Nanoseconds())/1000)
		}
	}
	return nil
}

func (s *grownSide) readBlock(ctx context.Context, p probe, took *histogram) error {
	for range readBlock {
		one := s.history.pick(p.any)
		begin := time.Now()
		if err := p.read(ctx, s.engine.store.Read(), one); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		took.add(time.Since(begin))
	}
	return nil
}

// besideEvery is how often somebody is credited while reads are measured.
const besideEvery = 5 * time.Millisecond

// writeBeside credits one after another until it is stopped. Reads of a database that nobody writes to are worth little:
// SQLite's readers keep pages only as long as nothing changes.
func (s *grownSide) writeBeside(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var group sync.WaitGroup
	group.Go(func() {
		ticker := time.NewTicker(besideEvery)
		defer ticker.Stop()
		for s.stock.left() > 2*gateway.MaxBatch {
			one := s.engine.claim(s.stock.next.Add(1) - 1)
			// One that fails is in the books' audit; here only that somebody writes counts.
			_, _ = s.engine.gateway.Activate(ctx, []gateway.ClaimRequest{one})
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
		}
	})
	return func() {
		cancel()
		group.Wait()
	}
}

// picked is some deposit of the past.
type picked struct {
	reference, transfer, claim, position int64
	number, order                        string
	owner                                owner
}

// pick chooses one at random: of the last day, which is what people look at, or of any time.
func (h *history) pick(any bool) picked {
	n := rand.Int64N(h.stored()) + 1
	if !any {
		n = h.stored() - rand.Int64N(min(h.stored(), dayOfHistory))
	}
	var p part
	for _, p = range h.parts {
		if n <= p.first+p.count {
			break
		}
	}
	k := n - p.first
	o := h.owners[n%int64(len(h.owners))]
	return picked{
		reference: p.reference + k, transfer: p.transfer + k, claim: p.claim + k, owner: o, position: n / int64(len(h.owners)),
		number: string(appendNumber(nil, forActivation, historyUnits+n)), order: string(appendScatteredOrder(nil, historyUnits+n)),
	}
}

// pageRows is a page of a list.
const pageRows = 50

// probe is a read that people or merchants wait for; any: of rows of any time, else of the last day.
type probe struct {
	name string
	any  bool
	read func(ctx context.Context, q *store.Queries, one picked) error
}

// numberRow is what FindReferences is asked for.
type numberRow struct {
	Rail   int64  `json:"rail"`
	Number string `json:"number"`
}

func readPoint(ctx context.Context, q *store.Queries, one picked) error {
	_, err := q.GetTransfer(ctx, one.transfer)
	return err
}

var probes = []probe{
	{readTransfer, false, readPoint}, {readOld, true, readPoint},
	{readBalance, false, func(ctx context.Context, q *store.Queries, one picked) error {
		_, err := q.ListBalancesOf(ctx, one.owner.merchant)
		return err
	}},
	{"search by number", true, func(ctx context.Context, q *store.Queries, one picked) error {
		found, err := q.FindReferences(ctx, store.Rows([]numberRow{{1, one.number}}))
		if err == nil && len(found) != 1 {
			err = errors.New("not found")
		}
		if err != nil {
			return err
		}
		id := sql.NullInt64{Int64: found[0].ID, Valid: true}
		_, err1 := q.GetTransferOfReference(ctx, found[0].ID)
		_, err2 := q.ListClaimsOfReference(ctx, id)
		_, err3 := q.ListEvidenceOfReference(ctx, id)
		return errors.Join(err1, err2, err3)
	}},
	{"search by order", true, func(ctx context.Context, q *store.Queries, one picked) error {
		found, err := q.FindClaimsOfOrder(ctx, one.order)
		if err == nil && len(found) != 1 {
			err = errors.New("not found")
		}
		return err
	}},
	{"page of claims", false, func(ctx context.Context, q *store.Queries, one picked) error {
		_, err := q.ListClaims(ctx, store.ListClaimsParams{Before: one.claim, MerchantID: one.owner.merchant, Rows: pageRows})
		return err
	}},
	{"page of transfers", false, func(ctx context.Context, q *store.Queries, one picked) error {
		_, err := q.ListTransfers(ctx, store.ListTransfersParams{Before: one.transfer, AccountID: one.owner.account, Rows: pageRows})
		return err
	}},
	{"newest claims", false, func(ctx context.Context, q *store.Queries, _ picked) error {
		_, err := q.ListClaims(ctx, store.ListClaimsParams{Before: math.MaxInt64, Rows: pageRows})
		return err
	}},
	{"page of events", false, func(ctx context.Context, q *store.Queries, one picked) error {
		_, err := q.ListEvents(ctx, store.ListEventsParams{MerchantID: one.owner.merchant, After: one.position, Size: pageRows})
		return err
	}},
}
