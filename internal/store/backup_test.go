package store_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/galla-gateway/galla/internal/store"
	"github.com/galla-gateway/galla/internal/testkit"
)

// A table that is missing from the list would be missing from every backup.
func TestBackupHasEveryTable(t *testing.T) {
	catalogue := map[store.Engine]string{
		store.SQLite:   "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> 'goose_db_version'",
		store.Postgres: "SELECT CAST(tablename AS text) FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'goose_db_version'",
	}
	testkit.EachEngine(t, func(t *testing.T, database string) {
		s := open(t, database)
		rows, err := s.ReadPool().Query(catalogue[s.Engine()])
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		var tables []string
		for rows.Next() {
			var name string
			if err := rows.Scan(&name); err != nil {
				t.Fatal(err)
			}
			tables = append(tables, name)
		}
		want := slices.Sorted(slices.Values(store.BackupTables))
		if slices.Sort(tables); !slices.Equal(tables, want) {
			t.Errorf("the database has %v\nbackups have %v", tables, want)
		}
	})
}

// A backup is of one moment: what is committed while it is written isn't in it, not even in part.
func TestBackupIsOfOneMoment(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, database string) {
		s := open(t, database)
		add := func(id int64) {
			err := s.Write(context.Background(), func(ctx context.Context, q *store.Queries) error {
				return q.InsertMerchant(ctx, store.InsertMerchantParams{ID: id, Slug: string(rune('a' + id)), Currency: "INR", Policy: "{}"})
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		add(1)
		w := &interrupted{then: func() { add(2) }}
		if _, err := s.Backup(t.Context(), w, time.Unix(0, 0), nil); err != nil || w.then != nil {
			t.Fatal(err, "or nothing was committed meanwhile")
		}
		again := open(t, testkit.SQLite(t))
		b, err := store.OpenBackup(&w.Buffer)
		if err == nil {
			err = again.Restore(t.Context(), b, nil, nil)
		}
		merchants, readErr := again.Read().ListMerchants(t.Context())
		if err != nil || readErr != nil || len(merchants) != 1 || b.Info.Engine != s.Engine() || b.Info.Schema < 3 {
			t.Errorf("%d merchants, %+v: %v %v", len(merchants), b.Info, err, readErr)
		}
	})
}

// interrupted does something else before it takes the first bytes: the backup's snapshot stands by then.
type interrupted struct {
	bytes.Buffer
	then func()
}

func (w *interrupted) Write(p []byte) (int, error) {
	if then := w.then; then != nil {
		w.then = nil
		then()
	}
	return w.Buffer.Write(p)
}

// What was changed inside the compression has a good checksum of gzip's, and is refused by the backup's own.
func TestChangedBackupIsRefused(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, database string) {
		s := open(t, database)
		err := s.Write(t.Context(), func(ctx context.Context, q *store.Queries) error {
			return q.InsertMerchant(ctx, store.InsertMerchantParams{ID: 1, Slug: "shop", Currency: "INR", Policy: "{}"})
		})
		var file bytes.Buffer
		if err == nil {
			_, err = s.Backup(t.Context(), &file, time.Unix(0, 0), nil)
		}
		if err != nil {
			t.Fatal(err)
		}
		empty := open(t, testkit.SQLite(t))
		restore := func(content []byte) error {
			b, err := store.OpenBackup(bytes.NewReader(zipped(content)))
			if err != nil {
				return err
			}
			return empty.Restore(t.Context(), b, nil, nil)
		}
		lines := unzipped(t, file.Bytes())
		changed := bytes.Replace(lines, []byte(`"shop"`), []byte(`"shoq"`), 1)
		if bytes.Equal(changed, lines) {
			t.Fatal("nothing was changed")
		}
		if err := restore(changed); !errors.Is(err, store.ErrBackup) {
			t.Errorf("a changed row: %v", err)
		}
		if err := restore(lines); err != nil {
			t.Errorf("the same without the change: %v", err)
		}
	})
}
