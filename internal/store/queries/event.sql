-- The feed of events: positions are given to postbacks after these are committed.

-- name: InsertNewEvents :exec
INSERT INTO event_new (merchant_id, postback_id)
SELECT j.merchant_id, j.id
FROM json_to_recordset(CAST(sqlc.arg(batch) AS json)) AS j(merchant_id bigint, id bigint)
WHERE true;

-- name: ListNewEventMerchants :many
-- The merchants with events that have no position yet. It hops over the index from merchant to merchant, so it costs as
-- much as there are such merchants, however many events wait.
WITH RECURSIVE hop (merchant_id) AS (
  SELECT min(e.merchant_id) FROM event_new e
  UNION ALL
  SELECT (SELECT min(e.merchant_id) FROM event_new e WHERE e.merchant_id > hop.merchant_id)
  FROM hop WHERE hop.merchant_id IS NOT NULL
)
SELECT CAST(hop.merchant_id AS bigint) AS merchant_id FROM hop WHERE hop.merchant_id IS NOT NULL;

-- name: LockFeeds :many
-- Whoever holds these rows alone numbers the events of their merchants. It is a statement of its own: what follows it sees
-- all that the last owner has committed.
INSERT INTO event_feed (merchant_id)
SELECT j.id
FROM json_to_recordset(CAST(sqlc.arg(batch) AS json)) AS j(id bigint)
WHERE true
ON CONFLICT (merchant_id) DO UPDATE SET last_position = event_feed.last_position
RETURNING merchant_id, last_position;

-- name: TakeNewEvents :many
-- Up to so many of the oldest ones. Their end is looked up first, once: as a list of ids to be in, PostgreSQL made it anew for each
-- event that waits whenever its statistics were of a moment in which none did.
DELETE FROM event_new
WHERE event_new.merchant_id = sqlc.arg(merchant_id) AND event_new.postback_id <= (
  SELECT max(oldest.postback_id) FROM (
    SELECT e.postback_id FROM event_new e WHERE e.merchant_id = sqlc.arg(merchant_id) ORDER BY e.postback_id LIMIT sqlc.arg(most)
  ) AS oldest
)
RETURNING event_new.postback_id;

-- name: InsertEvents :exec
INSERT INTO event (merchant_id, position, postback_id, at)
SELECT j.merchant_id, j.position, j.postback_id, j.at
FROM json_to_recordset(CAST(sqlc.arg(batch) AS json)) AS j(merchant_id bigint, position bigint, postback_id bigint, at bigint)
WHERE true;

-- name: MoveFeeds :exec
UPDATE event_feed SET last_position = j.last_position
FROM json_to_recordset(CAST(sqlc.arg(batch) AS json)) AS j(merchant_id bigint, last_position bigint)
WHERE event_feed.merchant_id = j.merchant_id;

-- name: ListEvents :many
SELECT e.position, p.id, p.kind, p.webhook_id, p.body, p.packed, p.created_at
FROM event e JOIN postback p ON p.id = e.postback_id
WHERE e.merchant_id = sqlc.arg(merchant_id) AND p.merchant_id = sqlc.arg(merchant_id) AND e.position > sqlc.arg(after)
ORDER BY e.position
LIMIT sqlc.arg(size);

-- name: GetLastPosition :one
SELECT last_position FROM event_feed WHERE merchant_id = sqlc.arg(merchant_id);

-- name: EnsureFeeds :exec
INSERT INTO event_feed (merchant_id) SELECT m.id FROM merchant m WHERE true ON CONFLICT (merchant_id) DO NOTHING;

-- name: SkipPositions :exec
UPDATE event_feed SET last_position = event_feed.last_position + sqlc.arg(gap), skipped = event_feed.skipped + sqlc.arg(gap);
