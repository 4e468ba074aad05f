package store_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"testing"

	"github.com/galla-gateway/galla/internal/postback"
	"github.com/galla-gateway/galla/internal/store"
	"github.com/galla-gateway/galla/internal/testkit"
)

// P-3: the bodies that a release before stored are kept as they are by the upgrade, beside those that are packed since.
func TestUpgradeKeepsBodies(t *testing.T) {
	const old, fresh = `{"label":"₹ <b>&\"\\\u0001 é😀", "amount":500.0 }`, `{"label":"new"}`
	testkit.EachEngine(t, func(t *testing.T, database string) {
		s, err := store.Open(context.Background(), database, store.Create, store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for _, statement := range []string{
			"ALTER TABLE installation DROP COLUMN judge", "ALTER TABLE installation DROP COLUMN judge_until", // of the release after
			"ALTER TABLE postback DROP COLUMN packed", "DELETE FROM goose_db_version WHERE version_id >= 10",
			"INSERT INTO postback (id, merchant_id, kind, subject_id, webhook_id, body, state, next_at, schedule_at, created_at) VALUES (1, 1, 'deposit', 1, 'msg_1', '" + old + "', 'pending', 1, 1, 1)",
		} {
			if err := store.ExecForTest(s, statement); err != nil {
				t.Fatal(statement, err)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		upgraded := open(t, database)
		rows := []postbackRow{{ID: 2, MerchantID: 1, Kind: "deposit", SubjectID: 2, WebhookID: "msg_2", Packed: hex.EncodeToString(postback.Pack([]byte(fresh)))}}
		err = upgraded.Write(context.Background(), func(ctx context.Context, q *store.Queries) error { return q.InsertPostbacks(ctx, store.Rows(rows)) })
		if err != nil {
			t.Fatal(err)
		}
		for id, want := range map[int64]string{1: old, 2: fresh} {
			row, err := upgraded.Read().GetPostbackBody(context.Background(), id)
			if err != nil {
				t.Fatal(err)
			}
			if (row.Body == old) != (id == 1) || (row.Packed == nil) != (id == 1) {
				t.Errorf("postback %d is kept as %q, %x", id, row.Body, row.Packed)
			}
			if body, err := postback.StoredBody(id, row.Body, row.Packed); err != nil || !bytes.Equal(body, []byte(want)) {
				t.Errorf("postback %d has the body %q, %v, want %q", id, body, err, want)
			}
		}
	})
}
