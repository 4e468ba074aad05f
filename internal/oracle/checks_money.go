package oracle

// ended is the condition that a withdrawal has ended, and open that it hasn't and is real.
const (
	ended    = "w.state IN ('refused', 'cancelled', 'paid', 'refunded')"
	bankKnew = "w.state IN ('submitted', 'unknown', 'paid', 'failed', 'refunded')"
)

// bankReference is the SQL of what a bank calls a withdrawal for ever.
const bankReference = "'GL' || substr('00000000000000' || w.id, length('00000000000000' || w.id) - 13)"

var withdrawalChecks = []Check{
	{Invariant: "W-1", Table: "withdrawal", What: "each withdrawal that has ended gave its money one way, out or back; none that hasn't did",
		Wrong: "CASE WHEN w.test = 1 OR NOT (" + ended + ") THEN EXISTS (SELECT 1 FROM posting p WHERE p.kind = 'withdrawal_end' AND p.event_id = w.id) ELSE " +
			"(SELECT count(*) FROM posting p WHERE p.kind = 'withdrawal_end' AND p.event_id = w.id) <> 1 OR NOT EXISTS (SELECT 1 FROM posting p " +
			"JOIN ledger_account s ON s.id = p.source_id JOIN ledger_account x ON x.id = p.destination_id " +
			"WHERE p.kind = 'withdrawal_end' AND p.event_id = w.id AND p.amount = w.amount AND s.kind = 'reserved' AND s.owner_id = w.merchant_id " +
			"AND x.owner_id = w.merchant_id AND x.kind = CASE WHEN w.state = 'paid' THEN 'paid_out' ELSE 'merchant' END) END",
		Tells: "withdrawal {w.id} of {w.amount} is {w.state}, and the ledger doesn't say the same of its end"},
	{Invariant: "W-1", Table: "withdrawal", What: "no bank said otherwise of a withdrawal since it ended", Outside: true,
		Wrong: "EXISTS (SELECT 1 FROM withdrawal_answer y WHERE y.withdrawal_id = w.id AND y.at > w.decided_at " +
			"AND (w.state = 'paid' AND y.outcome = 'failed' OR w.state IN ('refused', 'cancelled', 'refunded') AND y.outcome = 'paid'))",
		Tells: "withdrawal {w.id} is {w.state}, and its bank said otherwise since: galla withdrawal show {w.id}"},
	{Invariant: "W-2", Table: "withdrawal", What: "each withdrawal has its own reference, one for ever",
		Wrong: "w.reference <> " + bankReference, Tells: "withdrawal {w.id} has reference {w.reference}"},
	{Invariant: "W-3", Table: "withdrawal", What: "what a bank was told of ends by evidence or by two people",
		Wrong: "w.state IN ('paid', 'refunded') AND NOT EXISTS (SELECT 1 FROM withdrawal_answer y WHERE y.withdrawal_id = w.id AND y.outcome = CASE WHEN w.state = 'paid' THEN 'paid' ELSE 'failed' END) " +
			"AND NOT EXISTS (SELECT 1 FROM withdrawal_resolution y WHERE y.withdrawal_id = w.id AND y.confirmed_by IS NOT NULL AND y.outcome = CASE WHEN w.state = 'paid' THEN 'paid' ELSE 'failed' END)",
		Tells: "withdrawal {w.id} is {w.state}: no answer of its bank and no two people say so"},
	{Invariant: "W-4", Table: "withdrawal", What: "each withdrawal has its money reserved",
		Wrong: "CASE WHEN w.test = 1 THEN EXISTS (SELECT 1 FROM posting p WHERE p.kind = 'withdrawal' AND p.event_id = w.id) ELSE " +
			"(SELECT count(*) FROM posting p WHERE p.kind = 'withdrawal' AND p.event_id = w.id) <> 1 OR NOT EXISTS (SELECT 1 FROM posting p " +
			"JOIN ledger_account s ON s.id = p.source_id JOIN ledger_account x ON x.id = p.destination_id " +
			"WHERE p.kind = 'withdrawal' AND p.event_id = w.id AND p.amount = w.amount AND s.kind = 'merchant' AND s.owner_id = w.merchant_id " +
			"AND x.kind = 'reserved' AND x.owner_id = w.merchant_id) END",
		Tells: "withdrawal {w.id} is of {w.amount}, and not just that was reserved for it"},
	{Invariant: "W-4", Table: "withdrawal", What: "each withdrawal has all its approvals before a bank hears of it",
		Wrong: "w.approvals > 0 AND (w.state = 'approved' OR " + bankKnew + ") AND w.approvals > " +
			"(SELECT count(*) FROM withdrawal_approval y WHERE y.withdrawal_id = w.id AND y.instruction_hash = w.instruction_hash AND y.operator_id <> w.created_by)",
		Tells: "withdrawal {w.id} is {w.state} and needs {w.approvals} approvals, which it hasn't"},
	{Invariant: "W-5", Table: "withdrawal", What: "a bank hears of nothing that isn't stored as submitted",
		Wrong: "NOT (" + bankKnew + ") AND (w.rail_id <> '' OR w.submitted_at IS NOT NULL OR EXISTS (SELECT 1 FROM payout_batch_item y WHERE y.withdrawal_id = w.id)) " +
			"OR (" + bankKnew + ") AND w.submitted_at IS NULL",
		Tells: "withdrawal {w.id} is {w.state}, and a bank was told of it"},
	{Invariant: "W-7", Table: "withdrawal", What: "one signed text is one payout at most, and none when it was refused",
		Wrong: "EXISTS (SELECT 1 FROM withdrawal o WHERE o.merchant_id = w.merchant_id AND o.signed_digest = w.signed_digest AND o.id <> w.id) " +
			"OR EXISTS (SELECT 1 FROM withdrawal_refusal o WHERE o.merchant_id = w.merchant_id AND o.signed_digest = w.signed_digest)",
		Tells: "what merchant {w.merchant_id} signed for withdrawal {w.id} is another one too, or was refused"},
	{Invariant: "P-1", Table: "withdrawal", What: "each withdrawal that has ended has its postback, to its merchant, and no other has one",
		Wrong: "CASE WHEN " + ended + " THEN b.merchant_id IS DISTINCT FROM w.merchant_id ELSE b.id IS NOT NULL END",
		Tells: "withdrawal {w.id} of merchant {w.merchant_id} is {w.state}, its postback is {b.id} to merchant {b.merchant_id}"},
	{Invariant: "P-1", Table: "withdrawal", What: "the postback of a withdrawal says how it ended",
		Of: ended, Says: []string{
			joined(`'"amount":'`, decimal("w.amount", "w.currency"), `',"currency_code":"'`, "w.currency", `'","label":'`, text("w.payee"), "','"),
			joined(`'"stockpiling_id":'`, "w.id", `',"transaction_id":'`, text("w.utr"), `',"transaction_type":0,"plugin_custom_order_id":null,"withdrawal_id":'`,
				text("w.withdrawal_id"), `',"withdrawal_status":'`, "CASE WHEN w.state = 'paid' THEN '1,' ELSE '5,' END"),
			`',"direction":"outgoing",'`,
		},
		Tells: "withdrawal {w.id} of {w.amount} {w.currency} (minor units) is {w.state}, its postback {b.id} says something else"},
	{Invariant: "S-1", Table: "withdrawal", What: "each withdrawal came to its state by listed moves, all of them logged",
		Wrong: withdrawalStates.wrong("w.id", "w.state"), Tells: "withdrawal {w.id} is {w.state}, and the log of its states doesn't lead there by listed moves"},
}

var bookChecks = []Check{
	{Invariant: "M-1", Table: "posting", What: "each posting moves a positive amount between two accounts of its currency, so every entry sums to zero",
		Wrong: "p.amount <= 0 OR s.currency IS DISTINCT FROM p.currency OR x.currency IS DISTINCT FROM p.currency",
		Tells: "entry {p.entry_id} line {p.line}: {p.amount} {p.currency} from an account of {s.currency} to one of {x.currency}"},
	{Invariant: "C-2", Table: "posting", What: "no entry credits what isn't there",
		Wrong: "p.kind IN ('deposit', 'deposit_fee') AND NOT EXISTS (SELECT 1 FROM deposit d WHERE d.id = p.event_id)",
		Tells: "entry {p.entry_id} line {p.line} credits deposit {p.event_id}, which isn't there"},
	{Invariant: "W-4", Table: "posting", What: "no entry tells of a withdrawal that isn't there",
		Wrong: "p.kind IN ('withdrawal', 'withdrawal_end') AND NOT EXISTS (SELECT 1 FROM withdrawal w WHERE w.id = p.event_id)",
		Tells: "entry {p.entry_id} line {p.line} tells of withdrawal {p.event_id}, which isn't there"},
	{Invariant: "books", Table: "posting", What: "no entry tells of an adjustment or a transfer that isn't there",
		Wrong: "CASE p.kind WHEN 'adjustment' THEN NOT EXISTS (SELECT 1 FROM adjustment a WHERE a.id = p.event_id AND a.state = 'booked') " +
			"WHEN 'transfer' THEN NOT EXISTS (SELECT 1 FROM transfer t WHERE t.id = p.event_id) ELSE false END",
		Tells: "entry {p.entry_id} tells of {p.kind} {p.event_id}, which isn't there or wasn't booked"},
	{Invariant: "books", Table: "adjustment", What: "each adjustment that two people booked is in the ledger once",
		Wrong: "(a.state = 'booked') <> EXISTS (SELECT 1 FROM posting p JOIN ledger_account s ON s.id = p.source_id JOIN ledger_account x ON x.id = p.destination_id " +
			"WHERE p.kind = 'adjustment' AND p.event_id = a.id AND p.amount = a.amount AND s.owner_id = a.merchant_id AND x.owner_id = a.merchant_id " +
			"AND s.kind = CASE WHEN a.kind = 'topup' THEN 'treasury' ELSE 'merchant' END AND x.kind = CASE WHEN a.kind = 'topup' THEN 'merchant' ELSE 'treasury' END)",
		Tells: "adjustment {a.id} of {a.amount} is {a.state}, and the ledger doesn't say the same"},
	{Invariant: "M-3", Table: "adjustment", What: "no adjustment is booked by one person alone",
		Wrong: "a.state = 'booked' AND (a.checked_by IS NULL OR a.checked_by = a.made_by)", Tells: "adjustment {a.id} was booked by operator {a.checked_by}, who proposed it"},
}

var postbackChecks = []Check{
	{Invariant: "P-1", Table: "postback", What: "no postback tells of what isn't there",
		Wrong: "NOT CASE b.kind WHEN 'deposit' THEN EXISTS (SELECT 1 FROM deposit d WHERE d.id = b.subject_id) ELSE EXISTS (SELECT 1 FROM withdrawal w WHERE w.id = b.subject_id) END",
		Tells: "postback {b.id} tells of {b.kind} {b.subject_id}, which isn't there"},
	{Invariant: "P-2", Table: "postback", What: "what is delivered was answered with 200",
		Wrong: "b.state = 'delivered' AND " + young("b.ended_at", "postback", "created_at") + " AND NOT EXISTS (SELECT 1 FROM postback_attempt y WHERE y.postback_id = b.id AND y.number = b.attempts AND y.status = 200)",
		Tells: "postback {b.id} is delivered, its last attempt says otherwise"},
	{Invariant: "P-3", Table: "postback", What: "the attempts of each postback are counted, each was made by who had leased it, and it is sent as long as it isn't over",
		Wrong: "(b.state <> 'delivered' OR " + young("b.ended_at", "postback", "created_at") + ") AND b.attempts <> (SELECT count(*) FROM postback_attempt y WHERE y.postback_id = b.id AND y.number BETWEEN 1 AND b.attempts AND y.lease <> 0) " +
			"OR EXISTS (SELECT 1 FROM postback_attempt y WHERE y.postback_id = b.id AND y.number > b.attempts) OR (b.state = 'pending') <> (b.ended_at IS NULL)",
		Tells: "postback {b.id} is {b.state} and had {b.attempts} attempts, the list of them says otherwise"},
	{Invariant: "feed", Table: "postback", What: "each postback is one event in its merchant's feed, or waits for its position",
		Wrong: "(SELECT count(*) FROM event y WHERE y.postback_id = b.id AND y.merchant_id = b.merchant_id) + (SELECT count(*) FROM event_new y WHERE y.merchant_id = b.merchant_id AND y.postback_id = b.id) <> 1",
		Tells: "postback {b.id} isn't just once in the feed of merchant {b.merchant_id}"},
}
