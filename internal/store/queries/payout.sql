-- How withdrawals stand, for who watches over them.

-- name: CountOpenWithdrawals :many
-- Those that haven't ended, by state and rail, and since when the oldest waits: since its last move, or since nobody need wait
-- for its cool-off. What follows the sandbox's scripts is nobody's money. It costs what is open.
SELECT w.state, w.rail, count(*) AS withdrawals, CAST(min(CASE WHEN w.not_before > w.decided_at THEN w.not_before ELSE w.decided_at END) AS bigint) AS oldest
FROM withdrawal w WHERE w.state IN ('created', 'approved', 'submitted', 'unknown', 'failed') AND w.rail <> 'sandbox'
GROUP BY w.state, w.rail ORDER BY w.state, w.rail;

-- name: CountContradicted :one
-- Those among the newest ids whose bank said otherwise since they ended.
SELECT count(*) FROM withdrawal w
WHERE w.id > (SELECT COALESCE(max(n.id), 0) FROM withdrawal n) - CAST(sqlc.arg(reach) AS bigint)
  AND w.state IN ('paid', 'refused', 'cancelled', 'refunded')
  AND EXISTS (SELECT 1 FROM withdrawal_answer x WHERE x.withdrawal_id = w.id AND x.at > w.decided_at
    AND (w.state = 'paid' AND x.outcome = 'failed' OR w.state <> 'paid' AND x.outcome = 'paid'));

-- name: CountProposedAdjustments :one
SELECT count(*) AS adjustments, CAST(COALESCE(min(a.created_at), 0) AS bigint) AS oldest FROM adjustment a WHERE a.state = 'proposed';
