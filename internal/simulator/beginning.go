package simulator

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/galla-gateway/galla/internal/store"
)

// kept are the tables that no life changes: who is there and how it is set up.
var kept = []string{
	"merchant", "merchant_domain", "merchant_key", "merchant_brand", "merchant_redirect", "merchant_origin", "receiving_account", "wallet", "wallet_merchant",
	"source", "sender_header", "conversion_rate", "operator", "rail", "ifsc_table", "goose_db_version", "schema_version",
}

// beginningPrefix marks the copies of tables as they were before the first life.
const beginningPrefix = "beginning_"

// keepBeginning copies the tables that lives change, and writes the SQL that gives them back what they had. It is much faster than a
// new database: tables and prepared statements stay.
func (w *world) keepBeginning(ctx context.Context, engine store.Engine) error {
	list := `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name`
	if engine == store.Postgres {
		list = `SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY tablename`
	}
	rows, err := w.outside.QueryContext(ctx, list)
	if err != nil {
		return fmt.Errorf("list tables: %w", err)
	}
	var tables []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return err
		}
		tables = append(tables, name)
	}
	if err := rows.Close(); err != nil {
		return err
	}
	var reset strings.Builder
	if engine == store.Postgres {
		reset.WriteString("SET LOCAL session_replication_role = replica; ") // no foreign keys: order doesn't matter
	}
	for _, name := range tables {
		if slices.Contains(kept, name) {
			continue
		}
		var count int
		if err := w.outside.QueryRowContext(ctx, `SELECT count(*) FROM `+name).Scan(&count); err != nil {
			return fmt.Errorf("count %s: %w", name, err)
		}
		fmt.Fprintf(&reset, "DELETE FROM %s; ", name)
		if count == 0 {
			continue
		}
		if _, err := w.outside.ExecContext(ctx, fmt.Sprintf(`CREATE TABLE %s%s AS SELECT * FROM %s`, beginningPrefix, name, name)); err != nil {
			return fmt.Errorf("keep %s: %w", name, err)
		}
		fmt.Fprintf(&reset, "INSERT INTO %s SELECT * FROM %s%s; ", name, beginningPrefix, name)
	}
	w.reset = reset.String()
	return nil
}

// begin makes the database as it was before the first life.
func (w *world) begin(ctx context.Context) error {
	tx, err := w.outside.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin a life: %w", err)
	}
	if _, err := tx.ExecContext(ctx, w.reset); err != nil {
		_ = tx.Rollback() // the first error tells more
		return fmt.Errorf("begin a life: %w", err)
	}
	return tx.Commit()
}
