package gateway

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/galla-gateway/galla"
	"github.com/galla-gateway/galla/internal/deposit"
	"github.com/galla-gateway/galla/internal/merchant"
	"github.com/galla-gateway/galla/internal/store"
	"github.com/galla-gateway/galla/internal/testkit"
)

// farAway is an id that no batch of a test draws.
const farAway = 5_000_000

// eventPostback is a postback as a batch writes it, with ids and names made of one number.
func (w *world) eventPostback(id int64, of merchant.ID) postbackRow {
	now := w.clock.Now().UnixMicro()
	return postbackRow{
		ID: id, MerchantID: int64(of), Kind: "deposit", SubjectID: id, WebhookID: fmt.Sprintf("msg_%d", id), Packed: packedHex(awkward), NextAt: now, CreatedAt: now,
	}
}

// commit writes a postback with its event, as batch.save does, and calls hold before the commit.
func commit(g *Gateway, row postbackRow, hold func()) error {
	return g.store.Write(context.Background(), func(ctx context.Context, q *store.Queries) error {
		rows := store.Rows([]postbackRow{row})
		err := errors.Join(q.InsertPostbacks(ctx, rows), q.InsertNewEvents(ctx, rows))
		hold()
		return err
	})
}

func (w *world) number(g *Gateway) {
	w.t.Helper()
	w.must(g.NumberEvents(context.Background()))
}

// feed reads all of a merchant's feed in pages of a size and checks that positions follow one another.
func (w *world) feed(of merchant.ID, after int64, size int) (events []Event) {
	w.t.Helper()
	for {
		page, more, err := w.g.Events(context.Background(), of, after, size)
		w.must(err)
		for _, e := range page {
			if after++; e.Position != after {
				w.t.Fatalf("position %d follows %d", e.Position, after-1)
			}
		}
		events = append(events, page...)
		if len(page) > size || more && len(page) < size {
			w.t.Fatalf("a page of %d has %d events, more is %v", size, len(page), more)
		}
		if !more {
			return events
		}
	}
}

func TestEventsOfCredits(t *testing.T) {
	eachWorld(t, func(w *world) {
		for i := range 5 {
			number := fmt.Sprintf("32130203812%d", i)
			w.observe(w.credit(number, "500"))
			w.wantClaim(claimRequest("o"+number, "p", number, "500"), deposit.Accepted, deposit.ReasonMatched)
		}
		if before := w.feed(shop, 0, 10); len(before) != 0 {
			w.t.Fatalf("%d events have positions before anybody numbered them", len(before))
		}
		w.must(commit(w.g, w.eventPostback(farAway, other), func() {}))
		w.number(w.g)
		for _, size := range []int{1, 2, 4, 5, 6} {
			events := w.feed(shop, 0, size)
			if len(events) != 5 {
				w.t.Fatalf("pages of %d have %d events", size, len(events))
			}
			for _, e := range events {
				var id int64
				var webhookID string
				query := "SELECT p.id, p.webhook_id FROM event e JOIN postback p ON p.id = e.postback_id WHERE e.merchant_id = 1 AND e.position = $1"
				w.must(w.g.store.ReadPool().QueryRow(w.g.store.Rewrite(query), e.Position).Scan(&id, &webhookID))
				body := w.bodies(fmt.Sprint("id = ", id))[0]
				if e.WebhookID != webhookID || string(e.Body) != body || e.Type != galla.EventDepositOK || !e.CreatedAt.Equal(w.clock.Now()) {
					w.t.Errorf("event %+v of postback %s %s", e, webhookID, body)
				}
			}
		}
		// What another merchant has is another feed, with positions of its own.
		if events := w.feed(other, 0, 10); len(events) != 1 || events[0].WebhookID != fmt.Sprint("msg_", farAway) {
			w.t.Errorf("the other merchant's feed: %+v", events)
		}
		for id, want := range map[merchant.ID]int64{shop: 5, other: 1, 77: 0} {
			last, err := w.g.LastEvent(context.Background(), id)
			w.must(err)
			w.want(fmt.Sprint("last position of ", id), last, want)
		}
		if events, more, err := w.g.Events(context.Background(), shop, 5, 10); len(events) != 0 || more || err != nil {
			w.t.Errorf("behind the last: %v, %v, %v", events, more, err)
		}
		w.want("waiting for a position", w.count("SELECT count(*) FROM event_new"), 0)
		w.feedIsSound()
	})
}

// The first to write its postback commits last. Who has read what was committed meanwhile still finds it. (On SQLite there
// is one writer, and this can't happen.)
func TestFirstWriterCommitsLast(t *testing.T) {
	w := newWorld(t, testkit.Postgres(t))
	written, release, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		done <- commit(w.g, w.eventPostback(1, shop), func() {
			close(written)
			<-release
		})
	}()
	<-written
	w.must(commit(w.g, w.eventPostback(2, shop), func() {}))
	w.number(w.g)
	read := w.feed(shop, 0, 10)
	if len(read) != 1 || read[0].WebhookID != "msg_2" {
		t.Fatalf("while the first writer is under way: %+v", read)
	}
	close(release)
	w.must(<-done)
	w.number(w.instance())
	if rest := w.feed(shop, read[0].Position, 10); len(rest) != 1 || rest[0].WebhookID != "msg_1" {
		t.Fatalf("behind what was read: %+v", rest)
	}
	w.feedIsSound()
}

// An instance that has numbered and not yet committed holds up the others, so that nobody sees a position before those
// below it.
func TestNumberingTakesTurns(t *testing.T) {
	w := newWorld(t, testkit.Postgres(t))
	second := w.instance()
	w.must(commit(w.g, w.eventPostback(1, shop), func() {}))
	numbered, release, done := make(chan struct{}), make(chan struct{}), make(chan error, 2)
	go func() {
		done <- w.g.store.Write(context.Background(), func(ctx context.Context, q *store.Queries) error {
			_, err := w.g.number(ctx, q, []int64{int64(shop)})
			close(numbered)
			<-release
			return err
		})
	}()
	<-numbered
	w.must(commit(w.g, w.eventPostback(2, shop), func() {}))
	w.must(commit(w.g, w.eventPostback(3, other), func() {}))
	go func() { done <- second.NumberEvents(context.Background()) }()
	for w.count("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'") == 0 {
		runtime.Gosched() // the second instance has yet to come to the first one's lock
	}
	if seen := w.feed(shop, 0, 10); len(seen) != 0 {
		t.Errorf("before the first has committed: %+v", seen)
	}
	close(release)
	w.must(<-done)
	w.must(<-done)
	if seen := w.feed(shop, 0, 10); len(seen) != 2 || seen[0].WebhookID != "msg_1" || seen[1].WebhookID != "msg_2" {
		t.Errorf("afterwards: %+v", seen)
	}
	w.feedIsSound()
}

// Several instances number while several write, and readers follow by cursor: no gap, nothing twice, nothing missed.
func TestManyNumberManyRead(t *testing.T) {
	const writers, each, readers = 6, 40, 2
	eachWorld(t, func(w *world) {
		gateways := []*Gateway{w.g, w.instance(), w.instance()}
		var ids atomic.Int64
		var writing sync.WaitGroup
		written := make(chan struct{})
		writing.Add(writers)
		go func() {
			writing.Wait()
			close(written)
		}()
		write := func(i int) error {
			defer writing.Done()
			for n := range each {
				row := w.eventPostback(ids.Add(1), shop+merchant.ID(n%2))
				// Those that are held for a while commit after others with higher ids.
				if err := commit(gateways[i%len(gateways)], row, func() { time.Sleep(time.Duration(row.ID%4) * time.Millisecond) }); err != nil {
					return err
				}
			}
			return nil
		}
		number := func(i int) error {
			for {
				select {
				case <-written:
					return gateways[i].NumberEvents(context.Background())
				default:
					if err := gateways[i].NumberEvents(context.Background()); err != nil {
						return err
					}
				}
			}
		}
		read := func(i int) error {
			of, seen := shop+merchant.ID(i%2), map[string]bool{}
			for after := int64(0); len(seen) < writers*each/2; {
				page, _, err := gateways[i%len(gateways)].Events(context.Background(), of, after, 7)
				if err != nil {
					return err
				}
				for _, e := range page {
					if e.Position != after+1 || seen[e.WebhookID] {
						return fmt.Errorf("reader %d: position %d of %s follows %d", i, e.Position, e.WebhookID, after)
					}
					after, seen[e.WebhookID] = e.Position, true
				}
			}
			return nil
		}
		w.race(writers+len(gateways)+2*readers, func(i int) error {
			switch {
			case i < writers:
				return write(i)
			case i < writers+len(gateways):
				return number(i - writers)
			}
			return read(i - writers - len(gateways))
		})
		w.want("waiting for a position", w.count("SELECT count(*) FROM event_new"), 0)
		w.feedIsSound()
	})
}

// feedIsSound audits the feeds. (These postbacks are of no deposits, which the audit tells as well.)
func (w *world) feedIsSound() {
	w.t.Helper()
	if failed, report := w.audited(); slices.Contains(failed, "feed") {
		w.t.Errorf("the audit of the feed: %+v", report)
	}
}

// A backlog, as after an upgrade, is numbered in several transactions, and merchants share each.
func TestEventBacklog(t *testing.T) {
	const backlog = 2*numberEvents + 7
	eachWorld(t, func(w *world) {
		var rows []postbackRow
		for i := range int64(backlog) {
			rows = append(rows, w.eventPostback(1000+i, shop))
		}
		w.must(w.g.store.Write(context.Background(), func(ctx context.Context, q *store.Queries) error {
			return errors.Join(q.InsertPostbacks(ctx, store.Rows(rows)), q.InsertNewEvents(ctx, store.Rows(rows)))
		}))
		w.must(commit(w.g, w.eventPostback(1, other), func() {}))
		var full bool
		w.must(w.g.write(context.Background(), func(ctx context.Context, q *store.Queries) (err error) {
			full, err = w.g.number(ctx, q, []int64{int64(shop), int64(other)})
			return err
		}))
		if first := w.feed(shop, 0, 500); len(first) != numberEvents/2 || !full || len(w.feed(other, 0, 10)) != 1 {
			w.t.Fatalf("the first transaction numbered %d of the backlog, more is %v", len(first), full)
		}
		w.number(w.g)
		for i, e := range w.feed(shop, 0, 500) {
			if e.WebhookID != rows[i].WebhookID {
				w.t.Fatalf("event %d is %s", e.Position, e.WebhookID)
			}
		}
		w.want("events", w.count("SELECT count(*) FROM event"), backlog+1)
		w.feedIsSound()
	})
}

// A cursor from after the backup stays good: what is numbered after the restore lies behind it, whatever was lost.
func TestRestoreNeverReusesPositions(t *testing.T) {
	eachPairOfEngines(t, func(w *world, database string) {
		pay := func(w *world, number string) {
			w.t.Helper()
			w.observe(w.credit(number, "500"))
			if got := w.claim(claimRequest("o"+number, "p", number, "500")); got.State == deposit.Refused {
				w.t.Fatal(got)
			}
		}
		pay(w, "321302038101")
		w.number(w.g)
		pay(w, "321302038102") // in the backup, without a position
		file := w.backup()
		pay(w, "321302038103")
		w.number(w.g)
		lost := w.feed(shop, 0, 10)
		again := w.restored(file, database)
		if kept := again.feed(shop, 0, 10)[:1]; kept[0].WebhookID != lost[0].WebhookID {
			w.t.Fatalf("the restored feed begins with %+v", kept)
		}
		if _, err := again.g.EndRecovery(context.Background(), "operator", "statements are imported"); err != nil {
			w.t.Fatal(err)
		}
		pay(again, "321302038104")
		again.number(again.g)
		fresh, _, err := again.g.Events(context.Background(), shop, lost[2].Position, 10)
		again.must(err)
		if len(fresh) != 2 || fresh[0].WebhookID != lost[1].WebhookID || fresh[1].WebhookID == lost[2].WebhookID || fresh[0].Position != RestoreIDGap+2 {
			w.t.Errorf("behind position %d after the restore: %+v", lost[2].Position, fresh)
		}
		// A merchant whose first event came after the backup.
		w.must(commit(again.g, again.eventPostback(farAway, other), func() {}))
		again.number(again.g)
		if last, err := again.g.LastEvent(context.Background(), other); err != nil || last != RestoreIDGap+1 {
			w.t.Errorf("the first event of another merchant has position %d, %v", last, err)
		}
		again.feedIsSound()
	})
}

func TestOracleFindsBrokenFeeds(t *testing.T) {
	eachWorld(t, func(w *world) {
		w.business()
		w.number(w.g)
		w.observe(w.credit("321302038777", "5"))
		w.wantClaim(claimRequest("last", "p", "321302038777", "5"), deposit.Held, deposit.ReasonDisputed)
		w.feedIsSound()
		for name, query := range map[string]string{
			"a lost event":              "DELETE FROM event WHERE position = 1",
			"an event of somebody else": "UPDATE event SET merchant_id = 2 WHERE position = 1",
			"a gap":                     "UPDATE event SET position = 77 WHERE position = 2",
			"a feed that fell back":     "UPDATE event_feed SET last_position = last_position - 1",
			"an event twice":            "INSERT INTO event_new (merchant_id, postback_id) SELECT merchant_id, postback_id FROM event",
		} {
			tx, err := w.beside().Begin()
			w.must(err)
			_, err = tx.Exec(query)
			w.must(err)
			failed, report := w.auditedBy(tx)
			w.must(tx.Rollback())
			if !slices.Equal(failed, []string{"feed"}) {
				w.t.Errorf("%s: failed %v: %+v", name, failed, report)
			}
		}
	})
}

func TestEventTypes(t *testing.T) {
	body := func(status int) []byte {
		return galla.Postback{Direction: galla.DirectionWithdrawal, Data: galla.PostbackData{WithdrawalStatus: status}}.AppendBody(nil, "a", "b")
	}
	for _, c := range []struct {
		kind PostbackKind
		body []byte
		want galla.EventType
	}{
		{PostbackDeposit, galla.Postback{Direction: galla.DirectionDeposit}.AppendBody(nil, "a", "b"), galla.EventDepositOK},
		{PostbackWithdrawal, body(galla.WithdrawalPaid), galla.EventWithdrawalPaid},
		{PostbackWithdrawal, body(galla.WithdrawalFailed), galla.EventWithdrawalFailed},
		{PostbackWithdrawal, []byte("x"), galla.EventWithdrawalFailed},
	} {
		if got := eventType(c.kind, c.body); got != c.want {
			t.Errorf("%s %s: %s, want %s", c.kind, c.body, got, c.want)
		}
	}
}
