-- Delivery of postbacks. A lane is an endpoint: a merchant and a kind, as deposits and withdrawals may go to different
-- addresses. What looks long-winded here keeps PostgreSQL from scanning the table once its statistics tempt it to. Those
-- of a quiet time say that nothing waits: where a postback is named by its id, "ended_at IS NULL" means pending, but
-- doesn't invite to read all that waits from the index of it.

-- name: ListLanes :many
-- The lanes with undelivered postbacks: their breaker, when the first postback is due (-1: none), and for one that is
-- open since fresh_before without a probe, when the first came that was never tried (-1: none). It hops over the index
-- from merchant to merchant, so it costs as much as there are such merchants, however many postbacks wait.
WITH RECURSIVE hop (merchant_id) AS (
  SELECT (SELECT p.merchant_id FROM postback p WHERE p.state = 'pending' AND p.merchant_id > 0 ORDER BY p.merchant_id LIMIT 1)
  UNION ALL
  SELECT (SELECT p.merchant_id FROM postback p WHERE p.state = 'pending' AND p.merchant_id > hop.merchant_id ORDER BY p.merchant_id LIMIT 1)
  FROM hop WHERE hop.merchant_id IS NOT NULL
)
SELECT CAST(hop.merchant_id AS bigint) AS merchant_id, k.kind, COALESCE(e.state, 'closed') AS state,
  COALESCE(e.probe_at, 0) AS probe_at, COALESCE(e.lease, 0) AS lease, COALESCE(e.lease_until, 0) AS lease_until,
  CAST(COALESCE((
    SELECT p.next_at FROM postback p
    WHERE p.state = 'pending' AND p.merchant_id = hop.merchant_id AND p.kind = k.kind
    ORDER BY p.next_at LIMIT 1
  ), -1) AS bigint) AS next_at,
  CAST(CASE WHEN e.state = 'open' AND e.probed_at <= sqlc.arg(fresh_before) THEN COALESCE((
    SELECT p.next_at FROM postback p
    WHERE p.state = 'pending' AND p.merchant_id = e.merchant_id AND p.kind = e.kind AND p.next_at > e.probed_at AND p.attempts = 0
    ORDER BY p.next_at LIMIT 1
  ), -1) ELSE -1 END AS bigint) AS fresh_at
FROM hop CROSS JOIN (SELECT 'deposit' AS kind UNION ALL SELECT 'withdrawal' AS kind) k
LEFT JOIN endpoint e ON e.merchant_id = hop.merchant_id AND e.kind = k.kind
WHERE hop.merchant_id IS NOT NULL;

-- name: LeaseLanes :many
-- Takes lanes that nobody has, or renews leases; an endpoint's row is made by its first lease. The rows come sorted, so
-- that two of these can't wait for each other. What somebody holds locked is passed by, whether he has it or takes it: he
-- may be frozen, and all other lanes would wait with this one. A renewal waits, as it is the owner's own record that holds
-- the row.
INSERT INTO endpoint (merchant_id, kind, lease, lease_until)
SELECT j.merchant_id, j.kind, j.lease, CAST(sqlc.arg(lease_until) AS bigint)
FROM json_to_recordset(CAST(sqlc.arg(batch) AS json)) AS j(merchant_id bigint, kind text, lease bigint)
WHERE COALESCE((SELECT o.lease FROM endpoint o WHERE o.merchant_id = j.merchant_id AND o.kind = j.kind), j.lease) = j.lease
  OR (
    SELECT e.merchant_id FROM endpoint e
    WHERE e.merchant_id = j.merchant_id AND e.kind = j.kind AND e.state <> 'paused' AND e.lease_until <= sqlc.arg(now)
    FOR UPDATE SKIP LOCKED
  ) IS NOT NULL
ON CONFLICT (merchant_id, kind) DO UPDATE SET lease = excluded.lease, lease_until = excluded.lease_until
WHERE endpoint.state <> 'paused' AND (endpoint.lease_until <= sqlc.arg(now) OR endpoint.lease = excluded.lease)
RETURNING endpoint.merchant_id, endpoint.kind, endpoint.lease, endpoint.state, endpoint.reason, endpoint.failures,
  endpoint.changed_at, endpoint.probe_id, endpoint.probe_at, endpoint.probed_at;

-- name: ListDuePostbacks :many
-- The due postbacks of lanes, at most so many of each, those that are due longest first, from behind a place in that
-- order; none where the lease is gone or the endpoint paused.
SELECT p.id, p.merchant_id, p.kind, p.subject_id, p.webhook_id, p.body, p.packed, p.attempts, p.next_at, p.schedule_at, p.schedule_tries
FROM json_to_recordset(CAST(sqlc.arg(batch) AS json)) AS j(merchant_id bigint, kind text, lease bigint, after_at bigint, after_id bigint)
CROSS JOIN endpoint e
CROSS JOIN postback p
WHERE e.merchant_id = j.merchant_id AND e.kind = j.kind AND e.lease = j.lease AND e.state <> 'paused' AND p.id = ANY(ARRAY(
  SELECT q.id FROM postback q
  WHERE q.state = 'pending' AND q.merchant_id = j.merchant_id AND q.kind = j.kind AND q.next_at <= sqlc.arg(now)
    AND (q.next_at, q.id) > (j.after_at, j.after_id)
  ORDER BY q.next_at, q.id LIMIT sqlc.arg(most)
))
ORDER BY p.next_at, p.id;

-- name: GetProbe :one
-- What an open lane is probed with next, if it is still to be sent.
SELECT p.id, p.merchant_id, p.kind, p.subject_id, p.webhook_id, p.body, p.packed, p.attempts, p.next_at, p.schedule_at, p.schedule_tries
FROM postback p
WHERE p.id = sqlc.arg(id) AND p.ended_at IS NULL AND p.merchant_id = sqlc.arg(merchant_id) AND p.kind = sqlc.arg(kind) AND p.next_at <= sqlc.arg(now);

-- name: GetFreshPostback :one
-- The first postback that came after a time and was never tried.
SELECT p.id, p.merchant_id, p.kind, p.subject_id, p.webhook_id, p.body, p.packed, p.attempts, p.next_at, p.schedule_at, p.schedule_tries
FROM postback p
WHERE p.state = 'pending' AND p.merchant_id = sqlc.arg(merchant_id) AND p.kind = sqlc.arg(kind) AND p.next_at > sqlc.arg(after)
  AND p.next_at <= sqlc.arg(now) AND p.attempts = 0
ORDER BY p.next_at LIMIT 1;

-- name: DropLeases :execrows
UPDATE endpoint SET lease = 0, lease_until = 0 WHERE lease <> 0;

-- name: LockLanes :many
-- Which of these leases still hold; nobody can take their lanes until the transaction ends.
SELECT e.merchant_id, e.kind, e.lease
FROM json_to_recordset(CAST(sqlc.arg(batch) AS json)) AS j(merchant_id bigint, kind text, lease bigint)
CROSS JOIN endpoint e
WHERE e.merchant_id = j.merchant_id AND e.kind = j.kind AND e.lease = j.lease
ORDER BY e.merchant_id, e.kind
FOR UPDATE OF e;

-- name: MoveLanes :exec
-- What became of breakers since from_changed_at. Only a person ends a pause, and what a person did meanwhile stays.
UPDATE endpoint SET state = j.state, reason = j.reason, failures = j.failures, changed_at = j.changed_at,
  probe_id = j.probe_id, probe_at = j.probe_at, probed_at = j.probed_at
FROM json_to_recordset(CAST(sqlc.arg(batch) AS json)) AS j(merchant_id bigint, kind text, from_changed_at bigint, state text, reason text, failures smallint, changed_at bigint, probe_id bigint, probe_at bigint, probed_at bigint)
WHERE endpoint.merchant_id = j.merchant_id AND endpoint.kind = j.kind AND endpoint.state <> 'paused' AND endpoint.changed_at = j.from_changed_at;

-- name: HastenPostbacks :exec
-- Has postbacks that still wait be due now.
UPDATE postback SET next_at = sqlc.arg(now)
FROM json_to_recordset(CAST(sqlc.arg(batch) AS json)) AS j(id bigint)
WHERE postback.id = j.id AND postback.ended_at IS NULL AND postback.next_at > sqlc.arg(now);

-- name: ReleaseLanes :exec
UPDATE endpoint SET lease = 0, lease_until = 0
FROM json_to_recordset(CAST(sqlc.arg(batch) AS json)) AS j(merchant_id bigint, kind text, lease bigint)
WHERE endpoint.merchant_id = j.merchant_id AND endpoint.kind = j.kind AND endpoint.lease = j.lease;

-- name: RecordPostbacks :many
-- One that was replayed meanwhile has begun a new schedule: a failed attempt of the old one is counted and moves nothing.
UPDATE postback SET attempts = j.number,
  state = CASE WHEN j.state = 'delivered' OR postback.schedule_at = j.schedule_at THEN j.state ELSE postback.state END,
  next_at = CASE WHEN j.state = 'delivered' OR postback.schedule_at = j.schedule_at THEN j.next_at ELSE postback.next_at END,
  ended_at = CASE WHEN j.state = 'delivered' OR postback.schedule_at = j.schedule_at THEN j.ended_at END
FROM json_to_recordset(CAST(sqlc.arg(batch) AS json)) AS j(id bigint, number smallint, state text, next_at bigint, ended_at bigint, schedule_at bigint)
WHERE postback.id = j.id AND postback.ended_at IS NULL AND postback.attempts = j.number - 1
RETURNING postback.id;

-- name: InsertPostbackAttempts :exec
INSERT INTO postback_attempt (postback_id, number, lease, started_at, duration, address, tls, status, failure, error, answer, next_at)
SELECT j.id, j.number, j.lease, j.started_at, j.duration, j.address, j.tls, j.status, j.failure, j.error, decode(j.answer, 'hex'), j.retry_at
FROM json_to_recordset(CAST(sqlc.arg(batch) AS json)) AS j(id bigint, number smallint, lease bigint, started_at bigint, duration bigint, address text, tls text, status smallint, failure text, error text, answer text, retry_at bigint)
WHERE true;

-- name: FindPostbackAttempts :many
-- Which of these attempts are stored: a record whose COMMIT gave no answer is repeated and asks this.
SELECT a.postback_id, a.lease
FROM json_to_recordset(CAST(sqlc.arg(batch) AS json)) AS j(id bigint, number smallint, lease bigint)
CROSS JOIN postback_attempt a
WHERE a.postback_id = j.id AND a.number = j.number AND a.lease = j.lease;

-- name: LockFreeLane :one
-- A lane that isn't closed, in which nobody sends; it stays so until the transaction ends.
SELECT e.merchant_id, e.kind FROM endpoint e
WHERE e.merchant_id = sqlc.arg(merchant_id) AND e.kind = sqlc.arg(kind) AND e.state <> 'closed' AND e.lease_until <= sqlc.arg(now)
FOR UPDATE SKIP LOCKED;

-- name: ListOverduePostbacks :many
-- What has waited in a lane for longer than its schedule. It may look through all that waits there, so nobody who writes
-- should have to wait for it.
SELECT q.id FROM postback q
WHERE q.state = 'pending' AND q.merchant_id = sqlc.arg(merchant_id) AND q.kind = sqlc.arg(kind) AND q.schedule_at <= sqlc.arg(before)
ORDER BY q.next_at LIMIT sqlc.arg(most);

-- name: ExhaustPostbacks :many
-- Gives up those of the postbacks that still wait for longer than their schedule.
UPDATE postback SET state = 'exhausted', ended_at = sqlc.arg(now)
FROM json_to_recordset(CAST(sqlc.arg(batch) AS json)) AS j(id bigint)
WHERE postback.id = j.id AND postback.ended_at IS NULL AND postback.schedule_at <= sqlc.arg(before)
RETURNING postback.id;

-- name: CountUndelivered :one
SELECT count(*) AS pending, CAST(COALESCE(min(p.created_at), 0) AS bigint) AS oldest_at,
  (SELECT count(*) FROM postback e WHERE e.state = 'exhausted') AS exhausted
FROM postback p
WHERE p.state = 'pending' AND p.merchant_id > 0;
