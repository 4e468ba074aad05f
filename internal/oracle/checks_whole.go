package oracle

// held is what each ledger account has: what is stored and what isn't folded into it yet.
const held = "SELECT a.kind, a.owner_id, a.currency, a.balance AS amount FROM ledger_account a " +
	"UNION ALL SELECT a.kind, a.owner_id, a.currency, n.amount FROM balance_delta n JOIN ledger_account a ON a.id = n.account_id"

var wholeChecks = []Check{
	{Invariant: "M-2", What: "stored balance and open deltas of each ledger account are the sum of its postings",
		Wrong: "SELECT " + words("ledger account {v.account} has {sum(v.amount)} more than its postings make") + " AS told FROM (" +
			"SELECT id AS account, balance AS amount FROM ledger_account UNION ALL SELECT account_id, amount FROM balance_delta " +
			"UNION ALL SELECT destination_id, -amount FROM posting UNION ALL SELECT source_id, amount FROM posting) v GROUP BY v.account HAVING sum(v.amount) <> 0"},
	{Invariant: "M-3", Often: true, What: "no merchant has less than nothing, and nothing less is reserved for one",
		Wrong: "SELECT " + words("{a.kind} of merchant {a.owner_id} in {a.currency} has less than nothing") + " AS told FROM ledger_account a WHERE a.kind IN ('merchant', 'reserved') " +
			"AND a.balance + COALESCE((SELECT sum(n.amount) FROM balance_delta n WHERE n.account_id = a.id), 0) < 0"},
	{Invariant: "books", What: "balances agree with the transfers, deposits, withdrawals and adjustments that they tell of",
		Wrong: "SELECT " + words("{v.kind} of {v.owner_id} in {v.currency} has {sum(v.amount)} more than what it tells of makes") + " AS told FROM (" + held +
			" UNION ALL SELECT CASE WHEN y.n = 0 THEN 'receiving' ELSE 'unclaimed' END, t.account_id, t.currency, CASE WHEN y.n = 0 THEN t.amount ELSE -t.amount END " +
			"FROM transfer t JOIN (SELECT 0 AS n UNION ALL SELECT 1) y ON y.n = 0 OR t.state IN ('observed', 'quarantined', 'internal') WHERE t.state NOT IN ('reversed', 'rejected') " +
			"UNION ALL SELECT CASE WHEN y.n = 0 THEN 'merchant' ELSE 'fees' END, d.merchant_id, d.currency, CASE WHEN y.n = 0 THEN d.fee - d.amount ELSE -d.fee END " +
			"FROM deposit d JOIN (SELECT 0 AS n UNION ALL SELECT 1) y ON y.n = 0 OR d.fee <> 0 " +
			"UNION ALL SELECT 'merchant', w.merchant_id, w.currency, w.amount FROM withdrawal w WHERE w.test = 0 AND w.state NOT IN ('refused', 'cancelled', 'refunded') " +
			"UNION ALL SELECT CASE WHEN w.state = 'paid' THEN 'paid_out' ELSE 'reserved' END, w.merchant_id, w.currency, -w.amount " +
			"FROM withdrawal w WHERE w.test = 0 AND w.state NOT IN ('refused', 'cancelled', 'refunded') " +
			"UNION ALL SELECT CASE WHEN y.n = 0 THEN 'treasury' ELSE 'merchant' END, a.merchant_id, a.currency, CASE WHEN (y.n = 0) = (a.kind = 'topup') THEN a.amount ELSE -a.amount END " +
			"FROM adjustment a JOIN (SELECT 0 AS n UNION ALL SELECT 1) y ON true WHERE a.state = 'booked'" +
			") v GROUP BY v.kind, v.owner_id, v.currency HAVING sum(v.amount) <> 0"},
	{Invariant: "E-2", Often: true, What: "only disputed transfers are in the list of disputes",
		Wrong: "SELECT " + words("the list of disputes has transfer {q.transfer_id}, which is {t.state}") + " AS told FROM disputed_transfer q LEFT JOIN transfer t ON t.id = q.transfer_id " +
			"WHERE t.state IS DISTINCT FROM 'disputed'"},
	{Invariant: "feed", What: "the positions of each feed have no gaps but those of restores",
		Wrong: "SELECT " + words("the feed of merchant {f.merchant_id} has gaps, or events behind its last position") + " AS told FROM event_feed f " +
			"WHERE (SELECT count(*) FROM event y WHERE y.merchant_id = f.merchant_id) <> f.last_position - f.skipped " +
			"OR COALESCE((SELECT max(y.position) FROM event y WHERE y.merchant_id = f.merchant_id), 0) > f.last_position"},
	{Invariant: "A-1", What: "the log of what people did has no gaps, and ends with what was written last",
		Wrong: "SELECT " + words("the log of what people did has gaps, or doesn't end with what was written last") + " AS told FROM audit_head h " +
			"WHERE h.seq <> (SELECT count(*) FROM audit_log) OR h.seq <> COALESCE((SELECT max(l.seq) FROM audit_log l), 0) " +
			"OR h.seq > 0 AND h.hash IS DISTINCT FROM (SELECT l.hash FROM audit_log l WHERE l.seq = h.seq)"},
}
