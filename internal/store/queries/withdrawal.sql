-- Withdrawals: one at a time, each in a transaction that holds the row of its merchant's ledger account, so that no two
-- can spend the same balance.

-- name: LockLedgerAccount :one
-- The row of an account, held until the transaction ends. What was booked on it is read by statements after this one.
SELECT id FROM ledger_account WHERE id = sqlc.arg(id) FOR UPDATE;

-- name: GetAvailable :one
SELECT CAST(a.balance + COALESCE((SELECT sum(d.amount) FROM balance_delta d WHERE d.account_id = a.id), 0) AS bigint) AS balance
FROM ledger_account a WHERE a.id = sqlc.arg(id);

-- name: FindWithdrawal :one
SELECT * FROM withdrawal WHERE merchant_id = sqlc.arg(merchant_id) AND withdrawal_id = sqlc.arg(withdrawal_id);

-- name: FindSignedWithdrawal :one
SELECT * FROM withdrawal WHERE merchant_id = sqlc.arg(merchant_id) AND signed_digest = sqlc.arg(signed_digest);

-- name: GetWithdrawal :one
SELECT * FROM withdrawal WHERE id = sqlc.arg(id);

-- name: LockWithdrawal :one
SELECT * FROM withdrawal WHERE id = sqlc.arg(id) FOR UPDATE;

-- name: SumWithdrawals :one
-- What a merchant took since a time; what never left, or came back, doesn't count.
SELECT CAST(COALESCE(sum(w.amount), 0) AS bigint) AS amount FROM withdrawal w
WHERE w.merchant_id = sqlc.arg(merchant_id) AND w.created_at >= sqlc.arg(since) AND w.test = 0
  AND w.state NOT IN ('refused', 'cancelled', 'refunded');

-- name: SumPayeeWithdrawals :one
SELECT CAST(COALESCE(sum(w.amount), 0) AS bigint) AS amount FROM withdrawal w
WHERE w.merchant_id = sqlc.arg(merchant_id) AND w.account_number = sqlc.arg(account_number) AND w.created_at >= sqlc.arg(since) AND w.test = 0
  AND w.state NOT IN ('refused', 'cancelled', 'refunded');

-- name: GetPayeeSince :one
-- Since when a merchant pays to an account of a bank. What was turned down makes nobody known.
SELECT CAST(COALESCE(min(w.created_at), 0) AS bigint) AS since FROM withdrawal w
WHERE w.merchant_id = sqlc.arg(merchant_id) AND w.account_number = sqlc.arg(account_number) AND w.test = 0
  AND w.state NOT IN ('refused', 'cancelled', 'failed', 'refunded')
  AND substr(CASE WHEN w.bank_code <> '' THEN w.bank_code ELSE w.branch_code END, 1, 4) = CAST(sqlc.arg(bank) AS text);

-- name: FindRefusal :one
SELECT field, message FROM withdrawal_refusal WHERE merchant_id = sqlc.arg(merchant_id) AND signed_digest = sqlc.arg(signed_digest);

-- name: InsertRefusal :exec
INSERT INTO withdrawal_refusal (merchant_id, signed_digest, field, message, at)
VALUES (sqlc.arg(merchant_id), sqlc.arg(signed_digest), sqlc.arg(field), sqlc.arg(message), sqlc.arg(at));

-- name: FindUTR :one
-- Which other withdrawal of a rail has a number of the bank as its proof.
SELECT id FROM withdrawal WHERE rail = sqlc.arg(rail) AND utr = sqlc.arg(utr) AND id <> sqlc.arg(id);

-- name: InsertWithdrawal :exec
INSERT INTO withdrawal (
  id, merchant_id, withdrawal_id, signed_digest, test, payee, method, amount, currency, account_number, account_name, bank_code,
  branch_code, comment, warning, rail, reference, instruction_hash, approvals, state, not_before, created_at, decided_at
) VALUES (
  sqlc.arg(id), sqlc.arg(merchant_id), sqlc.arg(withdrawal_id), sqlc.arg(signed_digest), sqlc.arg(test), sqlc.arg(payee), sqlc.arg(method),
  sqlc.arg(amount), sqlc.arg(currency), sqlc.arg(account_number), sqlc.arg(account_name), sqlc.arg(bank_code), sqlc.arg(branch_code),
  sqlc.arg(comment), sqlc.arg(warning), sqlc.arg(rail), sqlc.arg(reference), sqlc.arg(instruction_hash), sqlc.arg(approvals),
  sqlc.arg(state), sqlc.arg(not_before), sqlc.arg(created_at), sqlc.arg(decided_at)
);

-- name: MoveWithdrawal :execrows
-- The move that the caller decided on; none if somebody else moved it since. One goes to a bank only with all its approvals,
-- each of just what the bank is told. One that a bank has is asked about whoever was retired since.
UPDATE withdrawal SET state = sqlc.arg(state), reason = sqlc.arg(reason), utr = sqlc.arg(utr), rail_id = sqlc.arg(rail_id),
  claimed_by = sqlc.arg(claimed_by), submitted_at = sqlc.arg(submitted_at), decided_at = sqlc.arg(decided_at), failed_at = sqlc.arg(failed_at), next_at = sqlc.arg(next_at),
  asked = sqlc.arg(asked), lease = sqlc.arg(lease)
WHERE withdrawal.id = sqlc.arg(id) AND withdrawal.state = sqlc.arg(from_state) AND withdrawal.lease = sqlc.arg(from_lease)
  AND (sqlc.arg(state) NOT IN ('approved', 'submitted') OR sqlc.arg(state) = sqlc.arg(from_state) OR withdrawal.approvals <= (
    SELECT count(*) FROM withdrawal_approval a JOIN operator o ON o.id = a.operator_id
    WHERE a.withdrawal_id = withdrawal.id AND a.instruction_hash = withdrawal.instruction_hash AND o.state = 'active'
  ));

-- name: InsertApproval :execrows
INSERT INTO withdrawal_approval (withdrawal_id, operator_id, instruction_hash, created_by, at)
VALUES (sqlc.arg(withdrawal_id), sqlc.arg(operator_id), sqlc.arg(instruction_hash), sqlc.arg(created_by), sqlc.arg(at))
ON CONFLICT (withdrawal_id, operator_id) DO NOTHING;

-- name: ListApprovals :many
SELECT a.*, o.name, o.state FROM withdrawal_approval a JOIN operator o ON o.id = a.operator_id
WHERE a.withdrawal_id = sqlc.arg(withdrawal_id) ORDER BY a.at, a.operator_id;

-- name: RepeatAnswer :execrows
-- The same answer as the last one is counted there: a rail that is asked for years says the same thousands of times.
UPDATE withdrawal_answer SET at = sqlc.arg(at), times = times + 1
WHERE withdrawal_answer.withdrawal_id = sqlc.arg(withdrawal_id) AND withdrawal_answer.source = sqlc.arg(source)
  AND withdrawal_answer.outcome = sqlc.arg(outcome) AND withdrawal_answer.rail_id = sqlc.arg(rail_id)
  AND withdrawal_answer.utr = sqlc.arg(utr) AND withdrawal_answer.code = sqlc.arg(code) AND withdrawal_answer.reason = sqlc.arg(reason)
  AND withdrawal_answer.number = (SELECT max(l.number) FROM withdrawal_answer l WHERE l.withdrawal_id = sqlc.arg(withdrawal_id));

-- name: InsertAnswer :exec
INSERT INTO withdrawal_answer (withdrawal_id, number, at, source, outcome, rail_id, utr, code, reason, raw)
SELECT sqlc.arg(withdrawal_id), COALESCE((SELECT max(a.number) FROM withdrawal_answer a WHERE a.withdrawal_id = sqlc.arg(withdrawal_id)), 0) + 1,
  sqlc.arg(at), sqlc.arg(source), sqlc.arg(outcome), sqlc.arg(rail_id), sqlc.arg(utr), sqlc.arg(code), sqlc.arg(reason), sqlc.arg(raw);

-- name: ListAnswers :many
SELECT * FROM withdrawal_answer WHERE withdrawal_id = sqlc.arg(withdrawal_id) ORDER BY number;

-- name: ListWithdrawals :many
SELECT w.*, m.slug FROM withdrawal w JOIN merchant m ON m.id = w.merchant_id
WHERE w.id < sqlc.arg(before)
  AND (CAST(sqlc.arg(state) AS text) = '' OR w.state = CAST(sqlc.arg(state) AS text))
  AND (CAST(sqlc.arg(merchant_id) AS bigint) = 0 OR w.merchant_id = CAST(sqlc.arg(merchant_id) AS bigint))
ORDER BY w.id DESC LIMIT CAST(sqlc.arg(rows) AS bigint);

-- name: ListWithdrawalsAfter :many
SELECT * FROM withdrawal WHERE merchant_id = sqlc.arg(merchant_id) AND id > sqlc.arg(after) ORDER BY id LIMIT CAST(sqlc.arg(rows) AS bigint);

-- name: ListDueWithdrawals :many
-- Those that a rail is to be told of or asked about, so many of each rail, and as many that wait for no rail but for the end
-- of a cool-off: a rail that is slow, with whatever backlog, takes no other's place. It costs what is due.
SELECT d.id, CAST(d.calls AS text) AS calls FROM (
  SELECT w.id, w.next_at, CASE WHEN w.state = 'created' THEN '' ELSE w.rail END AS calls,
         row_number() OVER (PARTITION BY CASE WHEN w.state = 'created' THEN '' ELSE w.rail END ORDER BY w.next_at, w.id) AS place
  FROM withdrawal w WHERE w.next_at IS NOT NULL AND w.next_at <= CAST(sqlc.arg(now) AS bigint)
) d WHERE d.place <= CAST(sqlc.arg(rows) AS bigint) ORDER BY d.next_at, d.id;

-- name: PostponeWithdrawal :exec
-- What can't be seen to now is left alone for a while; not if somebody else sees to it.
UPDATE withdrawal SET next_at = sqlc.arg(next_at) WHERE id = sqlc.arg(id) AND next_at IS NOT NULL AND next_at <= sqlc.arg(now);

-- name: ProposeResolution :exec
-- What one person says takes the place of what was said before, until two have said the same.
INSERT INTO withdrawal_resolution (withdrawal_id, outcome, utr, proof, proposed_by, proposed_at)
VALUES (sqlc.arg(withdrawal_id), sqlc.arg(outcome), sqlc.arg(utr), sqlc.arg(proof), sqlc.arg(proposed_by), sqlc.arg(proposed_at))
ON CONFLICT (withdrawal_id) DO UPDATE SET outcome = excluded.outcome, utr = excluded.utr, proof = excluded.proof,
  proposed_by = excluded.proposed_by, proposed_at = excluded.proposed_at
WHERE withdrawal_resolution.confirmed_by IS NULL;

-- name: DropProposal :exec
-- What one person said before the bank was told once more is said of another moment.
DELETE FROM withdrawal_resolution WHERE withdrawal_id = sqlc.arg(withdrawal_id) AND confirmed_by IS NULL;

-- name: ConfirmResolution :execrows
UPDATE withdrawal_resolution SET confirmed_by = sqlc.arg(confirmed_by), confirmed_at = sqlc.arg(confirmed_at)
WHERE withdrawal_resolution.withdrawal_id = sqlc.arg(withdrawal_id) AND withdrawal_resolution.confirmed_by IS NULL
  AND withdrawal_resolution.proposed_by <> sqlc.arg(confirmed_by)
  AND EXISTS (SELECT 1 FROM operator o WHERE o.id = withdrawal_resolution.proposed_by AND o.state = 'active');

-- name: GetResolution :one
SELECT r.*, o.state FROM withdrawal_resolution r JOIN operator o ON o.id = r.proposed_by WHERE r.withdrawal_id = sqlc.arg(withdrawal_id);

-- name: InsertOperator :exec
INSERT INTO operator (id, name, key_hash, state, created_at)
VALUES (sqlc.arg(id), sqlc.arg(name), sqlc.arg(key_hash), 'active', sqlc.arg(created_at));

-- name: ListOperators :many
SELECT * FROM operator ORDER BY id;

-- name: SetOperatorState :execrows
UPDATE operator SET state = sqlc.arg(state) WHERE name = sqlc.arg(name);

-- name: LockAuditHead :one
SELECT seq, hash FROM audit_head WHERE id = 1 FOR UPDATE;

-- name: SetAuditHead :exec
UPDATE audit_head SET seq = sqlc.arg(seq), hash = sqlc.arg(hash) WHERE id = 1;

-- name: GetAuditHead :one
SELECT seq, hash FROM audit_head WHERE id = 1;

-- name: InsertAuditLog :exec
INSERT INTO audit_log (seq, at, actor, act, subject, detail, hash)
VALUES (sqlc.arg(seq), sqlc.arg(at), sqlc.arg(actor), sqlc.arg(act), sqlc.arg(subject), sqlc.arg(detail), sqlc.arg(hash));

-- name: ListAuditLog :many
SELECT * FROM audit_log WHERE seq > sqlc.arg(after) ORDER BY seq LIMIT CAST(sqlc.arg(rows) AS bigint);

-- name: InsertAdjustment :exec
INSERT INTO adjustment (id, merchant_id, kind, amount, currency, reason, state, made_by, created_at)
VALUES (sqlc.arg(id), sqlc.arg(merchant_id), sqlc.arg(kind), sqlc.arg(amount), sqlc.arg(currency), sqlc.arg(reason), 'proposed', sqlc.arg(made_by), sqlc.arg(created_at));

-- name: GetAdjustment :one
SELECT * FROM adjustment WHERE id = sqlc.arg(id);

-- name: DecideAdjustment :execrows
UPDATE adjustment SET state = sqlc.arg(state), checked_by = sqlc.arg(checked_by), decided_at = sqlc.arg(decided_at)
WHERE id = sqlc.arg(id) AND state = 'proposed';

-- name: ListAdjustments :many
SELECT a.*, m.slug FROM adjustment a JOIN merchant m ON m.id = a.merchant_id
WHERE a.id < sqlc.arg(before) AND (CAST(sqlc.arg(state) AS text) = '' OR a.state = CAST(sqlc.arg(state) AS text))
ORDER BY a.id DESC LIMIT CAST(sqlc.arg(rows) AS bigint);

-- name: InsertRail :exec
INSERT INTO rail (id, name, kind, sealed, state, created_at)
VALUES (sqlc.arg(id), sqlc.arg(name), sqlc.arg(kind), sqlc.arg(sealed), 'active', sqlc.arg(created_at));

-- name: ListRails :many
SELECT * FROM rail ORDER BY id;

-- name: SetRailState :execrows
UPDATE rail SET state = sqlc.arg(state) WHERE name = sqlc.arg(name);

-- name: ResealRail :exec
UPDATE rail SET sealed = sqlc.arg(sealed) WHERE id = sqlc.arg(id);

-- name: HurryWithdrawal :execrows
-- Somebody says that there is news of a payout: its rail is asked now, unless somebody is asking.
UPDATE withdrawal SET next_at = sqlc.arg(now)
WHERE reference = sqlc.arg(reference) AND state IN ('submitted', 'unknown', 'failed') AND lease = 0 AND next_at IS NOT NULL AND next_at > sqlc.arg(now);

-- name: ListBalancesOf :many
-- What a merchant has and has set aside, by currency.
SELECT a.kind, a.currency, CAST(a.balance + COALESCE((SELECT sum(d.amount) FROM balance_delta d WHERE d.account_id = a.id), 0) AS bigint) AS balance
FROM ledger_account a WHERE a.owner_id = sqlc.arg(merchant_id) AND a.kind IN ('merchant', 'reserved')
ORDER BY a.currency, a.kind;
