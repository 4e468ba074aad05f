package oracle

import "slices"

// Checks are all checks of the database. Their SQL is the oracle's own.
var Checks = slices.Concat(depositChecks, claimChecks, transferChecks, evidenceChecks, withdrawalChecks, bookChecks, postbackChecks, wholeChecks)

// feedPart is a column of the deposits that a part of a feed tells of: of merchant $1 at positions above $2, up to $3.
func feedPart(column string) string {
	return "(SELECT " + column + " FROM event y JOIN postback k ON k.id = y.postback_id JOIN deposit o ON o.id = k.subject_id " +
		"WHERE y.merchant_id = $1 AND y.position > $2 AND y.position <= $3 AND k.kind = 'deposit')"
}

// feedWithdrawals are the withdrawals that a part of a feed tells of.
const feedWithdrawals = "(SELECT k.subject_id FROM event y JOIN postback k ON k.id = y.postback_id " +
	"WHERE y.merchant_id = $1 AND y.position > $2 AND y.position <= $3 AND k.kind = 'withdrawal')"

// passes are the tables in the order in which they are looked at.
var passes = []pass{
	{table: "posting", id: "p.entry_id", from: "posting p LEFT JOIN ledger_account s ON s.id = p.source_id LEFT JOIN ledger_account x ON x.id = p.destination_id",
		told: "p.kind IN ('deposit', 'deposit_fee') AND p.event_id IN " + feedPart("o.id")},
	{table: "deposit", id: "d.id", from: "deposit d LEFT JOIN claim c ON c.id = d.claim_id LEFT JOIN transfer t ON t.id = d.transfer_id " +
		"LEFT JOIN postback b ON b.kind = 'deposit' AND b.subject_id = d.id", told: "d.id IN " + feedPart("o.id")},
	{table: "claim", id: "c.id", from: "claim c LEFT JOIN deposit d ON d.claim_id = c.id", told: "c.id IN " + feedPart("o.claim_id")},
	{table: "transfer", id: "t.id", from: "transfer t LEFT JOIN deposit d ON d.transfer_id = t.id", told: "t.id IN " + feedPart("o.transfer_id")},
	{table: "evidence", id: "e.id", from: "evidence e LEFT JOIN transfer t ON t.id = e.transfer_id"},
	{table: "withdrawal", id: "w.id", from: "withdrawal w LEFT JOIN postback b ON b.kind = 'withdrawal' AND b.subject_id = w.id", told: "w.id IN " + feedWithdrawals},
	{table: "adjustment", id: "a.id", from: "adjustment a"},
	{table: "postback", id: "b.id", from: "postback b",
		told: "b.id IN (SELECT y.postback_id FROM event y WHERE y.merchant_id = $1 AND y.position > $2 AND y.position <= $3)"},
}

var depositChecks = []Check{
	{Invariant: "M-4", Table: "deposit", What: "each credit is the observed amount",
		Wrong: "d.amount IS DISTINCT FROM t.amount OR d.currency IS DISTINCT FROM t.currency",
		Tells: "deposit {d.id} is {d.amount} {d.currency}, its transfer {t.amount} {t.currency}"},
	{Invariant: "M-4", Table: "deposit", What: "the ledger moved each credit once, from where its money lay to its merchant",
		Wrong: "NOT EXISTS (SELECT 1 FROM posting p JOIN ledger_account s ON s.id = p.source_id JOIN ledger_account x ON x.id = p.destination_id " +
			"WHERE p.kind = 'deposit' AND p.event_id = d.id AND p.amount = d.amount AND s.kind = 'unclaimed' AND s.owner_id = t.account_id " +
			"AND x.kind = 'merchant' AND x.owner_id = d.merchant_id) " +
			"OR EXISTS (SELECT 1 FROM posting p WHERE p.kind = 'deposit' AND p.event_id = d.id AND p.line > 0)",
		Tells: "deposit {d.id} is of {d.amount} to merchant {d.merchant_id} from account {t.account_id}, and the ledger didn't move just that"},
	{Invariant: "M-4", Table: "deposit", What: "the ledger moved each fee once",
		Wrong: "COALESCE((SELECT sum(p.amount) FROM posting p WHERE p.kind = 'deposit_fee' AND p.event_id = d.id), 0) <> d.fee",
		Tells: "deposit {d.id} has a fee of {d.fee}, and the ledger moved another"},
	{Invariant: "C-1", Table: "deposit", What: "each transfer, number and claim is credited at most once",
		Wrong: "EXISTS (SELECT 1 FROM deposit o WHERE o.transfer_id = d.transfer_id AND o.id <> d.id) " +
			"OR EXISTS (SELECT 1 FROM deposit o WHERE o.claim_id = d.claim_id AND o.id <> d.id)",
		Tells: "deposit {d.id} isn't the only credit of transfer {d.transfer_id} or claim {d.claim_id}"},
	{Invariant: "C-2", Table: "deposit", What: "each credit has its accepted claim, of its merchant and its number",
		Wrong: "c.state IS DISTINCT FROM 'accepted' OR c.merchant_id IS DISTINCT FROM d.merchant_id OR c.reference_id IS DISTINCT FROM t.reference_id",
		Tells: "deposit {d.id} of merchant {d.merchant_id} has claim {d.claim_id}, which is {c.state}, of merchant {c.merchant_id} and on number {c.reference_id}; its transfer is on {t.reference_id}"},
	{Invariant: "P-1", Table: "deposit", What: "each credit has its postback, to its merchant",
		Wrong: "b.merchant_id IS DISTINCT FROM d.merchant_id",
		Tells: "deposit {d.id} is of merchant {d.merchant_id}, its postback goes to {b.merchant_id}"},
	{Invariant: "P-1", Table: "deposit", What: "the postback of a credit says what the credit is",
		Says: []string{
			joined(`'"amount":'`, decimal("d.amount", "d.currency"), `',"currency_code":"'`, "d.currency", `'","label":'`, text("c.payer"), "','"),
			joined(`'"stockpiling_id":'`, "d.id", `',"transaction_id":"'`, "(SELECT r.number FROM reference r WHERE r.id = t.reference_id)", `'","transaction_type":0,"plugin_custom_order_id":'`, text("c.order_id"), "','"),
			`',"direction":"ingoing",'`,
		},
		Tells: "deposit {d.id} is {d.amount} {d.currency} (minor units) for claim {d.claim_id}, its postback {b.id} says something else"},
}

var claimChecks = []Check{
	{Invariant: "C-2", Table: "claim", What: "what is accepted is credited, and nothing else",
		Wrong: "(c.state = 'accepted') <> (d.id IS NOT NULL)", Tells: "claim {c.id} is {c.state}, its deposit is {d.id}"},
	{Invariant: "C-3", Table: "claim", What: "each order has one current claim",
		Wrong: "CASE WHEN c.superseded_by = 0 THEN EXISTS (SELECT 1 FROM claim o WHERE o.merchant_id = c.merchant_id AND o.order_id = c.order_id AND o.superseded_by = 0 AND o.id <> c.id) " +
			"ELSE NOT EXISTS (SELECT 1 FROM claim o WHERE o.merchant_id = c.merchant_id AND o.order_id = c.order_id AND o.superseded_by = 0) END",
		Tells: "claim {c.id} of merchant {c.merchant_id} is superseded by {c.superseded_by}: its order hasn't just one current claim"},
	{Invariant: "C-3", Table: "claim", What: "what replaced a claim is of the same order",
		Wrong: "c.superseded_by <> 0 AND NOT EXISTS (SELECT 1 FROM claim o WHERE o.id = c.superseded_by AND o.merchant_id = c.merchant_id AND o.order_id = c.order_id)",
		Tells: "claim {c.id} is superseded by {c.superseded_by}, which isn't a claim of its order"},
	{Invariant: "S-1", Table: "claim", What: "each claim came to its state by listed moves, all of them logged",
		Wrong: claimStates.wrong("c.id", "c.state"), Tells: "claim {c.id} is {c.state}, and the log of its states doesn't lead there by listed moves"},
}

var transferChecks = []Check{
	{Invariant: "C-2", Table: "transfer", What: "what is credited or disputed has its credit, and nothing else",
		Wrong: "(t.state IN ('credited', 'disputed')) <> (d.id IS NOT NULL)", Tells: "transfer {t.id} is {t.state}, its deposit is {d.id}"},
	{Invariant: "C-1", Table: "transfer", What: "each number is one transfer",
		Wrong: "EXISTS (SELECT 1 FROM transfer o WHERE o.reference_id = t.reference_id AND o.id <> t.id)", Tells: "transfer {t.id} isn't the only one on number {t.reference_id}"},
	{Invariant: "E-3", Table: "transfer", What: "what evidence contradicts can't be claimed, until a person overrules it",
		Wrong: "CASE WHEN t.state IN ('rejected', 'disputed') THEN false WHEN t.marks - (t.marks & t.released) = 0 THEN t.state NOT IN ('observed', 'credited') " +
			"WHEN (t.marks - (t.marks & t.released)) & 3 <> 0 THEN t.state <> 'quarantined' WHEN (t.marks - (t.marks & t.released)) & 4 <> 0 THEN t.state <> 'reversed' " +
			"ELSE t.state <> 'internal' END",
		Tells: "transfer {t.id} is {t.state}, what speaks against it are marks {t.marks}, of which {t.released} are overruled"},
	{Invariant: "E-2", Table: "transfer", What: "a disputed credit holds back its account",
		Wrong: "(t.state = 'disputed') <> EXISTS (SELECT 1 FROM disputed_transfer q WHERE q.transfer_id = t.id AND q.account_id = t.account_id)",
		Tells: "transfer {t.id} on account {t.account_id} is {t.state}, and the list of disputes disagrees"},
	{Invariant: "E-1", Table: "transfer", What: "each transfer has the evidence that told of it",
		Wrong: "NOT EXISTS (SELECT 1 FROM evidence e WHERE e.reference_id = t.reference_id AND e.transfer_id = t.id)", Tells: "transfer {t.id} has no evidence"},
	{Invariant: "S-1", Table: "transfer", What: "each transfer came to its state by listed moves, all of them logged, or told by itself or its deposit",
		Wrong: transferStates.wrong("t.id", "t.state", told{"", "observed", "t.observed_at > 0"}, told{"observed", "credited", "d.id IS NOT NULL"}), Tells: "transfer {t.id} is {t.state}, and the log of its states doesn't lead there by listed moves"},
	{Invariant: "S-1", Table: "transfer", What: "where the log has the beginning or the credit of a transfer, it is as the transfer and the claim have it",
		Wrong: logged("m.from_state = '' AND m.to_state = 'observed' AND (m.at <> t.observed_at OR m.actor <> 'rules' OR m.reason <> 'created') " +
			"OR m.from_state = 'observed' AND m.to_state = 'credited' AND NOT EXISTS (SELECT 1 FROM transition o WHERE o.kind = 'claim' AND o.subject_id = d.claim_id " +
			"AND o.to_state = 'accepted' AND o.at = m.at AND o.actor = m.actor AND o.reason = m.reason)"),
		Tells: "the log of transfer {t.id} tells of its beginning or its credit what the transfer and the claim don't"},
	{Invariant: "S-1", Table: "transfer", What: "who overruled what speaks against a transfer is logged",
		Wrong: "t.state IN ('observed', 'credited') AND t.released <> 0 AND NOT " + logged("m.from_state IN ('quarantined', 'internal', 'reversed', 'rejected', 'disputed')"),
		Tells: "transfer {t.id} is {t.state} though something spoke against it, and the log has nobody who overruled that"},
}

// logged is the condition that the log of a transfer has such a move.
func logged(move string) string {
	return "EXISTS (SELECT 1 FROM transition m WHERE m.kind = 'transfer' AND m.subject_id = t.id AND (" + move + "))"
}

// keptFor is how long raw messages and the attempts of delivered postbacks must be kept, in microseconds (90 days): what is older, an
// operator may take out.
const keptFor = "7776000000000"

// young tells whether a time is so near to that of the newest row of a table that nothing of it may be missing. There is no other
// clock in here.
func young(at, table, column string) string {
	return "(" + at + " > (SELECT n." + column + " FROM " + table + " n ORDER BY n.id DESC LIMIT 1) - " + keptFor + ")"
}

var evidenceChecks = []Check{
	{Invariant: "E-1", Table: "evidence", What: "each report is kept once",
		Wrong: "EXISTS (SELECT 1 FROM evidence o WHERE o.fingerprint = e.fingerprint AND o.id <> e.id)", Tells: "evidence {e.id} is kept more than once"},
	{Invariant: "E-1", Table: "evidence", What: "what told of a transfer has it, on its number, and its own bytes",
		Wrong: "CASE WHEN e.outcome IN ('created', 'duplicate') THEN t.id IS NULL OR t.reference_id IS DISTINCT FROM e.reference_id OR length(e.raw) = 0 AND " + young("e.received_at", "evidence", "received_at") + " ELSE e.transfer_id IS NOT NULL AND t.id IS NULL END",
		Tells: "evidence {e.id} is {e.outcome} on number {e.reference_id}, it has transfer {e.transfer_id} on number {t.reference_id}"},
}
