package bench

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // driver of the checks

	"github.com/galla-gateway/galla/internal/store"
)

// InstancesOptions of Instances.
type InstancesOptions struct {
	Program  string // the binary
	Args     []string
	Database string // a PostgreSQL server, as in Options
	Counts   []int  // of instances, side by side
	Clients  int    // that activate at once, shared out over the instances
	Rounds   int
	Slice    time.Duration
	Races    int       // transfers that all instances are asked to credit at the same moment, after each turn of several
	Log      io.Writer // what a server writes that doesn't get ready
	Progress func(Step)
}

const (
	maxInstances = 16
	goalScale    = 0.9
)

// Check says what can't be measured.
func (o *InstancesOptions) Check() error {
	switch {
	case len(o.Counts) == 0 || !slices.Contains(o.Counts, 1):
		return errors.New("counts: expected some numbers of instances, 1 among them")
	case slices.Min(o.Counts) < 1 || slices.Max(o.Counts) > maxInstances:
		return fmt.Errorf("counts: expected 1 to %d", maxInstances)
	case o.Clients < slices.Max(o.Counts) || o.Clients > MaxClients:
		return fmt.Errorf("clients: expected at least one for each instance, and at most %d", MaxClients)
	case o.Rounds < 1 || o.Rounds > 100 || o.Slice < time.Second/10 || o.Slice > time.Minute:
		return errors.New("expected 1 to 100 rounds of 100ms to 1m")
	}
	return nil
}

// InstancesReport is what so many instances did with the same load, and what the database says of it.
type InstancesReport struct {
	Engine    string          `json:"engine"`
	Clients   int             `json:"clients"`
	Rounds    int             `json:"rounds"`
	SliceMS   int64           `json:"slice_ms"`
	Instances []InstanceCount `json:"instances"`
	Once      Once            `json:"once"`
	Goals     []Goal          `json:"goals"`
}

// InstanceCount is one number of instances: medians of the rounds, and the median ratio to one instance.
type InstanceCount struct {
	Count     int     `json:"count"`
	PerSecond float64 `json:"per_second"`
	P99MS     float64 `json:"p99_ms"`
	Ratio     float64 `json:"ratio"`
}

// Once counts what the database holds, by SQL of its own.
type Once struct {
	Answered int64 `json:"answered"` // activations that were answered ok
	Raced    int64 `json:"raced"`    // transfers that several claimed at the same moment
	Credited int64 `json:"credited"` // deposits
	Twice    int64 `json:"twice"`    // numbers that were credited more than once
	Missing  int64 `json:"missing"`  // answered ok, but not credited
	Untold   int64 `json:"untold"`   // deposits without just one postback
	Moved    int64 `json:"moved"`    // deposits whose amount the ledger didn't move once
}

// Wrong is how many faults there are.
func (o Once) Wrong() int64 { return o.Twice + o.Missing + o.Untold + o.Moved }

// Instances measures one instance beside several on one database, in turns.
func Instances(ctx context.Context, opts InstancesOptions) (report *InstancesReport, err error) {
	if err := opts.Check(); err != nil {
		return nil, err
	}
	if engine, _, err := store.Parse(opts.Database); err != nil || engine != store.Postgres {
		return nil, errors.New("several instances need PostgreSQL: name a server with --database")
	}
	s, err := openServed(ctx, opts.Database, program{opts.Program, opts.Args, opts.Log})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	rates, slowest := make([][]float64, len(opts.Counts)), make([][]float64, len(opts.Counts))
	report = &InstancesReport{Engine: string(s.place.engine), Clients: opts.Clients, Rounds: opts.Rounds, SliceMS: opts.Slice.Milliseconds()}
	order := make([]int, len(opts.Counts))
	for i := range order {
		order[i] = i
	}
	turns, each := 0, opts.Slice+3*time.Second
	for range opts.Rounds {
		for _, i := range order {
			if opts.Progress != nil {
				all := time.Duration(opts.Rounds*len(order)) * each
				opts.Progress(Step{Name: fmt.Sprintf("%d instances", opts.Counts[i]), Done: time.Duration(turns) * each, Length: each, Total: all})
			}
			turns++
			rate, p99, err := s.instances(ctx, opts, opts.Counts[i], &report.Once)
			if err != nil {
				return nil, fmt.Errorf("%d instances: %w", opts.Counts[i], err)
			}
			rates[i], slowest[i] = append(rates[i], rate), append(slowest[i], p99)
		}
		slices.Reverse(order)
	}
	one := rates[slices.Index(opts.Counts, 1)]
	for i, count := range opts.Counts {
		ratios := make([]float64, len(one))
		for r := range one {
			ratios[r] = rates[i][r] / one[r]
		}
		report.Instances = append(report.Instances, InstanceCount{count, 0, round(median(slices.Clone(slowest[i])), 3), round(median(ratios), 3)})
	}
	for i := range report.Instances {
		n := &report.Instances[i]
		n.PerSecond = round(median(slices.Clone(rates[i])), 1)
		if n.Count > 1 {
			report.Goals = append(report.Goals, goal(fmt.Sprintf("%d instances beside one", n.Count), goalScale, n.Ratio, false))
		}
	}
	return report, s.count(ctx, &report.Once)
}

// instances is one turn.
func (s *served) instances(ctx context.Context, opts InstancesOptions, count int, once *Once) (rate, p99 float64, err error) {
	list, err := s.start(ctx, count)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, stopAll(list)) }()
	before := s.next
	result, err := s.slice(ctx, list, opts.Clients, opts.Slice)
	if err != nil {
		return 0, 0, err
	}
	once.Answered += s.next - before
	if count > 1 {
		if err := s.race(ctx, list, opts.Races, once); err != nil {
			return 0, 0, err
		}
	}
	_, _, p99 = result.percentiles()
	return result.perSecond(), p99, nil
}

// race has all instances claim the same transfers at the same moment, each for an order of its own.
func (s *served) race(ctx context.Context, list []*process, races int, once *Once) error {
	if err := s.stock(ctx, list[0], int64(races)); err != nil {
		return err
	}
	clients := make([]*client, len(list))
	for i, p := range list {
		c, err := dial(p.address)
		if err != nil {
			return err
		}
		defer c.close()
		clients[i] = c
	}
	for range races {
		n := s.next
		s.next++
		errs := make([]error, len(list))
		var group sync.WaitGroup
		for i, c := range clients {
			group.Go(func() {
				c.body = activateBody(c.body[:0], n, func(b []byte, n int64) []byte { return fmt.Appendf(b, "race-%d-%d", n, i) })
				_, errs[i] = c.post(head(activatePath, list[i].address, s.secret), c.body)
			})
		}
		group.Wait()
		if err := errors.Join(errs...); err != nil {
			return fmt.Errorf("race for one transfer: %w", err)
		}
		once.Raced++
	}
	return ctx.Err()
}

// count asks the database, on a connection of its own and past all code of Galla.
func (s *served) count(ctx context.Context, once *Once) error {
	_, target, err := store.Parse(s.database)
	if err != nil {
		return err
	}
	db, err := sql.Open("pgx", target)
	if err != nil {
		return err
	}
	defer db.Close()
	credited := "SELECT r.number, count(d.id) AS credits FROM reference r JOIN transfer t ON t.reference_id = r.id LEFT JOIN deposit d ON d.transfer_id = t.id GROUP BY r.number"
	var numbers int64
	for query, into := range map[string]*int64{
		"SELECT count(*) FROM deposit":                                  &once.Credited,
		"SELECT count(*) FROM (" + credited + ") c WHERE c.credits > 0": &numbers,
		"SELECT count(*) FROM (" + credited + ") c WHERE c.credits > 1": &once.Twice,
		"SELECT count(*) FROM deposit d WHERE (SELECT count(*) FROM postback p WHERE p.kind = 'deposit' AND p.subject_id = d.id) <> 1":                       &once.Untold,
		"SELECT count(*) FROM deposit d WHERE (SELECT coalesce(sum(p.amount), 0) FROM posting p WHERE p.kind = 'deposit' AND p.event_id = d.id) <> d.amount": &once.Moved,
	} {
		if err := db.QueryRowContext(ctx, query).Scan(into); err != nil {
			return err
		}
	}
	// Every number below next was asked for and answered; none above was.
	once.Missing = max(s.next-numbers, 0)
	return nil
}
