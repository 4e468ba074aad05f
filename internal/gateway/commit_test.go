package gateway

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/galla-gateway/galla/internal/deposit"
	"github.com/galla-gateway/galla/internal/store"
	"github.com/galla-gateway/galla/internal/testkit"
)

// commitMessages are a COMMIT as the client sends it: as a simple query, or as the prepared statement of that text.
var commitMessages = func() [][]byte {
	prepared := sha256.Sum256([]byte("COMMIT"))
	return [][]byte{[]byte("Q\x00\x00\x00\x0bcommit\x00"), fmt.Appendf(nil, "\x00stmtcache_%x\x00", prepared[:24])}
}()

func hasCommit(sent []byte) bool {
	return slices.ContainsFunc(commitMessages, func(message []byte) bool { return bytes.Contains(sent, message) })
}

// ready is what the server sends when it has worked off all that came.
var ready = []byte("Z\x00\x00\x00\x05I")

// cutter stands between a gateway and PostgreSQL and cuts connections at COMMIT: before the server has it, or after the
// server has stored the transaction and before the client hears of it.
type cutter struct {
	listener net.Listener
	network  string
	server   string
	after    bool
	armed    atomic.Int64 // how many commits are still to be cut
	cut      atomic.Int64
	open     sync.WaitGroup
}

// cutDatabase gives a DSN that leads through a new cutter to the same database.
func cutDatabase(t *testing.T, database string, after bool) (*cutter, string) {
	t.Helper()
	config, err := pgx.ParseConfig(database)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	network, address := pgNetwork(config.Host, config.Port)
	c := &cutter{listener: listener, network: network, server: address, after: after}
	c.open.Go(c.accept)
	t.Cleanup(func() {
		_ = listener.Close()
		c.open.Wait()
	})
	login := config.User
	if config.Password != "" {
		login += ":" + config.Password
	}
	return c, fmt.Sprintf("postgres://%s@%s/%s?sslmode=disable", login, listener.Addr(), config.Database)
}

func pgNetwork(host string, port uint16) (network, address string) {
	if strings.HasPrefix(host, "/") {
		return "unix", host + "/.s.PGSQL." + strconv.Itoa(int(port))
	}
	return "tcp", net.JoinHostPort(host, strconv.Itoa(int(port)))
}

func (c *cutter) accept() {
	for {
		client, err := c.listener.Accept()
		if err != nil {
			return
		}
		c.open.Go(func() { c.relay(client) })
	}
}

func (c *cutter) relay(client net.Conn) {
	defer client.Close()
	server, err := net.Dial(c.network, c.server)
	if err != nil {
		return
	}
	defer server.Close()
	var cutting atomic.Bool
	c.open.Go(func() {
		defer client.Close()
		defer server.Close()
		buffer := make([]byte, 1<<16)
		for {
			n, err := server.Read(buffer)
			if err != nil {
				return
			}
			if cutting.Load() {
				if bytes.Contains(buffer[:n], ready) {
					return // the server has stored it: the client never hears of that
				}
				continue
			}
			if _, err := client.Write(buffer[:n]); err != nil {
				return
			}
		}
	})
	buffer := make([]byte, 1<<16)
	for {
		n, err := client.Read(buffer)
		if err != nil {
			return
		}
		if hasCommit(buffer[:n]) && c.armed.Add(-1) >= 0 {
			c.cut.Add(1)
			if !c.after {
				return
			}
			cutting.Store(true)
		}
		if _, err := server.Write(buffer[:n]); err != nil {
			return
		}
		if cutting.Load() {
			_, _ = io.Copy(io.Discard, client) // until the other half has closed it
			return
		}
	}
}

// arm lets the next n commits be cut. Ids are reserved before, so that it is the money's commit that is cut.
func (c *cutter) arm(t *testing.T, g *Gateway, n int64) {
	t.Helper()
	if err := g.ids.fill(context.Background(), 500, batchKinds); err != nil {
		t.Fatal(err)
	}
	c.armed.Store(n)
}

func (w *world) through(database string) *Gateway {
	w.t.Helper()
	there := &world{t: w.t, clock: w.clock, database: database, keys: w.keys}
	return there.instance()
}

// C-4: a COMMIT without an answer is run again. Whether the first one was stored or not, there is one credit, and the
// answers are those of a quiet day.
func TestCommitWithoutAnAnswer(t *testing.T) {
	for _, after := range []bool{false, true} {
		t.Run(map[bool]string{false: "lost before", true: "stored, answer lost"}[after], func(t *testing.T) {
			w := newWorld(t, testkit.Postgres(t))
			cutter, database := cutDatabase(t, w.database, after)
			g := w.through(database)
			ctx := context.Background()
			cuts := int64(0)
			for i := range 5 {
				number := fmt.Sprintf("%012d", i)
				claim := claimRequest(number, "p", number, "500")
				cutter.arm(t, g, 1)
				observed, err := g.Observe(ctx, []EvidenceItem{w.credit(number, "500")})
				if err != nil || observed[0].Status != EvidenceCreated || observed[0].TransferID == 0 {
					t.Fatalf("evidence: %+v %v", observed, err)
				}
				cutter.arm(t, g, 2)
				claimed, err := g.Activate(ctx, []ClaimRequest{claim})
				if err != nil || claimed[0].State != deposit.Accepted || claimed[0].Amount != inr("500") {
					t.Fatalf("claim: %+v %v", claimed, err)
				}
				cuts += 3
			}
			held := w.wantClaim(claimRequest("held", "p", "000000000000", "499"), deposit.Refused, deposit.ReasonCredited)
			if held.State != deposit.Refused {
				t.Fatal(held)
			}
			if got := cutter.cut.Load(); got != cuts && (after || got == 0) {
				t.Errorf("%d commits were cut, want %d: the fault must hit", got, cuts)
			}
			if got := g.counters.Ambiguous.Load(); got == 0 {
				t.Error("no commit was ambiguous")
			}
			w.want("deposits", w.count("SELECT count(*) FROM deposit"), 5)
			w.want("evidence", w.count("SELECT count(*) FROM evidence"), 5)
			w.want("postbacks", w.count("SELECT count(*) FROM postback"), 5)
			w.clean()
		})
	}
}

// A person's act whose COMMIT has no answer is told as done when it was.
func TestActWithoutAnAnswer(t *testing.T) {
	for _, after := range []bool{false, true} {
		w := newWorld(t, testkit.Postgres(t))
		cutter, database := cutDatabase(t, w.database, after)
		g := w.through(database)
		w.observe(w.credit("321302038123", "500"), w.credit("321302038124", "500"), w.credit("321302038124", "600"))
		held := w.wantClaim(claimRequest("a", "p", "321302038123", "499"), deposit.Held, deposit.ReasonMismatch)
		cutter.arm(t, g, 1)
		got, err := g.ResolveClaim(t.Context(), held.ClaimID, true, "operator", "called the payer")
		if err != nil || got.State != deposit.Accepted || got.Amount != inr("500") {
			t.Errorf("accept: %+v %v", got, err)
		}
		cutter.arm(t, g, 1)
		transfer := deposit.TransferID(w.count("SELECT id FROM transfer WHERE state = 'quarantined'"))
		if err := g.ResolveTransfer(t.Context(), transfer, true, "operator", "asked the bank"); err != nil {
			t.Errorf("release: %v", err)
		}
		w.want("cut", cutter.cut.Load(), 2)
		w.want("deposits", w.count("SELECT count(*) FROM deposit"), 1)
		w.clean()
	}
}

// Where no answer comes at all, the caller is told that nobody knows, soon, and repeating it tells the truth.
func TestNoAnswerAtAll(t *testing.T) {
	w := newWorld(t, testkit.Postgres(t))
	cutter, database := cutDatabase(t, w.database, true)
	g := w.through(database)
	w.observe(w.credit("321302038123", "500"))
	claim := claimRequest("a", "p", "321302038123", "500")
	cutter.arm(t, g, 1<<30)
	if results, err := g.Activate(context.Background(), []ClaimRequest{claim}); !errors.Is(err, ErrUnknown) || !errors.Is(err, store.ErrAmbiguous) {
		t.Errorf("%+v, %v", results, err)
	}
	cutter.armed.Store(0)
	results, err := g.Activate(context.Background(), []ClaimRequest{claim})
	if err != nil || results[0].State != deposit.Accepted {
		t.Errorf("repeated: %+v, %v", results, err)
	}
	w.want("deposits", w.count("SELECT count(*) FROM deposit"), 1)
	w.clean()
}

// The server itself ends the connections of writers, again and again, as an operator or a failover would.
func TestServerEndsConnections(t *testing.T) {
	const claims, ends = 300, 40
	w := newWorld(t, testkit.Postgres(t))
	instances := []*Gateway{w.g, w.instance()}
	stop, ended := make(chan struct{}), make(chan int64, 1)
	go func() {
		n := int64(0)
		defer func() { ended <- n }()
		for n < ends {
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond): // some transactions must come through
			}
			var killed int64
			err := w.g.store.ReadPool().QueryRow("SELECT count(*) FROM (SELECT pg_terminate_backend(pid) FROM pg_stat_activity " +
				"WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle' LIMIT 1) AS t").Scan(&killed)
			if err == nil {
				n += killed
			}
		}
	}()
	w.race(claims, func(i int) error {
		number := fmt.Sprintf("%012d", i)
		item, claim := w.credit(number, "500"), claimRequest(number, number, number, "500")
		for try := range 50 { // the caller repeats with the same ids, as it is told to
			_, err := instances[i%2].Observe(context.Background(), []EvidenceItem{item})
			if err == nil {
				err = activate(instances[(i+try)%2], claim, &tally{})
			}
			if err == nil {
				return nil
			}
			if !errors.Is(err, ErrUnknown) {
				return err
			}
		}
		return fmt.Errorf("claim %d was never answered", i)
	})
	close(stop)
	if n := <-ended; n == 0 {
		t.Error("no connection was ended: the fault must hit")
	}
	w.want("deposits", w.count("SELECT count(*) FROM deposit"), claims)
	w.want("evidence", w.count("SELECT count(*) FROM evidence"), claims)
	w.clean()
}
