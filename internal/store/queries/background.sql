-- What the background work and a person's decisions look for.

-- name: GetTransferReference :one
SELECT r.rail, r.number FROM transfer t JOIN reference r ON r.id = t.reference_id WHERE t.id = sqlc.arg(id);

-- name: GetClaimReference :one
SELECT r.rail, r.number FROM claim c LEFT JOIN reference r ON r.id = c.reference_id WHERE c.id = sqlc.arg(id);

-- name: ListExpired :many
SELECT c.id, r.rail, r.number FROM claim c JOIN reference r ON r.id = c.reference_id
WHERE c.state = 'waiting' AND c.expires_at <= sqlc.arg(now)
ORDER BY c.expires_at LIMIT sqlc.arg(size);

-- name: ListHeldForReason :many
SELECT c.id, r.rail, r.number FROM claim c JOIN reference r ON r.id = c.reference_id
WHERE c.state = 'held' AND c.reason = sqlc.arg(reason) AND c.id > sqlc.arg(after)
ORDER BY c.id LIMIT sqlc.arg(size);

-- name: ListMissed :many
SELECT c.id, r.rail, r.number, c.merchant_id, c.method, c.currency, t.account_id, t.currency AS transfer_currency FROM claim c
JOIN transfer t ON t.reference_id = c.reference_id
JOIN reference r ON r.id = c.reference_id
WHERE c.state = 'waiting' AND t.state = 'observed' AND c.expires_at > sqlc.arg(now) AND c.id > sqlc.arg(after)
ORDER BY c.id LIMIT sqlc.arg(size);

-- name: ListAccountsWithDeltas :many
SELECT DISTINCT account_id FROM balance_delta LIMIT sqlc.arg(size);

-- name: TakeDeltas :many
DELETE FROM balance_delta WHERE account_id = sqlc.arg(account_id) RETURNING amount;

-- name: AddToBalance :exec
UPDATE ledger_account SET balance = balance + sqlc.arg(amount) WHERE id = sqlc.arg(id);
