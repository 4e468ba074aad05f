-- What banks' files said of withdrawals; the source of such an answer is "statement:" and the receiving account, or "report:" and
-- the number of the report.

-- name: GetStatedOutcome :one
-- The last word of a bank's file on a withdrawal.
SELECT outcome, source FROM withdrawal_answer
WHERE withdrawal_id = sqlc.arg(withdrawal_id) AND (substr(source, 1, 10) = 'statement:' OR substr(source, 1, 7) = 'report:' AND outcome IN ('paid', 'failed'))
ORDER BY number DESC LIMIT 1;

-- name: GetTellings :one
-- Whether a statement showed how a withdrawal's money came back, and whether a rail may have been told of it twice.
SELECT CAST(COALESCE(max(CASE WHEN substr(a.source, 1, 10) = 'statement:' AND a.outcome = 'failed' THEN 1 ELSE 0 END), 0) AS bigint) AS came_back,
       CAST(COALESCE(max(CASE WHEN a.outcome = 'absent' THEN 1 ELSE 0 END), 0) AS bigint) AS twice
FROM withdrawal_answer a WHERE a.withdrawal_id = sqlc.arg(withdrawal_id);
