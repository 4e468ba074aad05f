-- Payouts that people carry to a bank as a file, and what the bank's files say of them.

-- name: ListApprovedOf :many
-- Those that wait for a rail.
SELECT w.id FROM withdrawal w
WHERE w.state = 'approved' AND w.rail = sqlc.arg(rail) AND w.id > sqlc.arg(after)
ORDER BY w.id LIMIT CAST(sqlc.arg(rows) AS bigint);

-- name: InsertPayoutBatch :exec
INSERT INTO payout_batch (id, rail, kind, payments, total, currency, file, sha256, made_by, made_at)
VALUES (
  sqlc.arg(id), sqlc.arg(rail), sqlc.arg(kind), sqlc.arg(payments), sqlc.arg(total), sqlc.arg(currency), sqlc.arg(file), sqlc.arg(sha256),
  sqlc.arg(made_by), sqlc.arg(made_at)
);

-- name: InsertPayoutBatchItem :exec
INSERT INTO payout_batch_item (withdrawal_id, batch_id, place) VALUES (sqlc.arg(withdrawal_id), sqlc.arg(batch_id), sqlc.arg(place));

-- name: GetPayoutBatch :one
SELECT * FROM payout_batch WHERE id = sqlc.arg(id);

-- name: ListPayoutBatches :many
-- With how many of each batch's payouts have ended.
SELECT p.id, p.rail, p.kind, p.payments, p.total, p.currency, p.sha256, p.made_at, o.name AS made_by,
  (SELECT count(*) FROM payout_batch_item i JOIN withdrawal w ON w.id = i.withdrawal_id WHERE i.batch_id = p.id AND w.state = 'paid') AS paid,
  (SELECT count(*) FROM payout_batch_item i JOIN withdrawal w ON w.id = i.withdrawal_id WHERE i.batch_id = p.id AND w.state = 'refunded') AS refunded
FROM payout_batch p JOIN operator o ON o.id = p.made_by
WHERE p.id < sqlc.arg(before) ORDER BY p.id DESC LIMIT CAST(sqlc.arg(rows) AS bigint);

-- name: ListBatchSubmitted :many
-- Those of a batch of which nothing is known.
SELECT i.withdrawal_id FROM payout_batch_item i JOIN withdrawal w ON w.id = i.withdrawal_id
WHERE i.batch_id = sqlc.arg(batch_id) AND w.state = 'submitted' ORDER BY i.place;

-- name: CountBatchAnswered :one
-- Of how many of a batch's payouts anybody has said something; that its file was given out again isn't a word of the bank.
SELECT count(*) FROM payout_batch_item i
WHERE i.batch_id = sqlc.arg(batch_id) AND EXISTS (SELECT 1 FROM withdrawal_answer a WHERE a.withdrawal_id = i.withdrawal_id AND a.outcome <> 'absent');

-- name: CountBatchMoved :one
-- How many of a batch's payouts aren't what they were when the file was made.
SELECT count(*) FROM payout_batch_item i JOIN withdrawal w ON w.id = i.withdrawal_id
WHERE i.batch_id = sqlc.arg(batch_id) AND w.state <> 'submitted';

-- name: FindPayoutReport :one
SELECT id FROM payout_report WHERE rail = sqlc.arg(rail) AND sha256 = sqlc.arg(sha256);

-- name: InsertPayoutReport :exec
INSERT INTO payout_report (id, rail, sha256, name, read_by, read_at)
VALUES (sqlc.arg(id), sqlc.arg(rail), sqlc.arg(sha256), sqlc.arg(name), sqlc.arg(read_by), sqlc.arg(read_at));

-- name: FindByReference :one
-- The withdrawal of a bank's reference.
SELECT id FROM withdrawal WHERE reference = sqlc.arg(reference);

-- name: CountAnswersOf :one
-- How many rows of answers a source gave of a withdrawal with an outcome.
SELECT count(*) FROM withdrawal_answer
WHERE withdrawal_id = sqlc.arg(withdrawal_id) AND source = sqlc.arg(source) AND outcome = sqlc.arg(outcome);
