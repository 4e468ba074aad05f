package store

import (
	"context"
	"database/sql"
)

// PrepareForTest prepares one statement on the read pool, which sees the same schema.
func PrepareForTest(s *Store, query string) (*sql.Stmt, error) {
	return s.read.PrepareContext(context.Background(), s.Rewrite(query))
}
