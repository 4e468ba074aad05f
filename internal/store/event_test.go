package store_test

import (
	"context"
	"testing"

	"github.com/galla-gateway/galla/internal/store"
	"github.com/galla-gateway/galla/internal/testkit"
)

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

// Postbacks that were written before there was a feed wait for their positions after the upgrade.
func TestUpgradeMakesEvents(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, database string) {
		s, err := store.Open(context.Background(), database, store.Create, store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		var rows []postbackRow
		for id := int64(1); id <= 5; id++ {
			rows = append(rows, postbackRow{ID: id, MerchantID: 1 + id%2, Kind: "deposit", SubjectID: id, Packed: "00"})
		}
		err = s.Write(context.Background(), func(ctx context.Context, q *store.Queries) error { return q.InsertPostbacks(ctx, store.Rows(rows)) })
		if err != nil {
			t.Fatal(err)
		}
		// As the version before left it.
		for _, statement := range []string{
			"ALTER TABLE installation DROP COLUMN judge", "ALTER TABLE installation DROP COLUMN judge_until",
			"UPDATE postback SET body = '{}', packed = NULL", "ALTER TABLE postback DROP COLUMN packed",
			"ALTER TABLE installation DROP COLUMN stopped_at", "ALTER TABLE installation DROP COLUMN stopped_why", "ALTER TABLE installation DROP COLUMN accepted",
			"DROP TABLE payout_batch_item", "DROP TABLE payout_batch", "DROP TABLE payout_report", "DROP TABLE ifsc_table", "DELETE FROM id_counter WHERE kind LIKE 'payout%'",
			"DROP TABLE withdrawal_refusal", "DROP TABLE withdrawal_approval", "DROP TABLE withdrawal_answer", "DROP TABLE withdrawal_resolution", "DROP TABLE withdrawal", "DROP TABLE adjustment",
			"DROP TABLE audit_log", "DROP TABLE audit_head", "DROP TABLE operator", "DROP TABLE rail", "DELETE FROM id_counter WHERE kind IN ('operator', 'rail', 'withdrawal', 'adjustment')",
			"DROP INDEX deposit_day", "DROP TABLE event", "DROP TABLE event_feed", "DROP TABLE event_new", "DELETE FROM goose_db_version WHERE version_id >= 4",
		} {
			if err := store.ExecForTest(s, statement); err != nil {
				t.Fatal(statement, err)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		upgraded := open(t, database)
		for _, query := range []string{
			"SELECT count(*) FROM event_new", "SELECT count(*) FROM event_new n JOIN postback p ON p.id = n.postback_id AND p.merchant_id = n.merchant_id",
		} {
			var n int
			if err := upgraded.ReadPool().QueryRow(query).Scan(&n); err != nil || n != len(rows) {
				t.Errorf("%s: %d, %v, want %d", query, n, err, len(rows))
			}
		}
	})
}
