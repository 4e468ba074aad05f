-- Delivery of postbacks. An endpoint is a merchant and a kind: deposits and withdrawals may go to different addresses.
-- What looks long-winded here keeps PostgreSQL from scanning the table once its statistics tempt it to.

-- name: ListEndpoints :many
-- The endpoints with undelivered postbacks and when the first of each is due. It hops over the index from merchant to
-- merchant, so it costs as much as there are such merchants, however many postbacks wait.
WITH RECURSIVE hop (merchant_id) AS (
  SELECT min(p.merchant_id) FROM postback p WHERE p.state = 'pending'
  UNION ALL
  SELECT (SELECT min(p.merchant_id) FROM postback p WHERE p.state = 'pending' AND p.merchant_id > hop.merchant_id)
  FROM hop WHERE hop.merchant_id IS NOT NULL
)
SELECT CAST(hop.merchant_id AS bigint) AS merchant_id, k.kind, CAST(COALESCE((
  SELECT p.next_at FROM postback p
  WHERE p.state = 'pending' AND p.merchant_id = hop.merchant_id AND p.kind = k.kind
  ORDER BY p.next_at LIMIT 1
), -1) AS bigint) AS next_at
FROM hop CROSS JOIN (SELECT 'deposit' AS kind UNION ALL SELECT 'withdrawal' AS kind) k
WHERE hop.merchant_id IS NOT NULL;

-- name: LockDuePostbacks :many
SELECT id, subject_id, webhook_id, body, attempts, created_at
FROM postback
WHERE state = 'pending' AND merchant_id = sqlc.arg(merchant_id) AND kind = sqlc.arg(kind) AND next_at <= sqlc.arg(now)
ORDER BY next_at
LIMIT sqlc.arg(most)
FOR UPDATE SKIP LOCKED;

-- name: LeasePostbacks :many
-- The conditions repeat what the lock has made sure of, so that no engine's reading of SKIP LOCKED matters.
UPDATE postback SET lease = sqlc.arg(lease), next_at = sqlc.arg(leased_until)
FROM json_to_recordset(CAST(sqlc.arg(batch) AS json)) AS j(id bigint)
WHERE postback.id = j.id AND postback.state = 'pending' AND postback.next_at <= sqlc.arg(now)
RETURNING postback.id;

-- name: DropLeases :execrows
-- merchant_id > 0 says nothing new: it makes SQLite take the index of what is due and not the table.
UPDATE postback SET lease = 0, next_at = sqlc.arg(now)
WHERE state = 'pending' AND merchant_id > 0 AND lease <> 0;

-- name: RecordPostbacks :many
UPDATE postback SET state = j.state, attempts = j.number, next_at = j.next_at, lease = 0, ended_at = j.ended_at
FROM json_to_recordset(CAST(sqlc.arg(batch) AS json)) AS j(id bigint, lease bigint, number smallint, state text, next_at bigint, ended_at bigint)
WHERE postback.id = j.id AND postback.state = 'pending' AND postback.lease = j.lease AND postback.attempts = j.number - 1
RETURNING postback.id;

-- name: InsertPostbackAttempts :exec
INSERT INTO postback_attempt (postback_id, number, lease, started_at, duration, address, tls, status, failure, error, answer, next_at)
SELECT j.id, j.number, j.lease, j.started_at, j.duration, j.address, j.tls, j.status, j.failure, j.error, decode(j.answer, 'hex'), j.retry_at
FROM json_to_recordset(CAST(sqlc.arg(batch) AS json)) AS j(id bigint, number smallint, lease bigint, started_at bigint, duration bigint, address text, tls text, status smallint, failure text, error text, answer text, retry_at bigint)
WHERE true;

-- name: FindPostbackAttempts :many
-- Which of these attempts are stored: a record whose COMMIT gave no answer is repeated and asks this.
SELECT a.postback_id
FROM json_to_recordset(CAST(sqlc.arg(batch) AS json)) AS j(id bigint, number smallint, lease bigint)
CROSS JOIN postback_attempt a
WHERE a.postback_id = j.id AND a.number = j.number AND a.lease = j.lease;

-- name: CountUndelivered :one
SELECT count(*) AS pending, CAST(COALESCE(min(p.created_at), 0) AS bigint) AS oldest_at,
  (SELECT count(*) FROM postback e WHERE e.state = 'exhausted') AS exhausted
FROM postback p
WHERE p.state = 'pending' AND p.merchant_id > 0;
