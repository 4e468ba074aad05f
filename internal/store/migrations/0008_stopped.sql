-- Money that the oracle stopped: it found the books wrong, and nothing is credited or paid by itself until a person resumes it.
-- accepted is what that person saw and let pass, a line each: money isn't stopped for it again.
-- +goose Up

ALTER TABLE installation ADD COLUMN stopped_at bigint;
ALTER TABLE installation ADD COLUMN stopped_why text NOT NULL DEFAULT '';
ALTER TABLE installation ADD COLUMN accepted text NOT NULL DEFAULT '';

-- +goose Down
-- Galla never migrates down: restore a backup instead.
SELECT 1;
