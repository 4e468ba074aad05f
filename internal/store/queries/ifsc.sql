-- The table of bank branches that a person brought in: one row at most, over the release's.

-- name: GetIFSCMark :one
-- What tells one stored table from the next without reading it: it has some hundred kilobytes.
SELECT source, branches, updated_by, updated_at FROM ifsc_table WHERE id = 1;

-- name: GetIFSCTable :one
SELECT t.file, t.source, t.branches, t.updated_by, t.updated_at, o.name FROM ifsc_table t JOIN operator o ON o.id = t.updated_by WHERE t.id = 1;

-- name: SetIFSCTable :exec
INSERT INTO ifsc_table (id, file, source, branches, updated_by, updated_at)
VALUES (1, sqlc.arg(file), sqlc.arg(source), sqlc.arg(branches), sqlc.arg(updated_by), sqlc.arg(updated_at))
ON CONFLICT (id) DO UPDATE SET file = excluded.file, source = excluded.source, branches = excluded.branches,
  updated_by = excluded.updated_by, updated_at = excluded.updated_at;

-- name: DeleteIFSCTable :execrows
DELETE FROM ifsc_table WHERE id = 1;
