-- What the commands of an operator read, and the few rows they change that no other file does.
-- Lists run from the newest to the oldest; "before" is the id that ended the page in front.

-- name: GetMerchant :one
SELECT * FROM merchant WHERE slug = sqlc.arg(slug);

-- name: ListKeysOfMerchant :many
SELECT * FROM merchant_key WHERE merchant_id = sqlc.arg(merchant_id) ORDER BY id;

-- name: GetReceivingAccount :one
SELECT * FROM receiving_account WHERE id = sqlc.arg(id);

-- name: GetWallet :one
SELECT * FROM wallet WHERE id = sqlc.arg(id);

-- name: FindWallet :one
SELECT * FROM wallet WHERE method = sqlc.arg(method) AND identifier = sqlc.arg(identifier) AND state <> 'retired';

-- name: GetSource :one
SELECT * FROM source WHERE id = sqlc.arg(id);

-- name: ListMissingLedgerAccounts :many
SELECT CAST(n.kind AS text) AS kind, CAST(n.owner_id AS bigint) AS owner_id, CAST(n.currency AS text) AS currency
FROM (
  SELECT 'receiving' AS kind, a.id AS owner_id, a.currency FROM receiving_account a
  UNION SELECT 'unclaimed', a.id, a.currency FROM receiving_account a
  UNION SELECT 'merchant', m.id, m.currency FROM merchant m
  UNION SELECT 'fees', m.id, m.currency FROM merchant m
  UNION SELECT k.kind, m.id, 'INR' FROM merchant m CROSS JOIN (
    SELECT 'merchant' AS kind UNION SELECT 'reserved' UNION SELECT 'paid_out' UNION SELECT 'treasury'
  ) k
  UNION SELECT 'merchant', m.id, u.currency FROM merchant m JOIN (SELECT DISTINCT sandbox, currency FROM receiving_account) u ON u.sandbox = m.sandbox
  UNION SELECT 'fees', m.id, u.currency FROM merchant m JOIN (SELECT DISTINCT sandbox, currency FROM receiving_account) u ON u.sandbox = m.sandbox
) n
LEFT JOIN ledger_account l ON l.kind = n.kind AND l.owner_id = n.owner_id AND l.currency = n.currency
WHERE l.id IS NULL
ORDER BY 1, 2, 3;

-- name: ListClaims :many
SELECT c.*, m.slug, CAST(COALESCE(d.amount, 0) AS bigint) AS credited
FROM claim c JOIN merchant m ON m.id = c.merchant_id LEFT JOIN deposit d ON d.claim_id = c.id
WHERE c.id < sqlc.arg(before)
  AND (CAST(sqlc.arg(state) AS text) = '' OR c.state = CAST(sqlc.arg(state) AS text))
  AND (CAST(sqlc.arg(merchant_id) AS bigint) = 0 OR c.merchant_id = CAST(sqlc.arg(merchant_id) AS bigint))
ORDER BY c.id DESC LIMIT CAST(sqlc.arg(rows) AS bigint);

-- name: GetClaim :one
SELECT c.*, m.slug, CAST(COALESCE(d.amount, 0) AS bigint) AS credited
FROM claim c JOIN merchant m ON m.id = c.merchant_id LEFT JOIN deposit d ON d.claim_id = c.id
WHERE c.id = sqlc.arg(id);

-- name: ListOrderClaims :many
SELECT c.*, m.slug, CAST(COALESCE(d.amount, 0) AS bigint) AS credited
FROM claim c JOIN merchant m ON m.id = c.merchant_id LEFT JOIN deposit d ON d.claim_id = c.id
WHERE c.merchant_id = sqlc.arg(merchant_id) AND c.order_id = sqlc.arg(order_id)
ORDER BY c.id DESC;

-- name: ListClaimsOfReference :many
SELECT c.*, m.slug, CAST(COALESCE(d.amount, 0) AS bigint) AS credited
FROM claim c JOIN merchant m ON m.id = c.merchant_id LEFT JOIN deposit d ON d.claim_id = c.id
WHERE c.reference_id = sqlc.arg(reference_id)
ORDER BY c.id DESC;

-- name: ListTransitions :many
SELECT * FROM transition WHERE kind = sqlc.arg(kind) AND subject_id = sqlc.arg(subject_id) ORDER BY at, id;

-- name: GetDepositOfClaim :one
SELECT * FROM deposit WHERE claim_id = sqlc.arg(claim_id);

-- name: GetDepositOfTransfer :one
SELECT * FROM deposit WHERE transfer_id = sqlc.arg(transfer_id);

-- name: GetPostback :one
SELECT * FROM postback WHERE kind = sqlc.arg(kind) AND subject_id = sqlc.arg(subject_id);

-- name: ListPostbackAttempts :many
SELECT * FROM postback_attempt WHERE postback_id = sqlc.arg(postback_id) ORDER BY number;

-- name: ListTransfers :many
SELECT t.*, r.rail, r.number
FROM transfer t JOIN reference r ON r.id = t.reference_id
WHERE t.id < sqlc.arg(before)
  AND (CAST(sqlc.arg(state) AS text) = '' OR t.state = CAST(sqlc.arg(state) AS text))
  AND (CAST(sqlc.arg(account_id) AS bigint) = 0 OR t.account_id = CAST(sqlc.arg(account_id) AS bigint))
ORDER BY t.id DESC LIMIT CAST(sqlc.arg(rows) AS bigint);

-- name: GetTransfer :one
SELECT t.*, r.rail, r.number FROM transfer t JOIN reference r ON r.id = t.reference_id WHERE t.id = sqlc.arg(id);

-- name: GetTransferOfReference :one
SELECT t.*, r.rail, r.number FROM transfer t JOIN reference r ON r.id = t.reference_id WHERE t.reference_id = sqlc.arg(reference_id);

-- name: ListEvidence :many
SELECT e.* FROM evidence e
WHERE e.id < sqlc.arg(before)
  AND (CAST(sqlc.arg(outcome) AS text) = '' OR e.outcome = CAST(sqlc.arg(outcome) AS text))
  AND (CAST(sqlc.arg(source_id) AS bigint) = 0 OR e.source_id = CAST(sqlc.arg(source_id) AS bigint))
ORDER BY e.id DESC LIMIT CAST(sqlc.arg(rows) AS bigint);

-- name: GetEvidence :one
SELECT * FROM evidence WHERE id = sqlc.arg(id);

-- name: ListEvidenceOfReference :many
SELECT * FROM evidence WHERE reference_id = sqlc.arg(reference_id) ORDER BY id;

-- name: ListUnparsedEvidence :many
SELECT * FROM evidence WHERE outcome = 'unparsed' AND id > sqlc.arg(after) ORDER BY id LIMIT CAST(sqlc.arg(rows) AS bigint);

-- name: FindReferences :many
SELECT r.id, r.rail, r.number
FROM json_to_recordset(CAST(sqlc.arg(batch) AS json)) AS j(rail smallint, number text)
CROSS JOIN reference r
WHERE r.rail = j.rail AND r.number = j.number;

-- What begins with a text is looked for among the newest ids, of a stretch: no index serves it, and every deposit would pay
-- for one.

-- name: FindReferencesByPrefix :many
SELECT id, rail, number FROM reference
WHERE id > (SELECT COALESCE(max(n.id), 0) - CAST(sqlc.arg(stretch) AS bigint) FROM reference n)
  AND substr(number, 1, CAST(sqlc.arg(length) AS integer)) = CAST(sqlc.arg(prefix) AS text)
ORDER BY id DESC LIMIT CAST(sqlc.arg(rows) AS bigint);

-- name: FindClaims :many
SELECT c.*, m.slug, CAST(COALESCE(d.amount, 0) AS bigint) AS credited
FROM claim c JOIN merchant m ON m.id = c.merchant_id LEFT JOIN deposit d ON d.claim_id = c.id
WHERE c.id > (SELECT COALESCE(max(n.id), 0) - CAST(sqlc.arg(stretch) AS bigint) FROM claim n)
  AND (substr(c.order_id, 1, CAST(sqlc.arg(length) AS integer)) = CAST(sqlc.arg(prefix) AS text)
    OR substr(c.payer, 1, CAST(sqlc.arg(length) AS integer)) = CAST(sqlc.arg(prefix) AS text)
    OR substr(c.given, 1, CAST(sqlc.arg(length) AS integer)) = CAST(sqlc.arg(prefix) AS text))
ORDER BY c.id DESC LIMIT CAST(sqlc.arg(rows) AS bigint);

-- name: FindClaimsOfOrder :many
SELECT c.*, m.slug, CAST(COALESCE(d.amount, 0) AS bigint) AS credited
FROM merchant m
CROSS JOIN claim c
LEFT JOIN deposit d ON d.claim_id = c.id
WHERE c.merchant_id = m.id AND c.order_id = sqlc.arg(order_id);

-- name: FindTransfers :many
SELECT t.*, r.rail, r.number
FROM transfer t JOIN reference r ON r.id = t.reference_id
WHERE t.id > (SELECT COALESCE(max(n.id), 0) - CAST(sqlc.arg(stretch) AS bigint) FROM transfer n)
  AND substr(t.payer, 1, CAST(sqlc.arg(length) AS integer)) = CAST(sqlc.arg(prefix) AS text)
ORDER BY t.id DESC LIMIT CAST(sqlc.arg(rows) AS bigint);

-- name: GetDeposit :one
SELECT * FROM deposit WHERE id = sqlc.arg(id);

-- name: ListBalances :many
SELECT a.id, a.kind, a.owner_id, a.currency, CAST(a.balance + COALESCE(d.amount, 0) AS bigint) AS balance
FROM ledger_account a
LEFT JOIN (SELECT account_id, sum(amount) AS amount FROM balance_delta GROUP BY account_id) d ON d.account_id = a.id
ORDER BY a.id;

-- name: CountClaimsInState :one
SELECT count(*) AS claims, CAST(COALESCE(min(decided_at), 0) AS bigint) AS oldest FROM claim WHERE state = sqlc.arg(state);

-- name: CountTransfersInState :one
SELECT count(*) FROM transfer WHERE state = sqlc.arg(state);

-- name: CountUnparsedEvidence :one
SELECT count(*) FROM evidence WHERE outcome = 'unparsed';

-- name: CountPostbacks :one
SELECT count(*) AS postbacks, CAST(COALESCE(min(created_at), 0) AS bigint) AS oldest FROM postback WHERE state = sqlc.arg(state);

-- name: GetLatestMoment :one
SELECT CAST(COALESCE(max(n.at), 0) AS bigint) AS at FROM (
  SELECT (SELECT decided_at FROM claim ORDER BY id DESC LIMIT 1) AS at UNION ALL SELECT (SELECT observed_at FROM transfer ORDER BY id DESC LIMIT 1)
  UNION ALL SELECT (SELECT at FROM posting ORDER BY entry_id DESC LIMIT 1)) n;

-- name: GetHighestIDs :one
SELECT CAST(COALESCE((SELECT max(id) FROM deposit), 0) AS bigint) AS deposits,
       CAST(COALESCE((SELECT max(entry_id) FROM posting), 0) AS bigint) AS entries;

-- name: ListPostings :many
SELECT p.entry_id, p.line, p.kind, p.event_id, p.amount,
       CAST(COALESCE(s.kind, '') AS text) AS source_kind, CAST(COALESCE(s.owner_id, 0) AS bigint) AS source_owner,
       CAST(COALESCE(t.kind, '') AS text) AS destination_kind, CAST(COALESCE(t.owner_id, 0) AS bigint) AS destination_owner
FROM posting p
LEFT JOIN ledger_account s ON s.id = p.source_id
LEFT JOIN ledger_account t ON t.id = p.destination_id
WHERE p.entry_id > sqlc.arg(after) AND p.entry_id <= sqlc.arg(until);

-- name: EraseEvidence :exec
-- The text turned out to be one that must not be kept.
UPDATE evidence SET raw = sqlc.arg(raw), sender = '', outcome = 'refused', reason = sqlc.arg(reason) WHERE id = sqlc.arg(id) AND outcome = 'unparsed';
