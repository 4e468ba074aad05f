package gateway

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/galla-gateway/galla/internal/merchant"
	"github.com/galla-gateway/galla/internal/postback"
	"github.com/galla-gateway/galla/internal/store"
)

// awkward is a body that would not survive being read and written as JSON.
const awkward = `{"label":"₹ <b>&\"\\\u0001 é😀", "amount":500.0 }`

func anyRoom(Endpoint) int { return 1000 }

var shopDeposits, otherDeposits = Endpoint{shop, PostbackDeposit}, Endpoint{other, PostbackDeposit}

// postbacks writes due postbacks with ids first, first+1, …
func (w *world) postbacks(first int64, count int, e Endpoint) {
	w.t.Helper()
	now := w.clock.Now().UnixMicro()
	var rows []postbackRow
	for i := range int64(count) {
		rows = append(rows, postbackRow{
			ID: first + i, MerchantID: int64(e.MerchantID), Kind: string(e.Kind), SubjectID: 7000 + first + i,
			WebhookID: fmt.Sprintf("msg_%d", first+i), Body: awkward, NextAt: now, CreatedAt: now,
		})
	}
	err := w.g.store.Write(context.Background(), func(ctx context.Context, q *store.Queries) error { return q.InsertPostbacks(ctx, store.Rows(rows)) })
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) lease(g *Gateway, limit int) []LeasedPostback {
	w.t.Helper()
	leased, _, err := g.LeasePostbacks(context.Background(), limit, anyRoom)
	if err != nil {
		w.t.Fatal(err)
	}
	return leased
}

func (w *world) record(g *Gateway, attempts ...Attempt) []AttemptResult {
	w.t.Helper()
	results, err := g.RecordAttempts(context.Background(), attempts)
	if err != nil {
		w.t.Fatal(err)
	}
	return results
}

func (w *world) failure(p LeasedPostback) Attempt {
	return Attempt{Postback: p, StartedAt: w.clock.Now(), Duration: time.Second, Status: 500, Answer: []byte("oops \x00\xff")}
}

func (w *world) delivery(p LeasedPostback) Attempt {
	return Attempt{Postback: p, StartedAt: w.clock.Now(), Duration: time.Second, Status: 200, Answer: []byte(`{"status":"ok"}`), Delivered: true}
}

func TestLeaseIsFenced(t *testing.T) {
	eachWorld(t, func(w *world) {
		second := w.instance()
		w.postbacks(1, 1, shopDeposits)
		old := w.lease(w.g, 10)
		if len(old) != 1 {
			t.Fatalf("leased %d postbacks, want 1", len(old))
		}
		now := w.clock.Now()
		want := LeasedPostback{
			ID: 1, Endpoint: shopDeposits, SubjectID: 7001, WebhookID: "msg_1", Body: []byte(awkward), CreatedAt: now,
			Lease: old[0].Lease, LeasedUntil: now.Add(PostbackLease),
		}
		if fmt.Sprint(old[0]) != fmt.Sprint(want) || old[0].Lease == 0 {
			t.Errorf("leased %+v\n  want %+v", old[0], want)
		}
		for _, wait := range []time.Duration{0, PostbackLease - time.Microsecond} {
			w.clock.Set(now.Add(wait))
			if again := w.lease(second, 10); len(again) != 0 {
				t.Fatalf("leased again after %v", wait)
			}
		}
		w.clock.Set(now.Add(PostbackLease))
		fresh := w.lease(second, 10)
		if len(fresh) != 1 || fresh[0].Lease == old[0].Lease || !bytes.Equal(fresh[0].Body, old[0].Body) || fresh[0].Attempts != 0 {
			t.Fatalf("after the lease ended: %+v", fresh)
		}
		if got := w.record(w.g, w.delivery(old[0]))[0]; got != (AttemptResult{Stale: true}) {
			t.Errorf("the stale owner's record: %+v", got)
		}
		if got := w.record(second, w.failure(fresh[0]))[0]; got.State != PostbackPending || got.Stale {
			t.Errorf("the owner's record: %+v", got)
		}
		if got := w.record(w.g, w.delivery(old[0]))[0]; !got.Stale {
			t.Errorf("the stale owner's record, once more: %+v", got)
		}
		w.want("attempts kept", w.count("SELECT count(*) FROM postback_attempt"), 1)
		w.want("still pending", w.count("SELECT count(*) FROM postback WHERE state = 'pending' AND attempts = 1 AND lease = 0"), 1)
	})
}

func TestRecordAttemptsFollowsTheSchedule(t *testing.T) {
	eachWorld(t, func(w *world) {
		created := w.clock.Now()
		tests := []struct {
			name       string
			attempts   int
			after      time.Duration // from the credit to the start of the attempt
			retryAfter time.Duration
			delivered  bool
			want       PostbackState
		}{
			{"delivered at once", 0, 0, 0, true, PostbackDelivered},
			{"failed at once", 0, 0, 0, false, PostbackPending},
			{"told to wait", 0, 0, 10 * time.Minute, false, PostbackPending},
			{"twelfth try", 11, 50 * time.Hour, 0, false, PostbackPending},
			{"thirteenth try", 12, 77 * time.Hour, 0, false, PostbackExhausted},
			{"thirteenth try delivered", 12, 77 * time.Hour, 0, true, PostbackDelivered},
			{"too old", 3, 80 * time.Hour, 0, false, PostbackExhausted},
			{"too old and delivered", 3, 90 * time.Hour, 0, true, PostbackDelivered},
		}
		w.postbacks(1, len(tests), shopDeposits)
		db := w.beside()
		leased := w.lease(w.g, len(tests))
		slices.SortFunc(leased, func(a, b LeasedPostback) int { return int(a.ID - b.ID) })
		var attempts []Attempt
		for i, test := range tests {
			p := leased[i]
			p.Attempts = test.attempts
			attempts = append(attempts, Attempt{
				Postback: p, StartedAt: created.Add(test.after), Duration: 1500 * time.Millisecond, Address: "203.0.113.9:443", TLS: "TLS 1.3",
				Status: 200, Failure: "timeout", Error: "cut \x00 off \xff" + strings.Repeat("é", 400), Answer: bytes.Repeat([]byte{0, 0xff}, 3000),
				Delivered: test.delivered, RetryAfter: test.retryAfter,
			})
			if _, err := db.Exec(fmt.Sprintf("UPDATE postback SET attempts = %d WHERE id = %d", test.attempts, p.ID)); err != nil {
				t.Fatal(err)
			}
		}
		results := w.record(w.g, attempts...)
		for i, test := range tests {
			ended := attempts[i].StartedAt.Add(1500 * time.Millisecond)
			next, endedAt := ended, ended.UnixMicro()
			if test.want == PostbackPending {
				next, _ = postback.Next(test.attempts+1, created, ended, test.retryAfter, uint64(leased[i].ID))
				next, endedAt = time.UnixMicro(next.UnixMicro()).UTC(), 0
				if wait := results[i].NextAt.Sub(ended); wait < test.retryAfter || wait < 4*time.Second {
					t.Errorf("%s: next try after %v", test.name, wait)
				}
			}
			if results[i].State != test.want || test.want == PostbackPending && !results[i].NextAt.Equal(next) {
				t.Errorf("%s: %+v, want %s at %v", test.name, results[i], test.want, next)
			}
			row := fmt.Sprintf("SELECT count(*) FROM postback WHERE id = %d AND state = '%s' AND attempts = %d AND next_at = %d AND COALESCE(ended_at, 0) = %d AND lease = 0",
				leased[i].ID, test.want, test.attempts+1, next.UnixMicro(), endedAt)
			if w.count(row) != 1 {
				t.Errorf("%s: no such row: %s", test.name, row)
			}
		}
		kept := w.stored(1)
		if len(kept) != 1 {
			t.Fatalf("%d attempts of the first postback", len(kept))
		}
		a := kept[0]
		if a.Number != 1 || a.StartedAt != created.UnixMicro() || a.Duration != 1500000 || a.Address != "203.0.113.9:443" || a.Tls != "TLS 1.3" ||
			a.Status != 200 || a.Failure != "timeout" || !strings.HasPrefix(a.Error, "cut  off é") || len(a.Error) > 500 ||
			!bytes.Equal(a.Answer, bytes.Repeat([]byte{0, 0xff}, 2048)) || a.NextAt.Valid {
			t.Errorf("stored %+v", a)
		}
		if next := w.stored(2)[0].NextAt; next.Int64 != results[1].NextAt.UnixMicro() {
			t.Errorf("next try in the attempt: %v", next)
		}
	})
}

// stored are the attempts of a postback as kept.
func (w *world) stored(id int64) []store.PostbackAttempt {
	w.t.Helper()
	rows, err := w.g.store.Read().ListPostbackAttempts(context.Background(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return rows
}

// A record whose COMMIT gave no answer is repeated, alone or with others.
func TestRecordAttemptsMayBeRepeated(t *testing.T) {
	eachWorld(t, func(w *world) {
		w.postbacks(1, 3, shopDeposits)
		leased := w.lease(w.g, 3)
		first, second, third := w.failure(leased[0]), w.delivery(leased[1]), w.delivery(leased[2])
		once := w.record(w.g, first, second)
		again := w.record(w.g, third, second, first)
		if again[0].State != PostbackDelivered || again[1] != once[1] || again[2] != once[0] || once[0].State != PostbackPending {
			t.Errorf("first %+v, repeated %+v", once, again)
		}
		w.want("attempts kept", w.count("SELECT count(*) FROM postback_attempt"), 3)
		if results := w.record(w.g); len(results) != 0 {
			t.Errorf("nothing recorded gives %v", results)
		}
	})
}

func TestBacklogDoesNotHideOthers(t *testing.T) {
	eachWorld(t, func(w *world) {
		w.postbacks(1, 300, shopDeposits)
		w.clock.Advance(time.Minute)
		w.postbacks(1001, 1, otherDeposits)
		w.postbacks(1002, 1, Endpoint{other, PostbackWithdrawal})
		counts := map[Endpoint]int{}
		for _, p := range w.lease(w.g, 10) {
			counts[p.Endpoint]++
		}
		// An even share of 10 is 3 or 4.
		if counts[otherDeposits] != 1 || counts[Endpoint{other, PostbackWithdrawal}] != 1 || counts[shopDeposits] < 3 || counts[shopDeposits] > 4 {
			t.Errorf("leased %v", counts)
		}
		room := func(e Endpoint) int { return map[Endpoint]int{shopDeposits: 2}[e] }
		leased, more, err := w.g.LeasePostbacks(context.Background(), 10, room)
		if err != nil || len(leased) != 2 || !more {
			t.Errorf("with room for two: %d leased, more %v, %v", len(leased), more, err)
		}
		leased, more, err = w.g.LeasePostbacks(context.Background(), 10, func(Endpoint) int { return 0 })
		if err != nil || len(leased) != 0 || !more {
			t.Errorf("without room: %d leased, more %v, %v", len(leased), more, err)
		}
		total := 0
		for more {
			leased, more, err = w.g.LeasePostbacks(context.Background(), 100, anyRoom)
			if err != nil || len(leased) == 0 && more {
				t.Fatalf("%d leased, more %v, %v", len(leased), more, err)
			}
			total += len(leased)
		}
		w.want("leased in the end", int64(total), 300-int64(counts[shopDeposits])-2)
	})
}

func TestOldestAreLeasedFirst(t *testing.T) {
	eachWorld(t, func(w *world) {
		for id := int64(5); id > 0; id-- {
			w.postbacks(id, 1, shopDeposits)
			w.clock.Advance(time.Second)
		}
		for id := int64(5); id > 0; id-- {
			if leased := w.lease(w.g, 1); len(leased) != 1 || leased[0].ID != id {
				t.Fatalf("leased %+v, want postback %d", leased, id)
			}
		}
	})
}

// Several instances share the work: each postback goes to one of them.
func TestInstancesLeaseDifferentPostbacks(t *testing.T) {
	eachWorld(t, func(w *world) {
		const count = 400
		w.postbacks(1, count, shopDeposits)
		var mu sync.Mutex
		owners := map[int64]int{}
		var group sync.WaitGroup
		for range 4 {
			g := w.instance()
			group.Go(func() {
				for empty := 0; empty < 3; {
					leased, _, err := g.LeasePostbacks(context.Background(), 7, anyRoom)
					if err != nil {
						t.Error(err)
						return
					}
					if len(leased) == 0 {
						empty++
					}
					mu.Lock()
					for _, p := range leased {
						owners[p.ID]++
					}
					mu.Unlock()
				}
			})
		}
		group.Wait()
		// Rows that another instance had locked at the moment are skipped, not waited for: what is left is leased now.
		for _, p := range w.lease(w.g, count) {
			owners[p.ID]++
		}
		for id, times := range owners {
			if times != 1 {
				t.Errorf("postback %d was leased %d times", id, times)
			}
		}
		w.want("leased", int64(len(owners)), count)
	})
}

func TestLeasesAreDroppedOnSQLiteOnly(t *testing.T) {
	eachWorld(t, func(w *world) {
		w.postbacks(1, 3, shopDeposits)
		leased := w.lease(w.g, 2)
		w.record(w.g, w.delivery(leased[0]))
		dropped, err := w.g.DropPostbackLeases(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		want, due := int64(1), 2
		if w.g.store.Engine() == store.Postgres {
			want, due = 0, 1
		}
		if got := len(w.lease(w.g, 10)); dropped != want || got != due {
			t.Errorf("dropped %d and leased %d, want %d and %d", dropped, got, want, due)
		}
	})
}

// A merchant that another process has just added is left alone until this one has heard of it.
func TestUnknownMerchantIsLeftForLater(t *testing.T) {
	eachWorld(t, func(w *world) {
		w.postbacks(1, 1, Endpoint{99, PostbackDeposit})
		w.postbacks(2, 1, shopDeposits)
		if leased := w.lease(w.g, 10); len(leased) != 1 || leased[0].ID != 2 {
			t.Errorf("leased %+v", leased)
		}
	})
}

func TestUndelivered(t *testing.T) {
	eachWorld(t, func(w *world) {
		none, err := w.g.Undelivered(context.Background())
		if err != nil || none != (Undelivered{}) {
			t.Errorf("at first %+v, %v", none, err)
		}
		oldest := w.clock.Now()
		w.postbacks(1, 2, shopDeposits)
		w.clock.Advance(time.Hour)
		w.postbacks(3, 2, otherDeposits)
		for _, p := range w.lease(w.g, 4) {
			switch p.ID {
			case 1:
				w.record(w.g, w.delivery(p))
			case 3:
				p.CreatedAt = p.CreatedAt.Add(-postback.Lifetime)
				w.record(w.g, w.failure(p))
			}
		}
		got, err := w.g.Undelivered(context.Background())
		if err != nil || got != (Undelivered{Pending: 2, OldestAt: oldest, Exhausted: 1}) {
			t.Errorf("got %+v, %v", got, err)
		}
	})
}

func TestURLOf(t *testing.T) {
	m := &Merchant{Merchant: merchant.Merchant{PostbackURL: "http://a/"}}
	if got := m.URLOf(PostbackWithdrawal); got != "http://a/" {
		t.Errorf("without an address of its own a withdrawal goes to %q", got)
	}
	m.WithdrawalPostbackURL = "http://b/"
	if deposit, withdrawal := m.URLOf(PostbackDeposit), m.URLOf(PostbackWithdrawal); deposit != "http://a/" || withdrawal != "http://b/" {
		t.Errorf("deposits go to %q, withdrawals to %q", deposit, withdrawal)
	}
}

func TestShareOut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rooms := rapid.SliceOfN(rapid.IntRange(0, 40), 0, 60).Draw(t, "rooms")
		limit := rapid.IntRange(1, 120).Draw(t, "limit")
		var due []Endpoint
		wanted := 0
		for i := range rooms {
			due = append(due, Endpoint{MerchantID: merchant.ID(i)})
			wanted += rooms[i]
		}
		shares := shareOut(due, limit, func(e Endpoint) int { return rooms[e.MerchantID] })
		total, seen := 0, map[merchant.ID]bool{}
		for _, s := range shares {
			if seen[s.endpoint.MerchantID] || s.most < 1 || s.most > rooms[s.endpoint.MerchantID] || s.most > max(1, limit) {
				t.Fatalf("share %+v of rooms %v", s, rooms)
			}
			seen[s.endpoint.MerchantID] = true
			total += s.most
		}
		if total > limit || wanted > 0 && total == 0 {
			t.Fatalf("shared out %d of %d, wanted %d", total, limit, wanted)
		}
	})
}

// The statements of the delivery must cost what is due, not what is stored: each uses an index, with and without
// statistics.
func TestPostbackStatementsUseIndexes(t *testing.T) {
	text, err := os.ReadFile("../store/queries/postback.sql")
	if err != nil {
		t.Fatal(err)
	}
	statements := regexp.MustCompile(`(?m)^-- name: (\w+) :\w+$`).Split(string(text), -1)[1:]
	names := regexp.MustCompile(`(?m)^-- name: (\w+) :\w+$`).FindAllStringSubmatch(string(text), -1)
	values := strings.NewReplacer("sqlc.arg(merchant_id)", "1", "sqlc.arg(kind)", "'deposit'", "sqlc.arg(batch)", "$1",
		"sqlc.arg(now)", "5", "sqlc.arg(most)", "32", "sqlc.arg(lease)", "9", "sqlc.arg(leased_until)", "50")
	eachWorld(t, func(w *world) {
		db := w.beside()
		db.SetMaxOpenConns(1) // settings of the connection hold for all that follows
		run := func(statement string) {
			if _, err := db.Exec(statement); err != nil {
				t.Fatal(err)
			}
		}
		if w.g.store.Engine() == store.Postgres {
			run("ALTER TABLE postback SET (autovacuum_enabled = false)") // statistics of half-way would be neither
		}
		for first := int64(1); first < 20_000; first += 1000 {
			w.postbacks(first, 1000, Endpoint{merchant.ID(1 + first/1000%5), PostbackDeposit})
		}
		run("UPDATE postback SET state = 'delivered', ended_at = 1 WHERE id % 3 > 0")
		for _, analyze := range []string{"", "ANALYZE"} {
			run(analyze)
			for i, statement := range statements {
				if w.g.store.Engine() == store.Postgres {
					// As on the connections that read and on those that write.
					reads := slices.Contains([]string{"ListEndpoints", "CountUndelivered"}, names[i][1])
					run(fmt.Sprintf("SET enable_seqscan = %v", reads))
				}
				plan := w.explain(db, values.Replace(statement))
				scan := regexp.MustCompile(`Seq Scan on postback|SCAN (postback|[pdea])$|SCAN (postback|[pdea]) USING INDEX sqlite_auto`)
				if scan.MatchString(plan) {
					t.Errorf("%s %s:\n%s", names[i][1], analyze, plan)
				}
			}
		}
	})
}

// explain is the plan of a statement, one step in a line; its only argument, if any, is a batch.
func (w *world) explain(db *sql.DB, statement string) string {
	w.t.Helper()
	explain, column := "EXPLAIN ", 0
	if w.g.store.Engine() == store.SQLite {
		explain, column = "EXPLAIN QUERY PLAN ", 3
	}
	var args []any
	if strings.Contains(statement, "$1") {
		args = append(args, "[]")
	}
	rows, err := db.Query(explain+w.g.store.Rewrite(statement), args...)
	if err != nil {
		w.t.Fatal(err, statement)
	}
	defer rows.Close()
	var plan []string
	for rows.Next() {
		line, into := "", make([]any, column+1)
		for i := range column {
			into[i] = new(any)
		}
		into[column] = &line
		if err := rows.Scan(into...); err != nil {
			w.t.Fatal(err)
		}
		plan = append(plan, line)
	}
	if len(plan) == 0 || rows.Err() != nil {
		w.t.Fatal("no plan", rows.Err(), statement)
	}
	return strings.Join(plan, "\n")
}
