-- Of several instances one looks at the books for all: to look at each row in each of them costs what instances are to bring.
-- +goose Up

-- judge is the lease of the one that does, judge_until its end by the clock of leases (microseconds); 0: nobody does.
ALTER TABLE installation ADD COLUMN judge bigint NOT NULL DEFAULT 0;
ALTER TABLE installation ADD COLUMN judge_until bigint NOT NULL DEFAULT 0;

-- +goose Down
-- Galla never migrates down: restore a backup instead.
SELECT 1;
