-- What a database of ten million deposits needs.
-- +goose Up

-- A merchant's daily limits add up its deposits of the day. Without this they read all deposits there ever were.
CREATE INDEX deposit_day ON deposit (merchant_id, created_at);

-- +goose Down
-- Galla never migrates down: restore a backup instead.
SELECT 1;
