package crash

import (
	"database/sql"
	"testing"
	"time"

	"github.com/galla-gateway/galla/internal/store"
)

// clockSlack is how much earlier than its attempt, whose time is Galla's, a visit may seem to have come.
const clockSlack = 5 * time.Millisecond

// books reads the database beside the servers.
type books struct {
	t  *testing.T
	db *sql.DB
}

func openBooks(t *testing.T, database string) books {
	s, err := store.Open(t.Context(), database, store.Existing, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return books{t, s.ReadPool()}
}

// waitDelivered waits until nothing is pending.
func (b books) waitDelivered(limit time.Duration) {
	b.t.Helper()
	for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		var open int
		if err := b.db.QueryRow("SELECT count(*) FROM postback WHERE state = 'pending'").Scan(&open); err != nil {
			b.t.Fatal(err)
		}
		if open == 0 {
			return
		}
		if time.Since(began) > limit {
			b.t.Fatalf("%d postbacks still wait after %v", open, limit)
		}
	}
}

// attempt is one request as Galla keeps it.
type attempt struct {
	number  int
	from    time.Time
	status  int
	failure string
}

// postback is a row and its attempts.
type postback struct {
	id        int64
	webhookID string
	state     string
	count     int
	attempts  []attempt
}

func (b books) postbacks() (list []*postback) {
	b.t.Helper()
	byID := map[int64]*postback{}
	b.each("SELECT id, webhook_id, state, attempts FROM postback ORDER BY id", func(rows *sql.Rows) error {
		p := &postback{}
		list = append(list, p)
		defer func() { byID[p.id] = p }()
		return rows.Scan(&p.id, &p.webhookID, &p.state, &p.count)
	})
	b.each("SELECT postback_id, number, started_at, status, failure FROM postback_attempt ORDER BY postback_id, number",
		func(rows *sql.Rows) error {
			var id, started int64
			var a attempt
			if err := rows.Scan(&id, &a.number, &started, &a.status, &a.failure); err != nil {
				return err
			}
			a.from = time.UnixMicro(started).Add(-clockSlack)
			byID[id].attempts = append(byID[id].attempts, a)
			return nil
		})
	return list
}

func (b books) each(query string, scan func(*sql.Rows) error) {
	b.t.Helper()
	rows, err := b.db.Query(query)
	if err != nil {
		b.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			b.t.Fatal(err)
		}
	}
	if err := rows.Err(); err != nil {
		b.t.Fatal(err)
	}
}

// judgement is what the comparison of the two books counts.
type judgement struct {
	attempts int
	lost     int // visits whose attempt was never recorded, as their sender was dead
	fates    map[fate]int
}

// judge compares what Galla kept with what the merchants saw.
func (b books) judge(f *fleet) judgement {
	b.t.Helper()
	j := judgement{fates: map[fate]int{}}
	r := f.receiver
	r.mu.Lock()
	defer r.mu.Unlock()
	told := map[string]bool{} // orders
	list := b.postbacks()
	for _, p := range list {
		m := r.messages[p.webhookID]
		if m == nil {
			b.t.Errorf("postback %d never came", p.id)
			continue
		}
		told[m.order] = m.accepted > 0
		j.attempts += len(p.attempts)
		b.judgeRow(p, m)
		if m.overlaps > 0 {
			b.t.Errorf("postback %d: %d requests came while another was open", p.id, m.overlaps)
		}
		for _, v := range m.visits {
			j.fates[v.fate]++
		}
		for _, v := range b.lost(p, m) {
			j.lost++
			if !f.killedAfter(v) {
				b.t.Errorf("postback %d: a request wasn't recorded though nobody was killed", p.id)
			}
		}
	}
	if len(list) != len(r.messages) {
		b.t.Errorf("there are %d postbacks, and merchants got %d", len(list), len(r.messages))
	}
	for _, o := range f.book.orders {
		if !told[o.id] {
			b.t.Errorf("%s was credited, and its merchant didn't take its postback", o.id)
		}
	}
	if len(told) != len(f.book.orders) {
		b.t.Errorf("%d orders were credited, %d told", len(f.book.orders), len(told))
	}
	return j
}

func (b books) judgeRow(p *postback, m *message) {
	b.t.Helper()
	if p.state != "delivered" || m.accepted == 0 {
		b.t.Errorf("postback %d is %s, accepted %d times", p.id, p.state, m.accepted)
	}
	if p.count != len(p.attempts) || p.count == 0 {
		b.t.Errorf("postback %d counts %d attempts, %d are kept", p.id, p.count, len(p.attempts))
	}
	for i, a := range p.attempts {
		if a.number != i+1 {
			b.t.Errorf("postback %d: attempt %d has number %d", p.id, i+1, a.number)
		}
		if last := i == len(p.attempts)-1; (a.status == 200) != last {
			b.t.Errorf("postback %d: attempt %d of %d ended with status %d %s", p.id, a.number, len(p.attempts), a.status, a.failure)
		}
	}
}

// lost gives each attempt the visit that it tells of, and returns the visits that are left over.
func (b books) lost(p *postback, m *message) (lost []*visit) {
	b.t.Helper()
	visits := m.visits
	for i, a := range p.attempts {
		for len(visits) > 0 && visits[0].at.Before(a.from) {
			lost, visits = append(lost, visits[0]), visits[1:]
		}
		found := false
		for len(visits) > 0 && !found && (i == len(p.attempts)-1 || visits[0].at.Before(p.attempts[i+1].from)) {
			v := visits[0]
			visits = visits[1:]
			// A connection that was used before and is reset is replaced within the attempt.
			if found = v.fate == fates[a.status]; !found && v.fate != reset {
				lost = append(lost, v)
			}
		}
		if !found {
			b.t.Errorf("postback %d: attempt %d (status %d %s) never came", p.id, a.number, a.status, a.failure)
		}
	}
	return append(lost, visits...)
}

// fates are what an attempt's status says of its visit.
var fates = map[int]fate{200: accepted, 500: failed, 0: reset}
