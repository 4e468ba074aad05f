package gateway

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/galla-gateway/galla/internal/deposit"
	"github.com/galla-gateway/galla/internal/postback"
	"github.com/galla-gateway/galla/internal/store"
)

// packedHex is a body as postbackRow has it.
func packedHex(body string) string { return hex.EncodeToString(postback.Pack([]byte(body))) }

// bodies are those of the postbacks that meet a condition, as the database has them, by id.
func (w *world) bodies(condition string) []string {
	w.t.Helper()
	rows, err := w.g.store.ReadPool().Query("SELECT id, body, packed FROM postback WHERE " + condition + " ORDER BY id")
	w.must(err)
	defer rows.Close()
	var list []string
	for rows.Next() {
		var id int64
		var plain string
		var packed []byte
		w.must(rows.Scan(&id, &plain, &packed))
		body, err := postback.StoredBody(id, plain, packed)
		w.must(err)
		list = append(list, string(body))
	}
	w.must(rows.Err())
	return list
}

// age leaves postbacks as releases did that didn't pack bodies.
func (w *world) age(condition string) {
	w.t.Helper()
	for _, body := range w.bodies(condition) {
		_, err := w.beside().Exec(w.g.store.Rewrite("UPDATE postback SET body = $1, packed = NULL WHERE packed = $2"), body, postback.Pack([]byte(body)))
		w.must(err)
	}
}

// P-3: what is sent of a row, of either form, are the bytes that were signed; a backup brings both forms to either engine.
func TestBodiesOfBothForms(t *testing.T) {
	eachPairOfEngines(t, func(w *world, another string) {
		for i := range 2 {
			number := fmt.Sprintf("32130203812%d", i)
			w.observe(w.credit(number, "500"))
			w.wantClaim(claimRequest(fmt.Sprint("ord/₹", i), "p <b>é😀", number, "500"), deposit.Accepted, deposit.ReasonMatched)
		}
		w.must(w.g.NumberEvents(context.Background()))
		signed := w.bodies("id > 0")
		w.age("id = (SELECT min(id) FROM postback)")
		const plain, packed = "SELECT count(*) FROM postback WHERE body <> '' AND packed IS NULL", "SELECT count(*) FROM postback WHERE body = '' AND length(packed) BETWEEN 100 AND 250"
		for _, w := range []*world{w, w.restored(w.backup(), another)} {
			w.want("plain", w.count(plain), 1)
			w.want("packed", w.count(packed), 1)
			due := w.due(w.g, 10, w.lease(w.g, shopDeposits))
			events := w.feed(shop, 0, 10)
			if len(due) != 2 || len(events) != 2 {
				w.t.Fatalf("due %+v, events %+v", due, events)
			}
			for i, body := range signed {
				if string(due[i].Body) != body || due[i].Damaged != nil || string(events[i].Body) != body {
					w.t.Errorf("sent is %q, %v, told again %q, signed was %q", due[i].Body, due[i].Damaged, events[i].Body, body)
				}
			}
			if failed, report := w.audited(); failed != nil {
				w.t.Errorf("the audit finds %v: %+v", failed, report)
			}
		}
	})
}

// A damaged body is sent to nobody and names its postback; the others of its lane are sent.
func TestDamagedBodyIsNotSent(t *testing.T) {
	eachWorld(t, func(w *world) {
		w.postbacks(1, 3, shopDeposits)
		damaged := postback.Pack([]byte(awkward))
		damaged[len(damaged)-2] ^= 0x10
		_, err := w.beside().Exec(w.g.store.Rewrite("UPDATE postback SET packed = $1 WHERE id = 2"), damaged)
		w.must(err)
		due := w.due(w.g, 10, w.lease(w.g, shopDeposits))
		w.wantIDs("due", due, 1, 2, 3)
		for _, p := range due {
			if sound := p.ID != 2; sound != (p.Damaged == nil) || sound != bytes.Equal(p.Body, []byte(awkward)) || !sound && p.Body != nil {
				w.t.Errorf("postback %d: %q, %v", p.ID, p.Body, p.Damaged)
			}
		}
		if got := fmt.Sprint(due[1].Damaged); got != "postback 2: its stored body is damaged: its checksum is another" {
			w.t.Error(got)
		}
	})
}

// The database keeps no row with a body in both columns, or in none.
func TestBodyIsInOneColumn(t *testing.T) {
	eachWorld(t, func(w *world) {
		w.postbacks(1, 1, shopDeposits)
		for _, change := range []string{"body = '{}'", "packed = NULL", "body = '', packed = NULL"} {
			if _, err := w.beside().Exec("UPDATE postback SET " + change); err == nil {
				w.t.Errorf("%s is kept", change)
			}
		}
		if w.g.store.Engine() == store.SQLite {
			w.want("of the type of bytes", w.count("SELECT count(*) FROM postback WHERE typeof(packed) = 'blob'"), 1)
		}
	})
}

// resaid has bodies say something else.
func resaid(old, new string) func([]byte) []byte {
	return func(packed []byte) []byte {
		body, err := postback.Unpack(packed)
		if err != nil {
			panic(err)
		}
		return postback.Pack(bytes.ReplaceAll(body, []byte(old), []byte(new)))
	}
}

// repack has the packed bodies of postbacks that meet a condition become others, and tells how many these are.
func (w *world) repack(tx *sql.Tx, condition string, change func([]byte) []byte) int {
	w.t.Helper()
	var bodies [][]byte
	rows, err := tx.Query("SELECT packed FROM postback WHERE packed IS NOT NULL AND " + condition)
	w.must(err)
	for rows.Next() {
		var packed []byte
		w.must(rows.Scan(&packed))
		bodies = append(bodies, packed)
	}
	w.must(errors.Join(rows.Err(), rows.Close()))
	for _, packed := range bodies {
		_, err := tx.Exec(w.g.store.Rewrite("UPDATE postback SET packed = $1 WHERE packed = $2"), change(slices.Clone(packed)), packed)
		w.must(err)
	}
	return len(bodies)
}
