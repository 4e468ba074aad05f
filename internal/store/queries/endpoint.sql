-- What an operator sees and changes of postbacks and of the endpoints that they go to.

-- name: ListEndpointRows :many
-- An endpoint without a row is closed and has the defaults.
SELECT merchant_id, kind, state, reason, failures, changed_at, probe_id, probe_at, probed_at, concurrency, rate, ca, pin
FROM endpoint ORDER BY merchant_id, kind;

-- name: ListEndpointSettings :many
SELECT merchant_id, kind, state, concurrency, rate, ca, pin
FROM endpoint WHERE concurrency <> 0 OR rate <> 0 OR ca <> '' OR pin <> '' OR state = 'paused';

-- name: ListPendingEndpoints :many
-- The endpoints that something is pending for, and when the first of it is due. It hops over the index from merchant to
-- merchant, so it costs as much as there are such merchants, however much is pending.
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
), -1) AS bigint) AS due_at
FROM hop CROSS JOIN (SELECT 'deposit' AS kind UNION ALL SELECT 'withdrawal' AS kind) k
WHERE hop.merchant_id IS NOT NULL;

-- name: CountPendingOfEndpoints :many
-- merchant_id > 0 says nothing new: it makes SQLite take the index of what is due and not the table.
SELECT merchant_id, kind, count(*) AS pending, CAST(min(created_at) AS bigint) AS oldest_at
FROM postback WHERE state = 'pending' AND merchant_id > 0
GROUP BY merchant_id, kind;

-- name: GetEndpointSettings :one
SELECT concurrency, rate, ca, pin FROM endpoint WHERE merchant_id = sqlc.arg(merchant_id) AND kind = sqlc.arg(kind);

-- name: SetEndpoint :exec
INSERT INTO endpoint (merchant_id, kind, concurrency, rate, ca, pin)
VALUES (sqlc.arg(merchant_id), sqlc.arg(kind), sqlc.arg(concurrency), sqlc.arg(rate), sqlc.arg(ca), sqlc.arg(pin))
ON CONFLICT (merchant_id, kind) DO UPDATE
SET concurrency = excluded.concurrency, rate = excluded.rate, ca = excluded.ca, pin = excluded.pin;

-- name: PauseEndpoint :exec
-- One that is paused already keeps since when.
INSERT INTO endpoint (merchant_id, kind, state, reason, changed_at)
VALUES (sqlc.arg(merchant_id), sqlc.arg(kind), 'paused', sqlc.arg(reason), sqlc.arg(now))
ON CONFLICT (merchant_id, kind) DO UPDATE
SET state = 'paused', reason = excluded.reason, failures = 0, probe_id = 0, probe_at = 0,
    changed_at = CASE WHEN endpoint.state = 'paused' THEN endpoint.changed_at ELSE excluded.changed_at END;

-- name: CloseEndpoint :execrows
-- What is due there is sent again at once. A paused one is left alone unless that is meant.
UPDATE endpoint
SET state = 'closed', reason = '', failures = 0, probe_id = 0, probe_at = 0,
    changed_at = CASE WHEN state = 'closed' THEN changed_at ELSE sqlc.arg(now) END
WHERE merchant_id = sqlc.arg(merchant_id) AND kind = sqlc.arg(kind)
  AND (state <> 'closed' OR probe_id <> 0 OR probe_at <> 0)
  AND (state <> 'paused' OR CAST(sqlc.arg(also_paused) AS smallint) = 1);

-- name: ListEndpointsOfPostbacks :many
SELECT DISTINCT p.merchant_id, p.kind
FROM json_to_recordset(CAST(sqlc.arg(batch) AS json)) AS j(id bigint)
CROSS JOIN postback p
WHERE p.id = j.id
ORDER BY p.merchant_id, p.kind;

-- name: ReplayPostbacks :execrows
-- The schedule begins anew, whatever became of the last one; attempts are counted on.
UPDATE postback
SET state = 'pending', next_at = sqlc.arg(now), ended_at = NULL, schedule_at = sqlc.arg(now), schedule_tries = postback.attempts
FROM json_to_recordset(CAST(sqlc.arg(batch) AS json)) AS j(id bigint)
WHERE postback.id = j.id;

-- name: GetHighestPostback :one
-- The newest postback below an id, 0 for none: ids have gaps, which a walk over them leaps.
SELECT CAST(COALESCE(max(id), 0) AS bigint) FROM postback WHERE id < sqlc.arg(before);

-- name: GetLowestPostback :one
SELECT CAST(COALESCE(min(id), 0) AS bigint) FROM postback WHERE id > sqlc.arg(after);

-- name: PickPostbacks :many
-- What fits among the postbacks from an id to below another, newest first. Merchants are a range, which is one or all;
-- gate tells those of paused endpoints from the others.
SELECT p.id, p.merchant_id, p.kind
FROM postback p LEFT JOIN endpoint e ON e.merchant_id = p.merchant_id AND e.kind = p.kind
WHERE p.id >= sqlc.arg(lowest) AND p.id < sqlc.arg(before)
  AND p.merchant_id >= sqlc.arg(first_merchant) AND p.merchant_id <= sqlc.arg(last_merchant)
  AND p.created_at >= sqlc.arg(since) AND p.created_at <= sqlc.arg(until)
  AND (CAST(sqlc.arg(state) AS text) = '' OR p.state = CAST(sqlc.arg(state) AS text))
  AND (CAST(sqlc.arg(failed) AS smallint) = 0 OR p.state = 'exhausted' OR (p.state = 'pending' AND p.attempts > p.schedule_tries))
  AND (CAST(sqlc.arg(gate) AS text) = '' OR (CAST(sqlc.arg(gate) AS text) = 'paused') = (COALESCE(e.state, '') = 'paused'))
ORDER BY p.id DESC LIMIT CAST(sqlc.arg(rows) AS bigint);

-- name: PickPendingPostbacks :many
-- Newest first, by the index of what is due.
SELECT p.id, p.merchant_id, p.kind
FROM postback p LEFT JOIN endpoint e ON e.merchant_id = p.merchant_id AND e.kind = p.kind
WHERE p.state = 'pending' AND p.merchant_id >= sqlc.arg(first_merchant) AND p.merchant_id <= sqlc.arg(last_merchant)
  AND p.id < sqlc.arg(before)
  AND p.created_at >= sqlc.arg(since) AND p.created_at <= sqlc.arg(until)
  AND (CAST(sqlc.arg(failed) AS smallint) = 0 OR p.attempts > p.schedule_tries)
  AND (CAST(sqlc.arg(gate) AS text) = '' OR (CAST(sqlc.arg(gate) AS text) = 'paused') = (COALESCE(e.state, '') = 'paused'))
ORDER BY p.id DESC LIMIT CAST(sqlc.arg(rows) AS bigint);

-- name: PickExhaustedPostbacks :many
SELECT id, merchant_id, kind
FROM postback
WHERE state = 'exhausted' AND id < sqlc.arg(before)
  AND merchant_id >= sqlc.arg(first_merchant) AND merchant_id <= sqlc.arg(last_merchant)
  AND created_at >= sqlc.arg(since) AND created_at <= sqlc.arg(until)
ORDER BY id DESC LIMIT CAST(sqlc.arg(rows) AS bigint);

-- name: DescribePostbacks :many
-- last_status is 0 when the last attempt had no answer, or there was none.
SELECT p.id, p.webhook_id, p.merchant_id, CAST(COALESCE(m.slug, '') AS text) AS slug, p.kind, p.subject_id, p.state, p.attempts, p.next_at, p.created_at, p.ended_at,
       CAST(COALESCE(e.state, 'closed') AS text) AS gate, CAST(COALESCE(r.number, '') AS text) AS number,
       CAST(COALESCE(a.status, 0) AS smallint) AS last_status
FROM json_to_recordset(CAST(sqlc.arg(batch) AS json)) AS j(id bigint)
CROSS JOIN postback p
LEFT JOIN merchant m ON m.id = p.merchant_id
LEFT JOIN endpoint e ON e.merchant_id = p.merchant_id AND e.kind = p.kind
LEFT JOIN deposit d ON d.id = p.subject_id AND p.kind = 'deposit'
LEFT JOIN transfer t ON t.id = d.transfer_id
LEFT JOIN reference r ON r.id = t.reference_id
LEFT JOIN postback_attempt a ON a.postback_id = p.id AND a.number = p.attempts
WHERE p.id = j.id
ORDER BY p.id DESC;

-- name: GetPostbackBody :one
SELECT body, packed, schedule_at, schedule_tries FROM postback WHERE id = sqlc.arg(id);

-- name: ListPostbackMarks :many
-- Out of each stretch of ids one postback, with when it was written: a coarse picture of which ids are of which time.
WITH RECURSIVE hop (id) AS (
  SELECT max(p.id) FROM postback p
  UNION ALL
  SELECT (SELECT max(p.id) FROM postback p WHERE p.id <= hop.id - CAST(sqlc.arg(stretch) AS bigint))
  FROM hop WHERE hop.id IS NOT NULL
)
SELECT p.id, p.created_at FROM hop CROSS JOIN postback p WHERE p.id = hop.id;

-- name: FindPostbackByWebhook :one
-- Nothing indexes webhook_id: it is compared in one stretch of ids.
SELECT id FROM postback WHERE id > sqlc.arg(after) AND id <= sqlc.arg(until) AND webhook_id = sqlc.arg(webhook_id);
