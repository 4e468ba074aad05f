package gateway

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/galla-gateway/galla/internal/merchant"
	"github.com/galla-gateway/galla/internal/store"
)

// toldRow is a postback as stored.
type toldRow struct {
	id              int64
	e               Endpoint
	state           PostbackState
	attempts, tries int // all, and those before its schedule began
	ago             time.Duration
	webhookID       string
}

var otherWithdrawals = Endpoint{other, PostbackWithdrawal}

// tell stores postbacks that are due in an hour unless they have ended.
func (w *world) tell(list ...toldRow) {
	w.t.Helper()
	for chunk := range slices.Chunk(list, 500) {
		rows := make([]string, len(chunk))
		for i, p := range chunk {
			created, next, ended := w.clock.Now().Add(-p.ago).UnixMicro(), w.clock.Now().Add(time.Hour).UnixMicro(), "NULL"
			if p.state != PostbackPending {
				ended = fmt.Sprint(created)
			}
			if p.webhookID == "" {
				p.webhookID = fmt.Sprintf("msg_%d", p.id)
			}
			rows[i] = fmt.Sprintf("(%d, %d, '%s', %d, '%s', '{}', '%s', %d, %d, %d, %d, %d, %s)", p.id, p.e.MerchantID, p.e.Kind, 7000+p.id, p.webhookID,
				p.state, p.attempts, next, created, p.tries, created, ended)
		}
		w.mutate("INSERT INTO postback (id, merchant_id, kind, subject_id, webhook_id, body, state, attempts, next_at, schedule_at, schedule_tries, created_at, ended_at) VALUES " +
			strings.Join(rows, ", "))
	}
}

// pick is the ids that a filter picks, and the id to go on below.
func (w *world) pick(f PostbackFilter, before int64, most int) (ids []int64, more int64) {
	w.t.Helper()
	picked, more, err := PickPostbacks(context.Background(), w.g.store.Read(), f, before, most)
	w.must(err)
	for _, p := range picked {
		ids = append(ids, p.ID)
	}
	return ids, more
}

// zoo are postbacks of every state: 6 is of a paused endpoint, 7 was replayed and waits for its first try since.
func (w *world) zoo() {
	w.t.Helper()
	w.tell(
		toldRow{id: 1, e: shopDeposits, state: PostbackDelivered, attempts: 1, ago: 50 * time.Hour},
		toldRow{id: 2, e: shopDeposits, state: PostbackExhausted, attempts: 13, ago: 50 * time.Hour},
		toldRow{id: 3, e: otherDeposits, state: PostbackExhausted, attempts: 13, ago: 2 * time.Hour},
		toldRow{id: 4, e: shopDeposits, state: PostbackPending, ago: time.Minute},
		toldRow{id: 5, e: shopDeposits, state: PostbackPending, attempts: 2, ago: time.Minute},
		toldRow{id: 6, e: otherWithdrawals, state: PostbackPending, attempts: 1, ago: time.Hour},
		toldRow{id: 7, e: otherDeposits, state: PostbackPending, attempts: 1, tries: 1, ago: 50 * time.Hour},
		toldRow{id: 8, e: otherDeposits, state: PostbackDelivered, attempts: 2, ago: time.Second},
	)
	w.must(w.g.PauseEndpoints(context.Background(), "other", []PostbackKind{PostbackWithdrawal}, "moves house"))
}

func TestPickPostbacks(t *testing.T) {
	eachWorld(t, func(w *world) {
		w.zoo()
		day := w.clock.Now().Add(-24 * time.Hour)
		stories := []struct {
			what   string
			filter PostbackFilter
			want   []int64
		}{
			{"all", PostbackFilter{}, []int64{8, 7, 6, 5, 4, 3, 2, 1}},
			{"delivered", PostbackFilter{State: PostbackDelivered}, []int64{8, 1}},
			{"exhausted", PostbackFilter{State: PostbackExhausted}, []int64{3, 2}},
			{"pending", PostbackFilter{State: PostbackPending}, []int64{7, 5, 4}},
			{"paused", PostbackFilter{State: PostbackPaused}, []int64{6}},
			{"failed", PostbackFilter{Failed: true}, []int64{6, 5, 3, 2}},
			{"pending and failed", PostbackFilter{State: PostbackPending, Failed: true}, []int64{5}},
			{"exhausted and failed", PostbackFilter{State: PostbackExhausted, Failed: true}, []int64{3, 2}},
			{"of a merchant", PostbackFilter{MerchantID: shop}, []int64{5, 4, 2, 1}},
			{"of a day", PostbackFilter{Since: day}, []int64{8, 6, 5, 4, 3}},
			{"until an hour ago", PostbackFilter{Until: w.clock.Now().Add(-time.Hour)}, []int64{7, 6, 3, 2, 1}},
			{"failed, of a merchant and a day", PostbackFilter{Failed: true, MerchantID: other, Since: day}, []int64{6, 3}},
		}
		// Far above them stand enough others that the newest don't fill the list: then indexes do.
		for _, far := range []bool{false, true} {
			if far {
				w.tell(toldRow{id: 5_000_000, e: Endpoint{99, PostbackDeposit}, state: PostbackDelivered, ago: time.Second})
			}
			for _, s := range stories {
				got, more := w.pick(s.filter, math.MaxInt64, 50)
				if far && len(got) > 0 && got[0] == 5_000_000 {
					got = got[1:]
				}
				if !slices.Equal(got, s.want) || more != 0 {
					t.Errorf("%s: %v, more %d, want %v", s.what, got, more, s.want)
				}
				first, _ := w.pick(s.filter, 100, 1)
				rest, _ := w.pick(s.filter, s.want[0], 50)
				if !slices.Equal(append(first, rest...), s.want) {
					t.Errorf("%s by page: %v, then %v", s.what, first, rest)
				}
			}
		}
	})
}

// A list of what no index knows ends after so many stretches, and tells where to go on.
func TestPickingIsBounded(t *testing.T) {
	eachWorld(t, func(w *world) {
		var list []toldRow
		for i := range int64(maxPickStretches + 2) {
			list = append(list, toldRow{id: 1 + i*pickStretch, e: otherDeposits, state: PostbackDelivered})
		}
		list[0].e = shopDeposits
		w.tell(list...)
		got, more := w.pick(PostbackFilter{MerchantID: shop}, math.MaxInt64, 50)
		if len(got) != 0 || more != 1+pickStretch+1 {
			t.Fatalf("first %v, more %d", got, more)
		}
		if got, more = w.pick(PostbackFilter{MerchantID: shop}, more, 50); !slices.Equal(got, []int64{1}) || more != 0 {
			t.Errorf("then %v, more %d", got, more)
		}
	})
}

func TestFindPostbackByWebhookID(t *testing.T) {
	eachWorld(t, func(w *world) {
		ids := map[string]int64{}
		var list []toldRow
		for i := range int64(3 * maxWebhookStretches) {
			made := madeAt(w.clock.Now().Add(time.Duration(i) * time.Hour))
			p := toldRow{id: 1 + i*webhookStretch, e: shopDeposits, state: PostbackDelivered, ago: -time.Duration(i) * time.Hour, webhookID: made}
			ids[made] = p.id
			list = append(list, p)
		}
		w.tell(list...)
		for webhookID, want := range ids {
			if got, err := FindPostback(context.Background(), w.g.store.Read(), webhookID); err != nil || got != want {
				t.Fatalf("%s: %d, %v, want %d", webhookID, got, err, want)
			}
		}
		for _, unknown := range []string{"", "1", "msg_", "msg_1", madeAt(w.clock.Now()), "msg_6ba7b810-9dad-11d1-80b4-00c04fd430c8", "MSG_x"} {
			if got, err := FindPostback(context.Background(), w.g.store.Read(), unknown); err != nil || got != 0 {
				t.Errorf("%q: %d, %v", unknown, got, err)
			}
		}
	})
}

// madeAt is a webhook id of a time.
func madeAt(at time.Time) string {
	id := uuid.Must(uuid.NewV7())
	millis := at.UnixMilli()
	for i := range 6 {
		id[i] = byte(millis >> (40 - 8*i))
	}
	return webhookPrefix + id.String()
}

// row is a postback's state in one line.
func (w *world) row(id int64) string {
	w.t.Helper()
	var state string
	var attempts, tries, next, began, ended int64
	err := w.g.store.ReadPool().QueryRow(fmt.Sprintf("SELECT state, attempts, schedule_tries, next_at, schedule_at, COALESCE(ended_at, 0) FROM postback WHERE id = %d", id)).
		Scan(&state, &attempts, &tries, &next, &began, &ended)
	w.must(err)
	now := w.clock.Now().UnixMicro()
	return fmt.Sprintf("%s %d/%d due %v began %v ended %v", state, attempts, tries, next == now, began == now, ended != 0)
}

func TestReplay(t *testing.T) {
	eachWorld(t, func(w *world) {
		ctx := context.Background()
		w.zoo()
		w.mutate("INSERT INTO endpoint (merchant_id, kind, state, reason, failures, changed_at, probe_id, probe_at, probed_at) VALUES " +
			"(1, 'deposit', 'open', 'HTTP 500', 7, 5, 2, 99, 50), (2, 'deposit', 'open', 'timeout', 3, 5, 3, 99, 50)")
		wakes := 0
		w.g.opts.OnPostback = func([]Postback) { wakes++ }
		replayed, err := w.g.ReplayPostbacks(ctx, []int64{5, 1, 2, 2, 4, 6, 999, 1})
		if err != nil || replayed != 5 || wakes != 1 {
			t.Fatalf("replayed %d, %v, woke the sender %d times", replayed, err, wakes)
		}
		for id, want := range map[int64]string{
			1: "pending 1/1 due true began true ended false",
			2: "pending 13/13 due true began true ended false",
			4: "pending 0/0 due true began true ended false",
			5: "pending 2/2 due true began true ended false",
			6: "pending 1/1 due true began true ended false",
			3: "exhausted 13/0 due false began false ended true",
			7: "pending 1/1 due false began false ended false",
			8: "delivered 2/0 due false began false ended true",
		} {
			if got := w.row(id); got != want {
				t.Errorf("postback %d: %s, want %s", id, got, want)
			}
		}
		gate := func(e Endpoint) string {
			row := w.status(e)
			return fmt.Sprintf("%s %q %d %d", row.State, row.Reason, row.Failures, w.count(fmt.Sprintf("SELECT probe_id + probe_at FROM endpoint WHERE merchant_id = %d AND kind = '%s'", e.MerchantID, e.Kind)))
		}
		for e, want := range map[Endpoint]string{
			shopDeposits: `closed "" 0 0`, otherDeposits: `open "timeout" 3 102`, otherWithdrawals: `paused "moves house" 0 0`,
		} {
			if got := gate(e); got != want {
				t.Errorf("endpoint %v: %s, want %s", e, got, want)
			}
		}
		if got := w.status(shopDeposits).ChangedAt; !got.Equal(w.clock.Now()) {
			t.Errorf("closed since %v", got)
		}
		// What was just replayed hasn't failed yet: to do it again passes it over.
		if got, _ := w.pick(PostbackFilter{Failed: true}, math.MaxInt64, 50); !slices.Equal(got, []int64{3}) {
			t.Errorf("failed after the replay: %v", got)
		}
		if replayed, err := w.g.ReplayPostbacks(ctx, nil); replayed != 0 || err != nil {
			t.Errorf("nothing: %d, %v", replayed, err)
		}
	})
}

// A replay of many goes in small transactions, and one that is interrupted goes on where it was.
func TestReplayOfMany(t *testing.T) {
	eachWorld(t, func(w *world) {
		const many = 2*walkStretch + 700
		list := make([]toldRow, many)
		for i := range list {
			list[i] = toldRow{id: 10 + int64(i), e: shopDeposits, state: PostbackExhausted, attempts: 13, ago: time.Hour}
			if i >= walkStretch {
				list[i].id += 1_000_000 // as after a restore
			}
		}
		w.tell(list...)
		w.tell(toldRow{id: 1, e: shopDeposits, state: PostbackDelivered, attempts: 1}, toldRow{id: 2, e: otherDeposits, state: PostbackExhausted, attempts: 13})
		filter := PostbackFilter{MerchantID: shop, Failed: true, Until: w.clock.Now()}
		replayed, last := 0, int64(0)
		walk := func(stop int) error {
			behind := int64(0)
			return WalkPostbacks(context.Background(), w.g.store.Read(), filter, last, func(picked []PickedPostback, done, total int64) error {
				if done <= behind || done > total {
					t.Errorf("%d of %d are behind it, before %d", done, total, behind)
				}
				behind = done
				for chunk := range slices.Chunk(picked, ReplayChunk) {
					if stop--; stop == 0 {
						return context.Canceled
					}
					ids := make([]int64, len(chunk))
					for i, p := range chunk {
						if ids[i] = p.ID; p.ID <= last || p.Endpoint != shopDeposits {
							t.Fatalf("%+v after %d", p, last)
						}
						last = p.ID
					}
					n, err := w.g.ReplayPostbacks(context.Background(), ids)
					if err != nil {
						return err
					}
					replayed += n
				}
				return nil
			})
		}
		if err := walk(4); !errors.Is(err, context.Canceled) || replayed != 3*ReplayChunk {
			t.Fatalf("interrupted: %v after %d", err, replayed)
		}
		w.must(walk(math.MaxInt))
		w.want("replayed", int64(replayed), many)
		w.want("pending", w.count("SELECT count(*) FROM postback WHERE state = 'pending' AND schedule_tries = 13"), many)
		w.want("left alone", w.count("SELECT count(*) FROM postback WHERE state <> 'pending'"), 2)
		last = 0
		w.must(walk(math.MaxInt))
		w.want("replayed when done again", int64(replayed), many)

		all := make([]int64, many)
		for i := range all {
			all[i] = list[i].id
		}
		chunks := 0
		w.g.opts.OnPostback = func([]Postback) { chunks++ }
		if n, err := w.g.ReplayPostbacks(context.Background(), all); err != nil || n != many || chunks != (many+ReplayChunk-1)/ReplayChunk {
			t.Errorf("in one call: %d, %v, in %d transactions", n, err, chunks)
		}
		gone, cancel := context.WithCancel(context.Background())
		cancel()
		if n, err := w.g.ReplayPostbacks(gone, all); n != 0 || !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %d, %v", n, err)
		}
	})
}

// Lists and replays must cost what they show or change, what is pending or what was given up, not all that was ever sent.
func TestOperatorsStatementsUseIndexes(t *testing.T) {
	text, err := os.ReadFile("../store/queries/endpoint.sql")
	if err != nil {
		t.Fatal(err)
	}
	heads := regexp.MustCompile(`(?m)^-- name: (\w+) :\w+$`)
	statements, names := heads.Split(string(text), -1)[1:], heads.FindAllStringSubmatch(string(text), -1)
	number := regexp.MustCompile(`sqlc\.arg\(\w+\)`)
	values := strings.NewReplacer("sqlc.arg(batch)", "$1", "sqlc.arg(kind)", "'deposit'", "sqlc.arg(state)", "''", "sqlc.arg(gate)", "''",
		"sqlc.arg(reason)", "'x'", "sqlc.arg(ca)", "''", "sqlc.arg(pin)", "''", "sqlc.arg(webhook_id)", "'msg_1'", "sqlc.arg(last_merchant)", "99", "sqlc.arg(before)", "1000000")
	eachWorld(t, func(w *world) {
		var list []toldRow
		for i := range int64(20_000) {
			p := toldRow{id: i + 1, e: Endpoint{merchant.ID(1 + i%3), PostbackDeposit}, state: PostbackDelivered, attempts: 1}
			if i%100 == 0 {
				p.state = PostbackExhausted
			}
			if i%50 == 1 {
				p.state = PostbackPending
			}
			list = append(list, p)
		}
		w.tell(list...)
		db := w.beside()
		scan := regexp.MustCompile(`Seq Scan on postback\s|SCAN (postback|p)( USING INDEX sqlite_auto\w*)?(\n|$)`)
		wanted := map[string]string{"PickPendingPostbacks": "postback_due", "PickExhaustedPostbacks": "postback_exhausted"}
		if _, err := db.Exec("ANALYZE"); err != nil {
			t.Fatal(err)
		}
		for i, statement := range statements {
			name := names[i][1]
			if strings.Contains(statement, "INSERT INTO endpoint") {
				continue // looks nothing up
			}
			text, column := "EXPLAIN ", 0
			if w.g.store.Engine() == store.SQLite {
				text, column = "EXPLAIN QUERY PLAN ", 3
			}
			text += w.g.store.Rewrite(number.ReplaceAllString(values.Replace(statement), "9"))
			var args []any
			if strings.Contains(statement, "sqlc.arg(batch)") {
				args = append(args, "[]")
			}
			plan := w.explain(db, text, column, args...)
			if scan.MatchString(plan) || !strings.Contains(plan, wanted[name]) {
				t.Errorf("%s:\n%s", name, plan)
			}
		}
	})
}
