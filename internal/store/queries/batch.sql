-- The statements of one money transaction. Each takes a whole batch as one JSON text
-- (an array of objects named like the columns) and does one thing to the set.
-- CROSS JOIN keeps SQLite looking rows up by index instead of scanning the table. PostgreSQL must do the same before it
-- has statistics: a condition on the table alone would let it guess "one row" and scan. So what could be a constant
-- comes with the batch (superseded_by), and other conditions hide in a CASE.

-- name: LockReferences :many
INSERT INTO reference (id, rail, number, touched_at)
SELECT j.id, j.rail, j.number, j.touched_at
FROM json_to_recordset(CAST(sqlc.arg(batch) AS json)) AS j(id bigint, rail smallint, number text, touched_at bigint)
WHERE true
ON CONFLICT (rail, number) DO UPDATE SET touched_at = excluded.touched_at
RETURNING id, rail, number, reversed_at;

-- name: LoadEvidence :many
SELECT e.id, e.fingerprint, e.outcome, e.reason, e.reference_id, e.transfer_id
FROM json_to_recordset(CAST(sqlc.arg(batch) AS json)) AS j(fingerprint text)
CROSS JOIN evidence e
WHERE e.fingerprint = decode(j.fingerprint, 'hex');

-- name: LoadTransfers :many
SELECT t.*
FROM json_to_recordset(CAST(sqlc.arg(batch) AS json)) AS j(id bigint)
CROSS JOIN transfer t
WHERE t.reference_id = j.id;

-- name: LoadOrderClaims :many
SELECT c.*, CAST(COALESCE(d.amount, 0) AS bigint) AS credited
FROM json_to_recordset(CAST(sqlc.arg(batch) AS json)) AS j(merchant_id bigint, order_id text, superseded_by bigint)
CROSS JOIN claim c
LEFT JOIN deposit d ON d.claim_id = c.id
WHERE c.merchant_id = j.merchant_id AND c.order_id = j.order_id AND c.superseded_by = j.superseded_by;

-- name: LoadReferenceClaims :many
SELECT c.*
FROM json_to_recordset(CAST(sqlc.arg(batch) AS json)) AS j(id bigint)
CROSS JOIN claim c
WHERE c.reference_id = j.id
  AND CASE WHEN c.state = 'waiting' THEN true WHEN c.state = 'held' THEN true WHEN c.reason = 'amount_mismatch' THEN true WHEN c.reason = 'corrected_openly' THEN true ELSE false END;

-- name: LoadClaimsByID :many
SELECT c.*, r.rail, r.number
FROM json_to_recordset(CAST(sqlc.arg(batch) AS json)) AS j(id bigint)
CROSS JOIN claim c
LEFT JOIN reference r ON r.id = c.reference_id
WHERE c.id = j.id;

-- name: CountWaiting :many
SELECT c.merchant_id, c.payer, count(*) AS waiting
FROM json_to_recordset(CAST(sqlc.arg(batch) AS json)) AS j(merchant_id bigint, payer text)
CROSS JOIN claim c
WHERE c.merchant_id = j.merchant_id AND c.payer = j.payer AND c.state = 'waiting' AND c.expires_at > sqlc.arg(now)
GROUP BY c.merchant_id, c.payer;

-- name: LoadShown :many
SELECT a.merchant_id, a.payer, a.account_id, CAST(min(a.first_shown_at) AS bigint) AS first_shown_at
FROM json_to_recordset(CAST(sqlc.arg(batch) AS json)) AS j(merchant_id bigint, payer text)
CROSS JOIN assignment a
WHERE a.merchant_id = j.merchant_id AND a.payer = j.payer
GROUP BY a.merchant_id, a.payer, a.account_id;

-- name: LoadDisputedAccounts :many
SELECT DISTINCT account_id FROM disputed_transfer;

-- name: SumMerchantDeposits :one
SELECT CAST(COALESCE(sum(d.amount), 0) AS bigint) AS amount, count(*) AS deposits
FROM deposit d
WHERE d.merchant_id = sqlc.arg(merchant_id) AND d.currency = sqlc.arg(currency) AND d.created_at >= sqlc.arg(since);

-- name: SumPayerDeposits :one
SELECT CAST(COALESCE(sum(d.amount), 0) AS bigint) AS amount, count(*) AS deposits
FROM deposit d CROSS JOIN claim c
WHERE d.merchant_id = sqlc.arg(merchant_id) AND d.currency = sqlc.arg(currency) AND d.created_at >= sqlc.arg(since)
  AND c.id = d.claim_id AND c.payer = sqlc.arg(payer);

-- name: SumAccountTransfers :one
SELECT CAST(COALESCE(sum(t.amount), 0) AS bigint) AS amount, count(*) AS transfers
FROM transfer t
WHERE t.account_id = sqlc.arg(account_id) AND t.currency = sqlc.arg(currency)
  AND t.occurred_at >= sqlc.arg(since) AND t.occurred_at < sqlc.arg(until)
  AND (t.state IN ('credited', 'disputed') OR t.state IN ('observed', 'quarantined') AND t.strength > CAST(sqlc.arg(weak) AS smallint));

-- name: InsertClaims :exec
INSERT INTO claim (id, merchant_id, order_id, superseded_by, payer, method, reference_id, given, amount, currency, state, reason, until_evidence, corrections, told, created_at, decided_at, expires_at)
SELECT j.id, j.merchant_id, j.order_id, j.superseded_by, j.payer, j.method, j.reference_id, j.given, j.amount, j.currency, j.state, j.reason, j.until_evidence, j.corrections, j.told, j.created_at, j.decided_at, j.expires_at
FROM json_to_recordset(CAST(sqlc.arg(batch) AS json)) AS j(id bigint, merchant_id bigint, order_id text, superseded_by bigint, payer text, method text, reference_id bigint, given text, amount bigint, currency text, state text, reason text, until_evidence smallint, corrections smallint, told smallint, created_at bigint, decided_at bigint, expires_at bigint)
WHERE true;

-- A conditional update whose condition fails leaves no state, and NOT NULL refuses the whole transaction (ErrStale): so
-- it needs no answer before COMMIT and travels with it.

-- name: UpdateClaims :exec
UPDATE claim SET state = CASE WHEN claim.state = j.from_state AND claim.superseded_by = j.from_superseded_by THEN j.state END,
  reason = j.reason, until_evidence = j.until_evidence, told = j.told, superseded_by = j.superseded_by, decided_at = j.decided_at
FROM json_to_recordset(CAST(sqlc.arg(batch) AS json)) AS j(id bigint, from_state text, state text, reason text, until_evidence smallint, told smallint, from_superseded_by bigint, superseded_by bigint, decided_at bigint)
WHERE claim.id = j.id;

-- name: InsertTransfers :exec
INSERT INTO transfer (id, reference_id, account_id, amount, currency, occurred_at, accuracy, strength, payer, marks, released, state, observed_at)
SELECT j.id, j.reference_id, j.account_id, j.amount, j.currency, j.occurred_at, j.accuracy, j.strength, j.payer, j.marks, j.released, j.state, j.observed_at
FROM json_to_recordset(CAST(sqlc.arg(batch) AS json)) AS j(id bigint, reference_id bigint, account_id bigint, amount bigint, currency text, occurred_at bigint, accuracy smallint, strength smallint, payer text, marks smallint, released smallint, state text, observed_at bigint)
WHERE true;

-- name: UpdateTransfers :exec
UPDATE transfer SET state = CASE WHEN transfer.state = j.from_state THEN j.state END,
  account_id = j.account_id, amount = j.amount, currency = j.currency, occurred_at = j.occurred_at, accuracy = j.accuracy, strength = j.strength, payer = j.payer, marks = j.marks, released = j.released
FROM json_to_recordset(CAST(sqlc.arg(batch) AS json)) AS j(id bigint, from_state text, account_id bigint, amount bigint, currency text, occurred_at bigint, accuracy smallint, strength smallint, payer text, marks smallint, released smallint, state text)
WHERE transfer.id = j.id;

-- name: InsertDisputes :exec
INSERT INTO disputed_transfer (transfer_id, account_id)
SELECT j.transfer_id, j.account_id
FROM json_to_recordset(CAST(sqlc.arg(batch) AS json)) AS j(transfer_id bigint, account_id bigint)
WHERE true;

-- name: DeleteDisputes :exec
DELETE FROM disputed_transfer
WHERE transfer_id IN (SELECT j.id FROM json_to_recordset(CAST(sqlc.arg(batch) AS json)) AS j(id bigint));

-- name: MarkReversed :exec
UPDATE reference SET reversed_at = j.reversed_at
FROM json_to_recordset(CAST(sqlc.arg(batch) AS json)) AS j(id bigint, reversed_at bigint)
WHERE reference.id = j.id AND reference.reversed_at IS NULL;

-- name: InsertDeposits :exec
INSERT INTO deposit (id, claim_id, transfer_id, merchant_id, amount, fee, currency, created_at)
SELECT j.id, j.claim_id, j.transfer_id, j.merchant_id, j.amount, j.fee, j.currency, j.created_at
FROM json_to_recordset(CAST(sqlc.arg(batch) AS json)) AS j(id bigint, claim_id bigint, transfer_id bigint, merchant_id bigint, amount bigint, fee bigint, currency text, created_at bigint)
WHERE true;

-- name: InsertPostings :exec
INSERT INTO posting (entry_id, line, kind, event_id, source_id, destination_id, amount, currency, at)
SELECT j.entry_id, j.line, j.kind, j.event_id, j.source_id, j.destination_id, j.amount, j.currency, j.at
FROM json_to_recordset(CAST(sqlc.arg(batch) AS json)) AS j(entry_id bigint, line smallint, kind text, event_id bigint, source_id bigint, destination_id bigint, amount bigint, currency text, at bigint)
WHERE true;

-- name: InsertDeltas :exec
INSERT INTO balance_delta (account_id, entry_id, amount)
SELECT j.account_id, j.entry_id, j.amount
FROM json_to_recordset(CAST(sqlc.arg(batch) AS json)) AS j(account_id bigint, entry_id bigint, amount bigint)
WHERE true;

-- name: InsertTransitions :exec
INSERT INTO transition (id, kind, subject_id, from_state, to_state, at, actor, reason, facts)
SELECT j.id, j.kind, j.subject_id, j.from_state, j.to_state, j.at, j.actor, j.reason, j.facts
FROM json_to_recordset(CAST(sqlc.arg(batch) AS json)) AS j(id bigint, kind text, subject_id bigint, from_state text, to_state text, at bigint, actor text, reason text, facts text)
WHERE true;

-- name: InsertPostbacks :exec
INSERT INTO postback (id, merchant_id, kind, subject_id, webhook_id, body, packed, state, next_at, schedule_at, created_at)
SELECT j.id, j.merchant_id, j.kind, j.subject_id, j.webhook_id, '', decode(j.packed, 'hex'), 'pending', j.next_at, j.created_at, j.created_at
FROM json_to_recordset(CAST(sqlc.arg(batch) AS json)) AS j(id bigint, merchant_id bigint, kind text, subject_id bigint, webhook_id text, packed text, next_at bigint, created_at bigint)
WHERE true;

-- name: InsertEvidence :exec
INSERT INTO evidence (id, source_id, fingerprint, raw, sender, received_at, outcome, reason, reading, reference_id, transfer_id)
SELECT j.id, j.source_id, decode(j.fingerprint, 'hex'), decode(j.raw, 'hex'), j.sender, j.received_at, j.outcome, j.reason, j.reading, j.reference_id, j.transfer_id
FROM json_to_recordset(CAST(sqlc.arg(batch) AS json)) AS j(id bigint, source_id bigint, fingerprint text, raw text, sender text, received_at bigint, outcome text, reason text, reading text, reference_id bigint, transfer_id bigint)
WHERE true;

-- name: UpdateEvidence :exec
UPDATE evidence SET outcome = j.outcome, reason = j.reason, reading = j.reading, reference_id = j.reference_id, transfer_id = j.transfer_id
FROM json_to_recordset(CAST(sqlc.arg(batch) AS json)) AS j(id bigint, outcome text, reason text, reading text, reference_id bigint, transfer_id bigint)
WHERE evidence.id = j.id AND evidence.outcome = 'unparsed';

-- name: CountOTP :exec
UPDATE source SET otp_refused = source.otp_refused + j.refused
FROM json_to_recordset(CAST(sqlc.arg(batch) AS json)) AS j(id bigint, refused bigint)
WHERE source.id = j.id;
