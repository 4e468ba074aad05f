package lane

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	"go.uber.org/goleak"
	_ "modernc.org/sqlite"

	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/keyring"
	"github.com/galla-gateway/galla/internal/merchant"
	"github.com/galla-gateway/galla/internal/postback"
	"github.com/galla-gateway/galla/internal/sender"
	"github.com/galla-gateway/galla/internal/store"
	"github.com/galla-gateway/galla/internal/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds what a test waits for; it is never waited out when all is well.
const patience = 20 * time.Second

// world is a database with merchants and their postbacks, and the gateways and lanes over it.
type world struct {
	t        *testing.T
	database string
	keys     *keyring.Keyring
	now      func() time.Time
	clock    *testkit.Clock // behind now, unless the test brought a clock of its own
	g        *gateway.Gateway
	secrets  map[merchant.ID]string
	last     int64 // id of the last postback
	lastKey  int64
}

func newWorld(t *testing.T, database string) *world {
	clock := testkit.NewClock()
	w := newWorldAt(t, database, clock.Now)
	w.clock = clock
	return w
}

func newWorldAt(t *testing.T, database string, now func() time.Time) *world {
	t.Helper()
	path := filepath.Join(t.TempDir(), "key")
	if err := keyring.Generate(path); err != nil {
		t.Fatal(err)
	}
	keys, err := keyring.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, database: database, keys: keys, now: now, secrets: map[merchant.ID]string{}}
	w.g = w.instance()
	return w
}

// eachWorld runs a story on both engines.
func eachWorld(t *testing.T, story func(w *world)) {
	testkit.EachEngine(t, func(t *testing.T, database string) { story(newWorld(t, database)) })
}

// instance opens one more gateway over the database.
func (w *world) instance() *gateway.Gateway {
	w.t.Helper()
	s, err := store.Open(context.Background(), w.database, store.Create, store.Options{})
	if err != nil {
		w.t.Fatal(err)
	}
	g, err := gateway.Open(context.Background(), s, w.keys, gateway.Options{Now: w.now, LeaseNow: w.now, OnFatal: func(err error) { w.t.Error("fatal:", err) }})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		g.Close()
		if err := s.Close(); err != nil {
			w.t.Error(err)
		}
	})
	return g
}

func (w *world) write(f func(ctx context.Context, q *store.Queries) error) {
	w.t.Helper()
	err := w.g.Store().Write(context.Background(), func(ctx context.Context, q *store.Queries) error {
		if err := f(ctx, q); err != nil {
			return err
		}
		return q.BumpRevision(ctx)
	})
	if err == nil {
		err = w.g.Reload(context.Background())
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// merchant adds a merchant with one webhook secret; withdrawals is the address of its withdrawals, or "".
func (w *world) merchant(id merchant.ID, deposits, withdrawals string) {
	w.t.Helper()
	w.write(func(ctx context.Context, q *store.Queries) error {
		return q.InsertMerchant(ctx, w.merchantRow(id, deposits, withdrawals))
	})
	w.secrets[id] = w.secret(id)
}

func (w *world) merchantRow(id merchant.ID, deposits, withdrawals string) store.InsertMerchantParams {
	return store.InsertMerchantParams{
		ID: int64(id), Slug: fmt.Sprintf("shop%d", id), Name: "Shop", Currency: "INR", TimeZone: merchant.DefaultTimeZone,
		PostbackUrl: deposits, WithdrawalPostbackUrl: withdrawals, Policy: merchant.DefaultPolicy().JSON(), CreatedAt: w.now().UnixMicro(),
	}
}

// secret gives a merchant one more webhook secret.
func (w *world) secret(id merchant.ID) string {
	w.t.Helper()
	secret := keyring.NewWebhookSecret().Reveal()
	w.lastKey++
	w.write(func(ctx context.Context, q *store.Queries) error {
		return q.InsertMerchantKey(ctx, store.InsertMerchantKeyParams{
			ID: w.lastKey, MerchantID: int64(id), Kind: "webhook", CreatedAt: w.now().UnixMicro(),
			Sealed: w.keys.Seal([]byte(secret), keyring.Place("merchant_key", "sealed", w.lastKey)),
		})
	})
	return secret
}

// postbackRow is named like the columns of InsertPostbacks.
type postbackRow struct {
	ID         int64  `json:"id"`
	MerchantID int64  `json:"merchant_id"`
	Kind       string `json:"kind"`
	SubjectID  int64  `json:"subject_id"`
	WebhookID  string `json:"webhook_id"`
	Packed     string `json:"packed"`
	NextAt     int64  `json:"next_at"`
	CreatedAt  int64  `json:"created_at"`
}

// bodyOf is the body of a postback: bytes that reading and writing JSON would change.
func bodyOf(id int64) string {
	return fmt.Sprintf(`{"n":%d,"label":"₹ <b>&\u0001 é😀", "amount":500.0 }`, id)
}

func webhookID(id int64) string { return fmt.Sprintf("msg_%d", id) }

// postbacks writes due postbacks and returns the id of the first.
func (w *world) postbacks(count int, id merchant.ID, kind gateway.PostbackKind) (first int64) {
	w.t.Helper()
	return w.postbacksWith(count, id, kind, bodyOf)
}

// postbacksWith is postbacks with bodies of the test's own, each made from its postback's id.
func (w *world) postbacksWith(count int, id merchant.ID, kind gateway.PostbackKind, body func(id int64) string) (first int64) {
	w.t.Helper()
	first = w.last + 1
	now := w.now().UnixMicro()
	var rows []postbackRow
	for range count {
		w.last++
		rows = append(rows, postbackRow{w.last, int64(id), string(kind), w.last, webhookID(w.last), hex.EncodeToString(postback.Pack([]byte(body(w.last)))), now, now})
	}
	err := w.g.Store().Write(context.Background(), func(ctx context.Context, q *store.Queries) error {
		return q.InsertPostbacks(ctx, store.Rows(rows))
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return first
}

// stored is a postback and its attempts as kept.
func (w *world) stored(id int64) (state string, attempts []store.PostbackAttempt) {
	w.t.Helper()
	row := w.g.Store().ReadPool().QueryRow(fmt.Sprintf("SELECT state FROM postback WHERE id = %d", id))
	if err := row.Scan(&state); err != nil {
		w.t.Fatal(err)
	}
	attempts, err := w.g.Store().Read().ListPostbackAttempts(context.Background(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	for i, a := range attempts {
		if int(a.Number) != i+1 {
			w.t.Errorf("postback %d: attempt %d has number %d", id, i+1, a.Number)
		}
	}
	return state, attempts
}

func (w *world) count(query string) (n int64) {
	w.t.Helper()
	if err := w.g.Store().ReadPool().QueryRow(query).Scan(&n); err != nil {
		w.t.Fatal(err)
	}
	return n
}

// eventually waits until the condition holds.
func (w *world) eventually(what string, holds func() bool) {
	w.t.Helper()
	for start := time.Now(); !holds(); time.Sleep(2 * time.Millisecond) {
		if time.Since(start) > patience {
			w.t.Fatalf("still not: %s", what)
		}
	}
}

func (w *world) delivered(count int64) {
	w.t.Helper()
	w.eventually(fmt.Sprintf("%d delivered", count), func() bool {
		return w.count("SELECT count(*) FROM postback WHERE state = 'delivered'") == count
	})
}

// start runs a lane until the test ends or the returned function is called.
func (w *world) start(config Config) (*Lane, func()) {
	w.t.Helper()
	if config.Gateway == nil {
		config.Gateway = w.g
	}
	if config.Now == nil {
		config.Now = w.now
	}
	if config.Send == nil {
		config.Send = w.sender(0).Send
	}
	l := New(config)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Error(err)
		}
	})
	w.t.Cleanup(stop)
	return l, stop
}

// sender is one that may dial loopback. A limit other than 0 replaces RequestLimit.
func (w *world) sender(limit time.Duration) *sender.Sender {
	config := sender.Config{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Now: w.now}
	s := NewSender(config)
	if limit > 0 {
		config.Timeout = limit
		s = sender.New(config)
	}
	w.t.Cleanup(s.Close)
	return s
}

// request is what a receiver got.
type request struct {
	id, timestamp string
	body          string
	header        http.Header
}

// receiver is a merchant's server: it remembers what came and answers what the test says, the n-th request (from 1) for
// a postback. It counts the requests that were open at once for one postback.
type receiver struct {
	*httptest.Server
	mu       sync.Mutex
	requests []request
	seen     map[string]int
	open     map[string]int
	overlaps int
}

func (w *world) receiver(answer func(rw http.ResponseWriter, r *http.Request, n int)) *receiver {
	w.t.Helper()
	r := &receiver{seen: map[string]int{}, open: map[string]int{}}
	r.Server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, in *http.Request) {
		body, err := io.ReadAll(in.Body)
		if err != nil {
			return
		}
		id := in.Header.Get("webhook-id")
		r.mu.Lock()
		r.requests = append(r.requests, request{id, in.Header.Get("webhook-timestamp"), string(body), in.Header.Clone()})
		r.seen[id]++
		n := r.seen[id]
		r.open[id]++
		if r.open[id] > 1 {
			r.overlaps++
		}
		r.mu.Unlock()
		defer func() {
			r.mu.Lock()
			r.open[id]--
			r.mu.Unlock()
		}()
		in.Body = io.NopCloser(bytes.NewReader(body))
		answer(rw, in, n)
	}))
	w.t.Cleanup(r.Close)
	return r
}

func ok(rw http.ResponseWriter, _ *http.Request, _ int) { io.WriteString(rw, `{"status":"ok"}`) }

func (r *receiver) got() []request {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]request(nil), r.requests...)
}

// lines is a logger's output.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *lines) logger() *slog.Logger { return l.from(slog.LevelInfo) }

// errors is a logger of errors alone.
func (l *lines) errors() *slog.Logger { return l.from(slog.LevelError) }

func (l *lines) from(level slog.Level) *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: level, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
}

// beside opens the database beside the product.
func (w *world) beside() *sql.DB {
	w.t.Helper()
	driver, target := "pgx", w.database
	if path, ok := strings.CutPrefix(w.database, "sqlite:"); ok {
		driver, target = "sqlite", "file:"+path+"?_pragma=busy_timeout(10000)"
	}
	db, err := sql.Open(driver, target)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { db.Close() })
	return db
}
