package bench

import (
	"context"
	"slices"

	"github.com/galla-gateway/galla/internal/store"
)

// TableSize is what a table takes, per transfer.
type TableSize struct {
	Name    string  `json:"name"`
	Rows    float64 `json:"rows_bytes"`
	Indexes float64 `json:"indexes_bytes"`
}

// weigh tells the bytes of the whole database and of each table, per transfer.
func weigh(ctx context.Context, s *grownSide) (whole float64, tables []TableSize, err error) {
	db, transfers := s.engine.store.ReadPool(), float64(s.transfers())
	size := "SELECT pg_database_size(current_database())"
	each := `SELECT relname, pg_table_size(oid), pg_indexes_size(oid) FROM pg_class WHERE relkind = 'r' AND pg_table_is_visible(oid) AND relnamespace <> CAST('pg_catalog' AS regnamespace)`
	if s.engine.store.Engine() == store.SQLite {
		size = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"
		each = `SELECT m.tbl_name, sum(CASE WHEN m.type = 'table' THEN d.pgsize ELSE 0 END), sum(CASE WHEN m.type = 'index' THEN d.pgsize ELSE 0 END)
			FROM dbstat d JOIN sqlite_master m ON m.name = d.name WHERE d.aggregate = 1 GROUP BY m.tbl_name`
	}
	var bytes int64
	if err := db.QueryRowContext(ctx, size).Scan(&bytes); err != nil {
		return 0, nil, err
	}
	rows, err := db.QueryContext(ctx, each)
	if err != nil {
		return 0, nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		var own, indexes int64
		if err := rows.Scan(&name, &own, &indexes); err != nil {
			return 0, nil, err
		}
		t := TableSize{name, round(float64(own)/transfers, 1), round(float64(indexes)/transfers, 1)}
		if t.Rows+t.Indexes >= 1 {
			tables = append(tables, t)
		}
	}
	slices.SortFunc(tables, func(x, y TableSize) int { return int(y.Rows + y.Indexes - x.Rows - x.Indexes) })
	return round(float64(bytes)/transfers, 1), tables, rows.Err()
}
