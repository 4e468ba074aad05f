package lane

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/postback"
	"github.com/galla-gateway/galla/internal/sender"
)

// What is stored of a body and damaged is sent to nobody. It is tried like what fails, seen in the attempts, and blamed on no
// endpoint; put right, it is delivered.
func TestDamagedBodyIsNotSent(t *testing.T) {
	eachVirtualWorld(t, func(t *testing.T, w *world) {
		w.merchant(1, "http://shop.example/", "")
		const damaged = postback.Strikes + 1 // more than an endpoint may refuse
		w.postbacks(damaged, 1, gateway.PostbackDeposit)
		change := func(statement string) {
			if _, err := w.beside().Exec(statement); err != nil {
				t.Fatal(err)
			}
		}
		column := "CAST('' AS bytea)"
		if strings.HasPrefix(w.database, "sqlite:") {
			column = "x''"
		}
		change("CREATE TABLE kept AS SELECT id, packed FROM postback")
		change("UPDATE postback SET packed = " + column)
		sound := w.postbacks(1, 1, gateway.PostbackDeposit)
		var mu sync.Mutex
		var sent []string
		log := &lines{}
		_, stop := w.start(Config{Logger: log.logger(), poll: everySecond, Send: func(ctx context.Context, r sender.Request) sender.Result {
			mu.Lock()
			defer mu.Unlock()
			sent = append(sent, string(r.Body))
			return accepted
		}})
		after(time.Minute)
		if len(sent) != 1 || sent[0] != bodyOf(sound) {
			t.Errorf("sent was %q", sent)
		}
		for id := int64(1); id <= damaged; id++ {
			state, attempts := w.stored(id)
			if state != "pending" || len(attempts) < 2 {
				t.Fatalf("postback %d is %s after %d attempts", id, state, len(attempts))
			}
			for _, a := range attempts {
				if a.Status != 0 || a.Failure != postback.FailureDamaged || !strings.Contains(a.Error, "its stored body is damaged") || a.Lease == 0 {
					t.Errorf("postback %d: attempt %+v", id, a)
				}
			}
		}
		if state, reason, _, _ := w.endpoint(); state != "closed" {
			t.Errorf("the endpoint is %s: %s", state, reason)
		}
		if !strings.Contains(log.String(), "postback 1: its stored body is damaged") {
			t.Errorf("the log doesn't say which:\n%s", log)
		}
		change("UPDATE postback SET packed = (SELECT k.packed FROM kept k WHERE k.id = postback.id) WHERE state = 'pending'")
		after(2 * time.Hour)
		stop()
		for id := int64(1); id <= damaged; id++ {
			if state, attempts := w.stored(id); state != "delivered" || attempts[len(attempts)-1].Status != 200 {
				t.Errorf("put right, postback %d is %s", id, state)
			}
		}
		slices.Sort(sent)
		for i, body := range sent {
			if len(sent) != damaged+1 || body != bodyOf(int64(i+1)) {
				t.Errorf("sent was %q", sent)
			}
		}
	})
}
