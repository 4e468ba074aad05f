package simulator

import (
	"context"
	"fmt"
	"strings"

	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/oracle"
	"github.com/galla-gateway/galla/internal/payout"
)

// life is one seed: what its people have in mind, what is under way, and the books of those outside.
type life struct {
	seed  uint64
	draw  draw
	swarm swarm
	step  int
	alone bool // one call is under way in this step, not several
	trace []string
	loud  func(string) // told of every line of the trace, or nil

	payments []*realPayment
	phone    []*message
	tried    map[string]bool // numbers that somebody has told of, whatever came of it
	known    int64           // messages that were made, for their fingerprints
	claims   []*claiming
	orders   int
	records  []*record
	leases   map[gateway.Endpoint]int64 // who leased each lane last, as far as it was answered
	orderly  map[orderOf]int            // claims by order, as indices
	payouts  []*wanted
	bank     *bank

	told       oracle.Told
	seen       oracle.Seen
	violations []oracle.Violation
}

// mostViolations bounds what is told of one life.
const mostViolations = 10

// mostTrace bounds the lines that are kept of a life.
const mostTrace = 5000

func (l *life) say(format string, args ...any) {
	line := fmt.Sprintf("%3d ", l.step) + fmt.Sprintf(format, args...)
	if len(l.trace) < mostTrace {
		l.trace = append(l.trace, line)
	}
	if l.loud != nil {
		l.loud(line)
	}
}

func (l *life) fail(invariant, format string, args ...any) {
	l.violated(oracle.Violation{Invariant: invariant, What: fmt.Sprintf(format, args...)})
}

func (l *life) violated(list ...oracle.Violation) {
	for _, v := range list {
		l.say("VIOLATION %s: %s", v.Invariant, v.What)
		if len(l.violations) < mostViolations {
			l.violations = append(l.violations, v)
		}
	}
}

// Lived is what came of one seed.
type Lived struct {
	Seed       uint64
	Steps      int
	Swarm      string
	Violations []oracle.Violation
	Trace      []string
}

// live lives one seed. The error is the harness's own: it says nothing of Galla.
func (w *world) live(ctx context.Context, seed uint64, steps int, loud func(string)) (Lived, error) {
	w.clock.reset()
	w.life = &life{seed: seed, draw: newDraw(seed, 0), orderly: map[orderOf]int{}, tried: map[string]bool{}, leases: map[gateway.Endpoint]int64{}, loud: loud}
	w.swarm = newSwarm(newDraw(seed, 1<<40))
	w.bank = newBank(w, seed)
	if err := w.begin(ctx); err != nil {
		return Lived{}, err
	}
	for _, i := range w.instances {
		if err := i.start(ctx); err != nil {
			return Lived{}, err
		}
	}
	defer func() {
		for _, i := range w.instances {
			i.stop()
		}
	}()
	had := w.swarm.String()
	w.say("seed %d, %s", seed, had)
	for w.step = 1; w.step <= steps && len(w.violations) == 0; w.step++ {
		if err := w.takeStep(ctx); err != nil {
			return Lived{}, fmt.Errorf("seed %d, step %d: %w\n%s", seed, w.step, err, strings.Join(w.trace, "\n"))
		}
	}
	if len(w.violations) == 0 {
		if err := w.end(ctx); err != nil {
			return Lived{}, fmt.Errorf("seed %d, end: %w\n%s", seed, err, strings.Join(w.trace, "\n"))
		}
	}
	return Lived{Seed: seed, Steps: w.step - 1, Swarm: had, Violations: w.violations, Trace: w.trace}, nil
}

// compareEvery is after how many steps the books outside are compared, beside after each crash and at the end.
const compareEvery = 10

// takeStep does one thing and looks at what came of it.
func (w *world) takeStep(ctx context.Context) error {
	compare := w.step%compareEvery == 0
	if err := w.act(ctx); err != nil {
		return err
	}
	if fatal := w.fatal.Swap(nil); fatal != nil {
		w.fail("fatal", "%v", *fatal)
	}
	for _, i := range w.instances {
		if i.dead {
			compare = true
			w.say("%s is started again", i.name)
			if err := i.start(ctx); err != nil {
				return err
			}
		}
	}
	return w.look(ctx, compare)
}

// look asks the oracle about the database, and with compare about all three books. While nothing is committed the database's answer
// stays the same.
func (w *world) look(ctx context.Context, compare bool) error {
	if !w.changed.Swap(false) && !compare {
		return nil
	}
	wrong, err := w.oracle.Check(ctx)
	if err != nil {
		return fmt.Errorf("oracle: %w", err)
	}
	w.violated(wrong...)
	if !compare {
		return nil
	}
	w.seen.Payouts = w.bank.seen()
	if wrong, err = w.oracle.Compare(ctx, w.told, w.seen); err != nil {
		return fmt.Errorf("oracle: %w", err)
	}
	w.violated(wrong...)
	return nil
}

// askedBank is called when a bank is told of a payout: by then it must be stored that it may be (invariant W-5).
func (w *world) askedBank(in payout.Instruction) {
	var state string
	err := w.outside.QueryRow(`SELECT state FROM withdrawal WHERE reference = $1`, in.Reference).Scan(&state)
	switch {
	case err != nil:
		w.fail("W-5", "the bank was told of %s, which isn't stored: %v", in.Reference, err)
	case state == "created" || state == "approved" || state == "refused" || state == "cancelled":
		w.fail("W-5", "the bank was told of %s, which is %s", in.Reference, state)
	}
}
