package bench

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/keyring"
)

// served is a live installation that galla serve runs on, in processes of its own: one merchant, to whom nothing is
// sent, and one source of evidence. Load comes over HTTP from here.
type served struct {
	program           program
	database, keyFile string
	secret, token     string
	place             *place
	folder            string
	stored, next      int64   // transfers by number: so many are stored, those below next are activated
	fastest           float64 // activations per second that were seen: stock must last for as many
}

func openServed(ctx context.Context, database string, of program) (s *served, err error) {
	s = &served{program: of}
	if s.place, err = newPlace(ctx, database); err != nil {
		return nil, err
	}
	if s.folder, err = os.MkdirTemp("", "galla-bench-key-"); err != nil {
		return nil, errors.Join(err, s.place.remove())
	}
	if err := s.populate(ctx); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *served) populate(ctx context.Context) (err error) {
	if s.database, err = s.place.make(ctx, "served"); err != nil {
		return err
	}
	s.keyFile = filepath.Join(s.folder, "galla.key")
	if err := keyring.Generate(s.keyFile); err != nil {
		return err
	}
	e, err := startEngine(ctx, s.database, s.keyFile, gateway.Options{Now: time.Now})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.close()) }()
	if err := e.populate(ctx, []string{nowhere}); err != nil {
		return err
	}
	s.secret, s.token = e.merchants[0].secret.Reveal(), e.source.Token.Reveal()
	// What is measured is the way of a deposit; bench postback measures what is told of it.
	return e.gateway.PauseEndpoints(ctx, "bench-1", []gateway.PostbackKind{gateway.PostbackDeposit}, "a measurement")
}

func (s *served) close() error { return errors.Join(s.place.remove(), os.RemoveAll(s.folder)) }

// start starts so many servers, each under wrap (a program with its arguments that runs another), if there is one.
func (s *served) start(ctx context.Context, count int, wrap ...string) (list []*process, err error) {
	of := s.program
	if len(wrap) > 0 {
		of.args = append(append(append([]string(nil), wrap[1:]...), of.path), of.args...)
		of.path = wrap[0]
	}
	for range count {
		p, _, err := startProcess(ctx, of, s.database, s.keyFile)
		if err != nil {
			return nil, errors.Join(err, stopAll(list))
		}
		list = append(list, p)
	}
	return list, nil
}

func stopAll(list []*process) error {
	var errs []error
	for _, p := range list {
		errs = append(errs, p.stop())
	}
	return errors.Join(errs...)
}

// stockClients report evidence side by side.
const stockClients = 8

// stock stores evidence for so many more activations.
func (s *served) stock(ctx context.Context, of *process, units int64) error {
	units = (units + evidenceArray - 1) / evidenceArray * evidenceArray
	workers, disconnect, err := observers(&server{address: of.address}, stockClients, s.token, forActivation, evidenceArray)
	if err != nil {
		return err
	}
	defer disconnect()
	from := &source{stock: s.stored + units, each: evidenceArray}
	from.next.Store(s.stored)
	result := closedLoop(ctx, readyLimit, workers, from)
	if result.first == nil && result.done < units {
		result.fail(fmt.Errorf("only %d of %d pieces of evidence were stored in %v", result.done, units, readyLimit))
	}
	s.stored += units
	return firstError(result.first, ctx.Err())
}

// activate lets clients, shared out over the servers, activate for the time.
func (s *served) activate(ctx context.Context, list []*process, clients int, length time.Duration) (*measure, error) {
	var workers []worker
	for i, p := range list {
		some, disconnect, err := activators(&server{address: p.address}, shareOf(clients, len(list), i), []string{s.secret}, appendOrder)
		if err != nil {
			return nil, err
		}
		defer disconnect()
		workers = append(workers, some...)
	}
	from := &source{stock: s.stored, each: 1}
	from.next.Store(s.next)
	result := closedLoop(ctx, length, workers, from)
	if from.left() == 0 {
		result.fail(errors.New("the prepared transfers are used up"))
	}
	s.next = from.next.Load()
	return result, firstError(result.first, ctx.Err())
}

// shareOf is the i-th of n shares of a whole.
func shareOf(whole, n, i int) int { return (whole*(i+1))/n - (whole*i)/n }

// slice activates for a moment to warm up, then for the time with evidence for as much.
func (s *served) slice(ctx context.Context, list []*process, clients int, length time.Duration) (*measure, error) {
	if err := s.stock(ctx, list[0], warmUpStock); err != nil {
		return nil, err
	}
	warm, err := s.activate(ctx, list, clients, warmUp)
	if err != nil {
		return nil, err
	}
	// The first moment of a process is its slowest, and sometimes much slower than all that comes.
	s.fastest = max(s.fastest, warm.perSecond())
	want := int64(math.Ceil(s.fastest*length.Seconds()*2)) + warmUpStock
	if err := s.stock(ctx, list[0], want); err != nil {
		return nil, err
	}
	measured, err := s.activate(ctx, list, clients, length)
	if err == nil {
		s.fastest = max(s.fastest, measured.perSecond())
	}
	return measured, err
}
