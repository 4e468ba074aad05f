package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/keyring"
	"github.com/galla-gateway/galla/internal/oracle"
	"github.com/galla-gateway/galla/internal/store"
)

// What a database that grows is compared with, and how far it may grow.
const (
	GrowBase    = 10_000
	MaxGrowTo   = 100_000_000
	growSellers = 10
)

// What a database of ten million transfers must still do, beside one of ten thousand.
const (
	goalRatePostgres = 0.7
	goalRateSQLite   = 0.4
	goalP99          = 1.6
	goalRead         = 1.4
	goalBytes        = 1800
)

// GrowOptions of Grow.
type GrowOptions struct {
	To       int64         // a power of ten from GrowBase
	Database string        // as in Options
	Clients  int           // connections that activate at once
	Rounds   int           // how often both databases take their turn at each size
	Slice    time.Duration // of activations in each turn
	// InProcess calls the verbs directly, in batches of gateway.MaxBatch, instead of over HTTP.
	InProcess bool
	// AuditTo is the largest size at which the books are audited.
	AuditTo  int64
	Progress func(Step)
}

// Check says what can't be measured.
func (o *GrowOptions) Check() error {
	size := int64(GrowBase)
	for size < o.To {
		size *= 10
	}
	switch {
	case o.To < GrowBase || o.To > MaxGrowTo || size != o.To:
		return fmt.Errorf("to: expected a power of ten from %d to %d", GrowBase, MaxGrowTo)
	case o.Clients < 1 || o.Clients > MaxClients:
		return fmt.Errorf("clients: expected 1 to %d", MaxClients)
	case o.Rounds < 1 || o.Rounds > 100:
		return errors.New("rounds: expected 1 to 100")
	case o.Slice < time.Second/10 || o.Slice > time.Minute:
		return errors.New("slice: expected 100ms to 1m")
	}
	return nil
}

// GrowReport is what a database did at each size.
type GrowReport struct {
	Simulated bool        `json:"simulated"` // always
	Engine    string      `json:"engine"`
	InProcess bool        `json:"in_process"`
	Clients   int         `json:"clients"`
	Rounds    int         `json:"rounds"`
	SliceMS   int64       `json:"slice_ms"`
	Sizes     []GrowSize  `json:"sizes"`
	Goals     []Goal      `json:"goals"` // of the last size
	Plans     []QueryPlan `json:"plans"` // at the last size
}

// Missed is how many goals and scans speak against the database.
func (r *GrowReport) Missed() int64 {
	count := Missed(r.Goals)
	for _, p := range r.Plans {
		if p.Scan != "" {
			count++
		}
	}
	return count
}

// AuditFailed is how many failures audits found, at all sizes.
func (r *GrowReport) AuditFailed() (count int64) {
	for _, s := range r.Sizes {
		count += s.AuditFailed
	}
	return count
}

// Missed is how many goals weren't met.
func Missed(goals []Goal) (count int64) {
	for _, g := range goals {
		if !g.Met {
			count++
		}
	}
	return count
}

// Goal is what should hold, and what was measured.
type Goal struct {
	What   string  `json:"what"`
	Limit  float64 `json:"limit"`
	AtMost bool    `json:"at_most"` // else at least
	Value  float64 `json:"value"`
	Met    bool    `json:"met"`
}

func goal(what string, limit, value float64, atMost bool) Goal {
	return Goal{what, limit, atMost, value, atMost && value <= limit || !atMost && value >= limit}
}

// GrowSize is one size. What is compared was measured in turns with a database of GrowBase transfers: medians of rounds,
// and the medians of each round's ratio.
type GrowSize struct {
	Transfers   int64       `json:"transfers"`
	FillSeconds float64     `json:"fill_seconds"`
	Bytes       float64     `json:"bytes_each"` // of the whole database, per transfer
	Tables      []TableSize `json:"tables"`
	Measures    []Compared  `json:"measures"`
	Audited     bool        `json:"audited"`
	AuditFailed int64       `json:"audit_failed"`
}

// Compared is one measure of both databases.
type Compared struct {
	Name  string  `json:"name"`
	Unit  string  `json:"unit"`
	Base  float64 `json:"base"`
	Grown float64 `json:"grown"`
	Ratio float64 `json:"ratio"` // grown / base
	// Ratios are those of the rounds, in their order: how far they lie apart is how noisy the machine was.
	Ratios []float64 `json:"ratios"`
}

func (s *GrowSize) ratio(name string) float64 {
	for _, m := range s.Measures {
		if m.Name == name {
			return m.Ratio
		}
	}
	return 0
}

// simulated marks the databases: no server ever takes them for live ones.
var simulated = gateway.Options{Now: time.Now, Simulated: true}

// growth is a run under way.
type growth struct {
	opts   GrowOptions
	place  *place
	folder string
	sides  int
	plan   growPlan
}

// Grow fills a database step by step, and measures it at each power of ten beside a small one.
func Grow(ctx context.Context, opts GrowOptions) (report *GrowReport, err error) {
	if err := opts.Check(); err != nil {
		return nil, err
	}
	g := &growth{opts: opts}
	if g.place, err = newPlace(ctx, opts.Database); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, g.place.remove()) }()
	if g.folder, err = os.MkdirTemp("", "galla-bench-key-"); err != nil {
		return nil, err
	}
	defer os.RemoveAll(g.folder)
	grown, err := g.open(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, grown.close()) }()
	report = &GrowReport{
		Simulated: true, Engine: string(g.place.engine), InProcess: opts.InProcess, Clients: opts.Clients, Rounds: opts.Rounds,
		SliceMS: opts.Slice.Milliseconds(),
	}
	g.plan.begin(opts)
	for size := int64(GrowBase); size <= opts.To; size *= 10 {
		measured, err := g.size(ctx, grown, size)
		if err != nil {
			return nil, fmt.Errorf("at %d transfers: %w", size, err)
		}
		report.Sizes = append(report.Sizes, *measured)
	}
	if report.Plans, err = plansOf(ctx, grown); err != nil {
		return nil, err
	}
	report.Goals = goalsOf(g.place.engine, &report.Sizes[len(report.Sizes)-1])
	return report, nil
}

func goalsOf(engine store.Engine, last *GrowSize) []Goal {
	least := goalRatePostgres
	if engine == store.SQLite {
		least = goalRateSQLite
	}
	return []Goal{
		goal("activations per second", least, last.ratio(measureRate), false),
		goal("p99 of activations", goalP99, last.ratio(measureP99), true),
		goal("point read of the last day", goalRead, last.ratio(readTransfer), true),
		goal("point read of any time", goalRead, last.ratio(readOld), true),
		goal("balance", goalRead, last.ratio(readBalance), true),
		goal("bytes per transaction", goalBytes, last.Bytes, true),
	}
}

// grown is a database under measurement with its history.
type grownSide struct {
	database, keyFile string
	engine            *engine
	history           *history
	server            *server
	stock             *source
	clients           int
	inProcess         bool
}

// open makes a database with its merchants and its first deposits.
func (g *growth) open(ctx context.Context) (*grownSide, error) {
	g.sides++
	name := "grow" + strconv.Itoa(g.sides)
	database, err := g.place.make(ctx, name)
	if err != nil {
		return nil, err
	}
	folder := filepath.Join(g.folder, name)
	if err := os.Mkdir(folder, 0o700); err != nil {
		return nil, err
	}
	s := &grownSide{database: database, keyFile: filepath.Join(folder, "galla.key"), clients: g.opts.Clients, inProcess: g.opts.InProcess}
	if err := keyring.Generate(s.keyFile); err != nil {
		return nil, err
	}
	if s.engine, err = startEngine(ctx, database, s.keyFile, simulated); err != nil {
		return nil, err
	}
	err = s.engine.populate(ctx, slices.Repeat([]string{nowhere}, growSellers))
	if err == nil {
		s.history, err = newHistory(ctx, database, s.engine)
	}
	if err != nil {
		return nil, errors.Join(err, s.engine.close())
	}
	each := int64(1)
	if s.inProcess {
		each = gateway.MaxBatch
	}
	s.stock = &source{each: each, stock: s.engine.seen}
	s.stock.next.Store(s.engine.activated)
	s.engine.scattered = true
	return s, s.serve()
}

func (s *grownSide) serve() (err error) {
	s.server, err = startServer(edge(s.engine.gateway))
	return err
}

func (s *grownSide) close() error {
	if s.engine == nil {
		return nil
	}
	err := errors.Join(s.server.stop(), s.engine.close())
	s.engine = nil
	return err
}

// transfers is how many are stored.
func (s *grownSide) transfers() int64 { return s.history.stored() + s.engine.seen }

// fill brings the database to size transfers. Its gateway stops meanwhile.
func (s *grownSide) fill(ctx context.Context, size int64, done func(rows, of int64)) error {
	count := (size - s.transfers()) / growSellers * growSellers
	if count <= 0 {
		return nil
	}
	p, err := s.history.plan(ctx, s.engine, count)
	if err != nil {
		return err
	}
	before := s.engine
	if err := s.close(); err != nil {
		return err
	}
	progress := newTally(s.history.expected(p), done)
	if err := s.history.load(ctx, p, progress.add); err != nil {
		return err
	}
	if s.engine, err = startEngine(ctx, s.database, s.keyFile, simulated); err != nil {
		return err
	}
	s.engine.merchants, s.engine.source, s.engine.seen, s.engine.scattered = before.merchants, before.source, before.seen, true
	return s.serve()
}

// size fills, weighs, measures and audits.
func (g *growth) size(ctx context.Context, grown *grownSide, size int64) (measured *GrowSize, err error) {
	began := time.Now()
	if err := grown.fill(ctx, size, g.plan.filling(g.opts, size)); err != nil {
		return nil, err
	}
	measured = &GrowSize{Transfers: grown.transfers(), FillSeconds: round(time.Since(began).Seconds(), 1)}
	g.plan.filled(size, time.Since(began))
	if measured.Bytes, measured.Tables, err = weigh(ctx, grown); err != nil {
		return nil, err
	}
	base, err := g.open(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, base.close()) }()
	if err := base.fill(ctx, GrowBase, func(int64, int64) {}); err != nil {
		return nil, err
	}
	if measured.Measures, err = g.compare(ctx, base, grown, size); err != nil {
		return nil, err
	}
	if size <= g.opts.AuditTo {
		g.plan.auditing(g.opts, size)
		report, err := gateway.Audit(ctx, grown.engine.store, oracle.Options{})
		if err != nil {
			return nil, err
		}
		measured.Audited, measured.AuditFailed = true, report.Failed()
	}
	return measured, nil
}
