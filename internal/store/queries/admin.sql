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
SELECT CAST(COALESCE(max(t.at), 0) AS bigint) AS at FROM (SELECT at FROM transition ORDER BY id DESC LIMIT 1) t;

-- name: AuditRanges :one
SELECT CAST(COALESCE((SELECT max(id) FROM claim), 0) AS bigint) AS claims,
       CAST(COALESCE((SELECT max(id) FROM transfer), 0) AS bigint) AS transfers,
       CAST(COALESCE((SELECT max(id) FROM deposit), 0) AS bigint) AS deposits,
       CAST(COALESCE((SELECT max(entry_id) FROM posting), 0) AS bigint) AS entries,
       CAST(COALESCE((SELECT max(id) FROM postback), 0) AS bigint) AS postbacks,
       CAST(COALESCE((SELECT max(id) FROM withdrawal), 0) AS bigint) AS withdrawals;

-- name: AuditWithdrawals :many
SELECT w.id, w.merchant_id, w.amount, w.currency, w.test, w.state, w.utr, w.withdrawal_id, w.reference, w.approvals,
       CAST((SELECT count(*) FROM withdrawal_approval a WHERE a.withdrawal_id = w.id AND a.instruction_hash = w.instruction_hash) AS bigint) AS approved,
       CAST(COALESCE((SELECT sum(p.amount) FROM posting p WHERE p.kind = 'withdrawal' AND p.event_id = w.id), 0) AS bigint) AS reserved,
       CAST(COALESCE((SELECT sum(p.amount) FROM posting p WHERE p.kind = 'withdrawal_end' AND p.event_id = w.id), 0) AS bigint) AS ended,
       CAST(COALESCE((SELECT max(l.kind) FROM posting p JOIN ledger_account l ON l.id = p.destination_id WHERE p.kind = 'withdrawal_end' AND p.event_id = w.id), '') AS text) AS ended_to,
       CAST((SELECT count(*) FROM withdrawal_answer x WHERE x.withdrawal_id = w.id AND x.at > w.decided_at
         AND (w.state = 'paid' AND x.outcome = 'failed' OR w.state IN ('refused', 'cancelled', 'refunded') AND x.outcome = 'paid')) AS bigint) AS contradicted,
       CAST(COALESCE(b.merchant_id, 0) AS bigint) AS postback_merchant, CAST(COALESCE(b.body, '') AS text) AS body
FROM withdrawal w LEFT JOIN postback b ON b.kind = 'withdrawal' AND b.subject_id = w.id
WHERE w.id > sqlc.arg(after) AND w.id <= sqlc.arg(until);

-- name: AuditPostings :many
SELECT p.entry_id, p.line, p.kind, p.event_id, p.amount, p.currency,
       CAST(COALESCE(s.kind, '') AS text) AS source_kind, CAST(COALESCE(s.owner_id, 0) AS bigint) AS source_owner, CAST(COALESCE(s.currency, '') AS text) AS source_currency,
       CAST(COALESCE(t.kind, '') AS text) AS destination_kind, CAST(COALESCE(t.owner_id, 0) AS bigint) AS destination_owner, CAST(COALESCE(t.currency, '') AS text) AS destination_currency,
       CAST(COALESCE(d.id, 0) AS bigint) AS deposit_id
FROM posting p
LEFT JOIN ledger_account s ON s.id = p.source_id
LEFT JOIN ledger_account t ON t.id = p.destination_id
LEFT JOIN deposit d ON d.id = p.event_id AND p.kind IN ('deposit', 'deposit_fee')
WHERE p.entry_id > sqlc.arg(after) AND p.entry_id <= sqlc.arg(until);

-- name: AuditBalances :many
SELECT a.id, a.kind, a.owner_id, a.currency,
       CAST(a.balance + COALESCE(d.amount, 0) AS bigint) AS balance, CAST(COALESCE(p.amount, 0) AS bigint) AS posted
FROM ledger_account a
LEFT JOIN (SELECT account_id, sum(amount) AS amount FROM balance_delta GROUP BY account_id) d ON d.account_id = a.id
LEFT JOIN (
  SELECT account_id, sum(amount) AS amount
  FROM (SELECT destination_id AS account_id, amount FROM posting UNION ALL SELECT source_id, -amount FROM posting) moved
  GROUP BY account_id
) p ON p.account_id = a.id
ORDER BY a.id;

-- name: AuditStray :one
SELECT count(*) FROM balance_delta d LEFT JOIN ledger_account a ON a.id = d.account_id WHERE a.id IS NULL;

-- name: AuditAccounts :many
SELECT a.id, a.kind, a.owner_id, a.currency,
       CAST(a.balance + COALESCE(d.amount, 0) AS bigint) AS balance, CAST(COALESCE(x.amount, 0) AS bigint) AS expected
FROM ledger_account a
LEFT JOIN (SELECT account_id, sum(amount) AS amount FROM balance_delta GROUP BY account_id) d ON d.account_id = a.id
LEFT JOIN (
  SELECT 'receiving' AS kind, account_id AS owner_id, currency, -sum(amount) AS amount FROM transfer
  WHERE state NOT IN ('reversed', 'rejected') GROUP BY account_id, currency
  UNION ALL
  SELECT 'unclaimed', account_id, currency, sum(amount) FROM transfer
  WHERE state IN ('observed', 'quarantined', 'internal') GROUP BY account_id, currency
  UNION ALL
  SELECT 'merchant', m.merchant_id, m.currency, sum(m.amount) FROM (
    SELECT merchant_id, currency, amount - fee AS amount FROM deposit
    UNION ALL SELECT merchant_id, currency, -amount FROM withdrawal WHERE test = 0 AND state NOT IN ('refused', 'cancelled', 'refunded')
    UNION ALL SELECT merchant_id, currency, CASE WHEN kind = 'topup' THEN amount ELSE -amount END FROM adjustment WHERE state = 'booked'
  ) m GROUP BY m.merchant_id, m.currency
  UNION ALL
  SELECT 'reserved', merchant_id, currency, sum(amount) FROM withdrawal
  WHERE test = 0 AND state IN ('created', 'approved', 'submitted', 'unknown', 'failed') GROUP BY merchant_id, currency
  UNION ALL
  SELECT 'paid_out', merchant_id, currency, sum(amount) FROM withdrawal WHERE test = 0 AND state = 'paid' GROUP BY merchant_id, currency
  UNION ALL
  SELECT 'treasury', merchant_id, currency, sum(CASE WHEN kind = 'topup' THEN -amount ELSE amount END) FROM adjustment
  WHERE state = 'booked' GROUP BY merchant_id, currency
  UNION ALL
  SELECT 'fees', merchant_id, currency, sum(fee) FROM deposit GROUP BY merchant_id, currency
) x ON x.kind = a.kind AND x.owner_id = a.owner_id AND x.currency = a.currency
ORDER BY a.id;

-- name: AuditDeposits :many
SELECT d.id, d.claim_id, d.transfer_id, d.merchant_id, d.amount, d.fee, d.currency,
       CAST(COALESCE(c.state, '') AS text) AS claim_state, CAST(COALESCE(c.merchant_id, 0) AS bigint) AS claim_merchant,
       CAST(COALESCE(c.order_id, '') AS text) AS order_id, CAST(COALESCE(c.payer, '') AS text) AS payer,
       CAST(COALESCE(c.reference_id, 0) AS bigint) AS claim_reference,
       CAST(COALESCE(t.state, '') AS text) AS transfer_state, CAST(COALESCE(t.amount, 0) AS bigint) AS transfer_amount,
       CAST(COALESCE(t.currency, '') AS text) AS transfer_currency, CAST(COALESCE(t.reference_id, 0) AS bigint) AS transfer_reference,
       CAST(COALESCE(r.number, '') AS text) AS number,
       CAST(COALESCE(b.merchant_id, 0) AS bigint) AS postback_merchant, CAST(COALESCE(b.body, '') AS text) AS body,
       CAST((SELECT count(*) FROM deposit o WHERE o.claim_id = d.claim_id) AS bigint) AS of_claim,
       CAST((SELECT count(*) FROM deposit o WHERE o.transfer_id = d.transfer_id) AS bigint) AS of_transfer,
       CAST((SELECT count(*) FROM transfer o JOIN deposit od ON od.transfer_id = o.id WHERE o.reference_id = t.reference_id) AS bigint) AS of_reference,
       CAST(COALESCE((SELECT sum(p.amount) FROM posting p WHERE p.kind = 'deposit' AND p.event_id = d.id), 0) AS bigint) AS posted,
       CAST(COALESCE((SELECT sum(p.amount) FROM posting p WHERE p.kind = 'deposit_fee' AND p.event_id = d.id), 0) AS bigint) AS posted_fee
FROM deposit d
LEFT JOIN claim c ON c.id = d.claim_id
LEFT JOIN transfer t ON t.id = d.transfer_id
LEFT JOIN reference r ON r.id = t.reference_id
LEFT JOIN postback b ON b.kind = 'deposit' AND b.subject_id = d.id
WHERE d.id > sqlc.arg(after) AND d.id <= sqlc.arg(until);

-- name: AuditClaims :many
SELECT c.id, c.state, c.superseded_by, CAST(COALESCE(d.id, 0) AS bigint) AS deposit_id,
       CAST((SELECT count(*) FROM claim o WHERE o.merchant_id = c.merchant_id AND o.order_id = c.order_id AND o.superseded_by = 0) AS bigint) AS current_claims
FROM claim c LEFT JOIN deposit d ON d.claim_id = c.id
WHERE c.id > sqlc.arg(after) AND c.id <= sqlc.arg(until);

-- name: AuditTransfers :many
SELECT t.id, t.state, CAST(COALESCE(d.id, 0) AS bigint) AS deposit_id,
       CAST((SELECT count(*) FROM transfer o WHERE o.reference_id = t.reference_id) AS bigint) AS of_reference
FROM transfer t LEFT JOIN deposit d ON d.transfer_id = t.id
WHERE t.id > sqlc.arg(after) AND t.id <= sqlc.arg(until);

-- name: AuditPostbacks :many
SELECT b.id, b.kind, b.subject_id, CAST(COALESCE(d.id, 0) AS bigint) AS deposit_id, CAST(COALESCE(w.state, '') AS text) AS withdrawal_state
FROM postback b LEFT JOIN deposit d ON d.id = b.subject_id LEFT JOIN withdrawal w ON w.id = b.subject_id AND b.kind = 'withdrawal'
WHERE b.id > sqlc.arg(after) AND b.id <= sqlc.arg(until);

-- name: EraseEvidence :exec
-- The text turned out to be one that must not be kept.
UPDATE evidence SET raw = sqlc.arg(raw), sender = '', outcome = 'refused', reason = sqlc.arg(reason) WHERE id = sqlc.arg(id) AND outcome = 'unparsed';
