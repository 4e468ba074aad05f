package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/galla-gateway/galla/internal/deposit"
	"github.com/galla-gateway/galla/internal/keyring"
	"github.com/galla-gateway/galla/internal/store"
	"github.com/galla-gateway/galla/internal/testkit"
)

// backup makes a backup and proves that it can be restored.
func (w *world) backup() []byte {
	w.t.Helper()
	var file bytes.Buffer
	if _, err := w.g.store.Backup(context.Background(), &file, w.clock.Now(), nil); err != nil {
		w.t.Fatal(err)
	}
	report, err := CheckBackup(context.Background(), bytes.NewReader(file.Bytes()), w.t.TempDir(), nil)
	if err != nil || report.Failed() > 0 {
		w.t.Fatalf("the backup's audit: %v %+v", err, report)
	}
	return file.Bytes()
}

// restored is another installation, filled from a backup.
func (w *world) restored(file []byte, database string) *world {
	w.t.Helper()
	again := &world{t: w.t, clock: w.clock, database: database, keys: w.keys}
	again.evidence.Store(1 << 32) // other fingerprints
	again.fill(file)
	again.g = again.instance()
	return again
}

func (w *world) fill(file []byte) {
	w.t.Helper()
	s, err := store.Open(context.Background(), w.database, store.Create, store.Options{Exclusive: true})
	if err != nil {
		w.t.Fatal(err)
	}
	b, err := store.OpenBackup(bytes.NewReader(file))
	if err == nil {
		err = Restore(context.Background(), s, w.keys, b, w.clock.Now(), nil)
	}
	if err := errors.Join(err, s.Close()); err != nil {
		w.t.Fatal(err)
	}
}

// A backup made on either engine restores into either.
func eachPairOfEngines(t *testing.T, story func(w *world, other string)) {
	for _, from := range []string{"sqlite", "postgres"} {
		for _, to := range []string{"sqlite", "postgres"} {
			t.Run(from+" to "+to, func(t *testing.T) {
				t.Parallel()
				open := map[string]func(testing.TB) string{"sqlite": testkit.SQLite, "postgres": testkit.Postgres}
				story(newWorld(t, open[from](t)), open[to](t))
			})
		}
	}
}

func TestBackupUnderLoadAndRestore(t *testing.T) {
	const before, during = 60, 200
	eachPairOfEngines(t, func(w *world, other string) {
		claim := func(i int) ClaimRequest {
			number := fmt.Sprintf("%012d", i)
			return claimRequest("o"+number, "p"+number, number, "500")
		}
		pay := func(g *Gateway, i int) error {
			_, err := g.Observe(context.Background(), []EvidenceItem{w.credit(claim(i).Key1, "500")})
			if err != nil {
				return err
			}
			return activate(g, claim(i), &tally{})
		}
		for i := range before {
			if err := pay(w.g, i); err != nil {
				w.t.Fatal(err)
			}
		}
		waiting := claimRequest("waits", "p", "888888888888", "500")
		w.wantClaim(waiting, deposit.Waiting, deposit.ReasonNoTransfer)

		files := make(chan []byte, 1)
		w.race(during+1, func(i int) error {
			if i == during/2 {
				var file bytes.Buffer
				_, err := w.g.store.Backup(context.Background(), &file, w.clock.Now(), nil)
				files <- file.Bytes()
				return err
			}
			return errors.Join(pay(w.g, before+i), w.g.RollUp(context.Background()))
		})
		again := w.restored(<-files, other)
		again.clean()
		deposits := again.count("SELECT count(*) FROM deposit")
		if deposits < before || deposits > before+during {
			w.t.Errorf("%d deposits came back", deposits)
		}

		// In recovery nothing is credited by itself.
		again.wantClaim(claim(0), deposit.Accepted, deposit.ReasonMatched) // told ok before: has it for ever
		again.wantClaim(waiting, deposit.Held, deposit.ReasonRecovery)
		again.want("told pending, and still waiting", again.count("SELECT count(*) FROM claim WHERE order_id = 'waits' AND state = 'waiting'"), 1)
		again.observe(again.credit("777777777777", "500"), again.credit(waiting.Key1, "500"))
		fresh := claimRequest("fresh", "p", "777777777777", "500")
		unseen := claimRequest("unseen", "p", "666666666666", "500")
		again.wantClaim(fresh, deposit.Held, deposit.ReasonRecovery)
		again.wantClaim(waiting, deposit.Held, deposit.ReasonRecovery)
		again.wantClaim(unseen, deposit.Held, deposit.ReasonRecovery)
		again.want("credited in recovery", again.count("SELECT count(*) FROM deposit"), deposits)

		if _, err := again.g.EndRecovery(context.Background(), "operator", "statements are imported"); err != nil {
			w.t.Fatal(err)
		}
		again.wantClaim(fresh, deposit.Accepted, deposit.ReasonMatched)
		again.wantClaim(waiting, deposit.Accepted, deposit.ReasonMatched)
		again.wantClaim(unseen, deposit.Held, deposit.ReasonNoTransfer)
		again.observe(again.credit(unseen.Key1, "500"))
		again.wantClaim(unseen, deposit.Accepted, deposit.ReasonMatched)
		again.want("credited after recovery", again.count("SELECT count(*) FROM deposit"), deposits+3)
		for _, table := range []string{"claim", "transfer", "evidence", "deposit", "transition", "postback", "reference"} {
			last, first := w.count("SELECT max(id) FROM "+table), again.count("SELECT min(id) FROM "+table+" WHERE id > 900000")
			if first <= last {
				w.t.Errorf("%s %d was given out again: ids since the backup went to %d", table, first, last)
			}
		}
		again.clean()
	})
}

// Every value of every table comes back as it was, whatever bytes it has.
func TestRestoreIsTheSame(t *testing.T) {
	eachPairOfEngines(t, func(w *world, other string) {
		odd := w.credit("321302038123", "500")
		odd.Raw, odd.Payer, odd.Sender = []byte("\x00\xff\xfe\n\"\\"), "नाम <&> \u2028 \"x\"", strings.Repeat("é", 70_000)
		w.observe(odd)
		w.wantClaim(claimRequest("a\\b\"c", "p<1>", "321302038123", "500"), deposit.Accepted, deposit.ReasonMatched)
		file := w.backup()
		again := w.restored(file, other)
		text := func(w *world, query string) string {
			rows, err := w.g.store.ReadPool().Query(query)
			if err != nil {
				w.t.Fatal(err)
			}
			defer rows.Close()
			var all strings.Builder
			columns, _ := rows.Columns()
			for rows.Next() {
				values := make([]any, len(columns))
				for i := range values {
					values[i] = new(any)
				}
				if err := rows.Scan(values...); err != nil {
					w.t.Fatal(err)
				}
				for _, v := range values {
					fmt.Fprintf(&all, "%T %v|", *v.(*any), *v.(*any))
				}
				all.WriteString("\n")
			}
			return all.String()
		}
		for _, query := range []string{
			"SELECT id, simulated, key_check, created_at FROM installation", "SELECT * FROM merchant ORDER BY id", "SELECT * FROM merchant_key ORDER BY id",
			"SELECT * FROM receiving_account ORDER BY id", "SELECT * FROM wallet ORDER BY id", "SELECT * FROM wallet_merchant ORDER BY wallet_id, merchant_id",
			"SELECT * FROM reference ORDER BY id", "SELECT * FROM evidence ORDER BY id", "SELECT * FROM transfer ORDER BY id", "SELECT * FROM claim ORDER BY id",
			"SELECT * FROM deposit ORDER BY id", "SELECT * FROM ledger_account ORDER BY id", "SELECT * FROM posting ORDER BY entry_id, line",
			"SELECT * FROM balance_delta ORDER BY account_id, entry_id", "SELECT * FROM transition ORDER BY id", "SELECT * FROM postback ORDER BY id",
		} {
			if before, after := text(w, query), text(again, query); before != after || before == "" && !strings.Contains(query, "delta") {
				w.t.Errorf("%s:\n%s\nbecame\n%s", query, before, after)
			}
		}
	})
}

func TestRestoreRefuses(t *testing.T) {
	eachWorld(t, func(w *world) {
		w.observe(w.credit("321302038123", "500"))
		file := w.backup()
		restore := func(database string, file []byte, keys *keyring.Keyring) error {
			s, err := store.Open(context.Background(), database, store.Create, store.Options{})
			if err != nil {
				w.t.Fatal(err)
			}
			defer s.Close()
			b, err := store.OpenBackup(bytes.NewReader(file))
			if err != nil {
				return err
			}
			return Restore(context.Background(), s, keys, b, w.clock.Now(), nil)
		}
		if err := restore(w.database, file, w.keys); !errors.Is(err, store.ErrNotEmpty) {
			w.t.Errorf("into a database in use: %v", err)
		}
		empty := testkit.SQLite(w.t)
		for name, broken := range map[string][]byte{
			"cut off": file[:len(file)-5], "cut in half": file[:len(file)/2], "none": []byte("not a backup"), "nothing": nil,
			"goes on": append(bytes.Clone(file), file...),
		} {
			if err := restore(empty, broken, w.keys); !errors.Is(err, store.ErrBackup) {
				w.t.Errorf("%s: %v", name, err)
			}
		}
		for at := 0; at < len(file); at += len(file) / 16 { // what a changed bit breaks first depends on where it is
			changed := bytes.Clone(file)
			changed[at] ^= 4
			if err := restore(empty, changed, w.keys); err == nil && at != 4 && at != 8 && at != 9 { // those name a time and a system
				w.t.Errorf("changed at %d: taken", at)
			}
		}
		path := filepath.Join(w.t.TempDir(), "other")
		if err := keyring.Generate(path); err != nil {
			w.t.Fatal(err)
		}
		otherKeys, err := keyring.Load(path)
		if err != nil {
			w.t.Fatal(err)
		}
		if err := restore(empty, file, otherKeys); !errors.Is(err, keyring.ErrOtherKey) {
			w.t.Errorf("with another key: %v", err)
		}
		// Nothing of all that is left: the same empty database takes the good one.
		if err := restore(empty, file, w.keys); err != nil {
			w.t.Errorf("after the refusals: %v", err)
		}
	})
}
