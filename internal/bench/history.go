package bench

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/method"
	"github.com/galla-gateway/galla/internal/postback"
	"github.com/galla-gateway/galla/internal/store"
)

// A history is deposits of the past, credited and told, as the gateway leaves them. It is made inside the database: each
// table's rows by one INSERT … SELECT over numbers, whose texts are those of a real deposit with its own values swapped. Only the
// bodies of postbacks come from outside, as no SQL signs and packs them.
type history struct {
	database string
	engine   store.Engine
	sample   sample
	owners   []owner // who is credited: deposit n is of owner n % len
	parts    []part
}

// owner is a merchant with the ids that its deposits hang on.
type owner struct {
	merchant, account, receiving, unclaimed, credited, position int64
	accessKey                                                   string
	zone                                                        *time.Location
}

// part is what one fill added: deposits first+1 … first+count. What is added to a deposit's number within the part is its
// id; entries are two each.
type part struct {
	first, count                                                                        int64
	reference, evidence, transfer, claim, deposit, entry, transition, postback, started int64
}

// sample is a real deposit of the same database.
type sample struct {
	sourceID                int64
	number, order, payer    string
	raw, facts              string
	depositID               int64
	occurredAt, expiresWith int64
}

const (
	// historySpacing is the time between two deposits of the past, in microseconds: 10 million of them take 23 days.
	historySpacing = 200_000
	dayOfHistory   = 24 * 3600 * 1_000_000 / historySpacing
	// webhookStem is what the webhook ids of the past begin with; 12 digits follow.
	webhookStem = "msg_01938c3e-0000-7000-8000-"
	// sampleStock is how many deposits are credited in the real way before.
	sampleStock = 1000
	// historyUnits is the first unit of the past: its numbers and order ids lie among those of activations, and never meet them.
	historyUnits = scatterUnits / 2
)

// historyTables are what a history writes into, and how many rows each deposit has there.
var historyTables = []historyTable{
	{"reference", 1}, {"evidence", 1}, {"transfer", 1}, {"claim", 1}, {"deposit", 1}, {"posting", 2}, {"transition", 1},
	{"postback", 1}, {"postback_attempt", 1}, {"event", 1},
}

type historyTable struct {
	name string
	rows int64
}

// newHistory credits some deposits in the real way and learns from one of them.
func newHistory(ctx context.Context, database string, e *engine) (*history, error) {
	h := &history{database: database, engine: e.store.Engine()}
	if err := e.observe(ctx, sampleStock); err != nil {
		return nil, err
	}
	for e.activated+gateway.MaxBatch <= e.seen {
		if _, err := e.activate(ctx, e.activated); err != nil {
			return nil, err
		}
		e.activated += gateway.MaxBatch
	}
	s := &h.sample
	s.sourceID = e.source.ID
	var postbackID int64
	var plain string
	var packed []byte
	// Ids of three digits stand nowhere else in the texts.
	err := e.store.ReadPool().QueryRowContext(ctx, `SELECT c.given, c.order_id, c.payer, v.raw, n.facts, d.id, t.occurred_at, c.expires_at - c.created_at, p.id, p.body, p.packed
		FROM claim c JOIN deposit d ON d.claim_id = c.id JOIN transfer t ON t.id = d.transfer_id JOIN evidence v ON v.transfer_id = t.id
		JOIN postback p ON p.kind = 'deposit' AND p.subject_id = d.id JOIN transition n ON n.kind = 'claim' AND n.subject_id = c.id
		WHERE d.id > 100 LIMIT 1`).Scan(&s.number, &s.order, &s.payer, &s.raw, &s.facts, &s.depositID, &s.occurredAt, &s.expiresWith, &postbackID, &plain, &packed)
	if err != nil {
		return nil, fmt.Errorf("read a real deposit: %w", err)
	}
	body, err := postback.StoredBody(postbackID, plain, packed)
	if err == nil {
		err = s.checkBody(body)
	}
	if err != nil {
		return nil, err
	}
	for _, m := range e.merchants {
		known, _ := e.gateway.Directory().Merchant(m.id)
		o := owner{merchant: int64(m.id), account: int64(m.account), accessKey: known.AccessKey, zone: known.Zone}
		for kind, id := range map[string]*int64{"receiving": &o.receiving, "unclaimed": &o.unclaimed, "merchant": &o.credited} {
			of := o.account
			if kind == "merchant" {
				of = o.merchant
			}
			err := e.store.ReadPool().QueryRowContext(ctx, e.store.Rewrite("SELECT id FROM ledger_account WHERE kind = $1 AND owner_id = $2 AND currency = $3"),
				kind, of, currency).Scan(id)
			if err != nil {
				return nil, fmt.Errorf("find the %s account of %d: %w", kind, of, err)
			}
		}
		h.owners = append(h.owners, o)
	}
	return h, nil
}

// stored is how many deposits the history has.
func (h *history) stored() (count int64) {
	for _, p := range h.parts {
		count += p.count
	}
	return count
}

// plan reserves the ids of count more deposits. No merchant may be left with events that have no position.
func (h *history) plan(ctx context.Context, e *engine, count int64) (part, error) {
	if count%int64(len(h.owners)) != 0 {
		return part{}, fmt.Errorf("history: %d deposits aren't equal shares of %d merchants", count, len(h.owners))
	}
	if err := errors.Join(e.gateway.NumberEvents(ctx), e.gateway.RollUp(ctx)); err != nil {
		return part{}, err
	}
	p := part{first: h.stored(), count: count, started: time.Now().UnixMicro() - (h.stored()+count)*historySpacing}
	if n := len(h.parts); n > 0 {
		p.started = h.parts[n-1].started
	}
	err := e.store.Write(ctx, func(ctx context.Context, q *store.Queries) error {
		for _, kind := range []struct {
			name string
			each int64
			base *int64
		}{
			{"reference", 1, &p.reference}, {"evidence", 1, &p.evidence}, {"transfer", 1, &p.transfer}, {"claim", 1, &p.claim},
			{"deposit", 1, &p.deposit}, {"entry", 2, &p.entry}, {"transition", 1, &p.transition}, {"postback", 1, &p.postback},
		} {
			next, err := q.ReserveIDs(ctx, store.ReserveIDsParams{Kind: kind.name, Size: kind.each*count + 1})
			if err != nil {
				return err
			}
			*kind.base = next - kind.each*count - 1
		}
		return nil
	})
	if err != nil {
		return part{}, fmt.Errorf("history: reserve ids: %w", err)
	}
	for i := range h.owners {
		o := &h.owners[i]
		err := e.store.ReadPool().QueryRowContext(ctx, e.store.Rewrite("SELECT last_position FROM event_feed WHERE merchant_id = $1"), o.merchant).Scan(&o.position)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return part{}, err
		}
	}
	return p, nil
}

// insert gives the statement that adds to a table the rows of deposits p.first+from+1 … p.first+until, in the engine's words. k is the number of
// a deposit within the part, n among all.
func (h *history) insert(table string, p part, from, until int64) (string, error) {
	columns, values, err := h.values(table, p)
	if err != nil {
		return "", err
	}
	source, more := fmt.Sprintf("generate_series(CAST(%d AS bigint), CAST(%d AS bigint)) AS s(k)", from+1, until), ""
	if table == "postback" {
		source, more = h.bodies(p, from, until), ", packed"
	} else if h.engine == store.SQLite {
		source = fmt.Sprintf("(WITH RECURSIVE s(k) AS (SELECT %d UNION ALL SELECT k + 1 FROM s WHERE k < %d) SELECT k FROM s) AS s", from+1, until)
	}
	var selects []string
	for _, row := range values {
		selects = append(selects, "SELECT "+row+" FROM (SELECT k, k + "+strconv.FormatInt(p.first, 10)+" AS n"+more+" FROM "+source+") AS x")
	}
	return "INSERT INTO " + table + " (" + columns + ") " + strings.Join(selects, " UNION ALL "), nil
}

// of chooses a value by the owner of deposit n.
func (h *history) of(value func(o owner) int64) string {
	text := fmt.Sprintf("(CASE n %% %d", len(h.owners))
	for i, o := range h.owners {
		text += fmt.Sprintf(" WHEN %d THEN %d", i, value(o))
	}
	return text + " END)"
}

// plus is an id: k and what is added to it.
func plus(base int64) string { return "(k + " + strconv.FormatInt(base, 10) + ")" }

// scattered is appendScattered behind a prefix, in SQL.
func scattered(prefix string, step int64) string {
	return fmt.Sprintf("('%s' || substr(CAST(%d + (n + %d) * %d %% %d AS text), 2))", prefix, int64(scatterSpan), int64(historyUnits), step, int64(scatterSpan))
}

func (h *history) values(table string, p part) (columns string, rows []string, err error) {
	s := &h.sample
	at := fmt.Sprintf("(%d + n * %d)", p.started, historySpacing)
	number, order, payer := scattered(forActivation, numberStep), scattered("order-", orderStep), "('payer-' || (n % 1000000))"
	rail, amount := strconv.Itoa(int(method.RailIndia)), strconv.Itoa(amountMinor)
	merchant, account := h.of(func(o owner) int64 { return o.merchant }), h.of(func(o owner) int64 { return o.account })
	receiving, unclaimed := h.of(func(o owner) int64 { return o.receiving }), h.of(func(o owner) int64 { return o.unclaimed })
	credited := h.of(func(o owner) int64 { return o.credited })
	join := func(values ...string) string { return strings.Join(values, ", ") }
	switch table {
	case "reference":
		return "id, rail, number, touched_at", []string{join(plus(p.reference), rail, number, at)}, nil
	case "evidence":
		raw, err := swapped(s.raw, swap{s.number, number})
		fingerprint := "randomblob(32)"
		if h.engine == store.Postgres {
			fingerprint, raw = "sha256(convert_to('past-' || n, 'UTF8'))", "convert_to("+raw+", 'UTF8')"
		} else {
			raw = "CAST(" + raw + " AS BLOB)"
		}
		return "id, source_id, fingerprint, raw, received_at, outcome, reading, reference_id, transfer_id", []string{join(plus(p.evidence),
			strconv.FormatInt(s.sourceID, 10), fingerprint, raw, at, "'created'", "'transfer'", plus(p.reference), plus(p.transfer))}, err
	case "transfer":
		return "id, reference_id, account_id, amount, currency, occurred_at, accuracy, strength, payer, state, observed_at", []string{join(plus(p.transfer),
			plus(p.reference), account, amount, "'"+currency+"'", at, "2", "3", "'"+payerVPA+"'", "'credited'", at)}, nil
	case "claim":
		return "id, merchant_id, order_id, payer, method, reference_id, given, amount, currency, state, reason, created_at, decided_at, expires_at",
			[]string{join(plus(p.claim), merchant, order, payer, "'"+walletType+"'", plus(p.reference), number, amount, "'"+currency+"'",
				"'accepted'", "'matched'", at, at, at+" + "+strconv.FormatInt(s.expiresWith, 10))}, nil
	case "deposit":
		return "id, claim_id, transfer_id, merchant_id, amount, currency, created_at",
			[]string{join(plus(p.deposit), plus(p.claim), plus(p.transfer), merchant, amount, "'"+currency+"'", at)}, nil
	case "posting":
		entry := func(i int) string { return fmt.Sprintf("(2 * k + %d)", p.entry-1+int64(i)) }
		return "entry_id, line, kind, event_id, source_id, destination_id, amount, currency, at", []string{
			join(entry(0), "0", "'transfer'", plus(p.transfer), receiving, unclaimed, amount, "'"+currency+"'", at),
			join(entry(1), "0", "'deposit'", plus(p.deposit), unclaimed, credited, amount, "'"+currency+"'", at),
		}, nil
	case "transition":
		facts, err := swapped(s.facts, swap{strconv.FormatInt(s.occurredAt, 10), at})
		return "id, kind, subject_id, from_state, to_state, at, actor, reason, facts", []string{
			join(plus(p.transition), "'claim'", plus(p.claim), "''", "'accepted'", at, "'rules'", "'matched'", facts),
		}, err
	case "postback":
		return "id, merchant_id, kind, subject_id, webhook_id, body, packed, state, attempts, next_at, schedule_at, created_at, ended_at",
			[]string{join(plus(p.postback), merchant, "'deposit'", plus(p.deposit), "('"+webhookStem+"' || substr(CAST(1000000000000 + n AS text), 2))",
				"''", "decode(packed, 'hex')", "'delivered'", "1", at, at, at, at+" + 40000")}, nil
	case "postback_attempt":
		answer := `'{"status":"ok"}'`
		if h.engine == store.Postgres {
			answer = "convert_to(" + answer + ", 'UTF8')"
		} else {
			answer = "CAST(" + answer + " AS BLOB)"
		}
		return "postback_id, number, lease, started_at, duration, address, tls, status, failure, error, answer", []string{join(plus(p.postback),
			"1", strconv.FormatInt(s.depositID, 10), at+" + 1000", "38000", "'203.0.113.10:443'", "'TLS 1.3'", "200", "''", "''", answer)}, nil
	case "event":
		position := fmt.Sprintf("(%s + (k - 1) / %d + 1)", h.of(func(o owner) int64 { return o.position }), len(h.owners))
		return "merchant_id, position, postback_id, at", []string{join(merchant, position, plus(p.postback), at)}, nil
	}
	return "", nil, fmt.Errorf("history: no rows for table %s", table)
}

// swap is a value of the sample and the expression that takes its place.
type swap struct {
	value, expression string
}

// swapped makes an expression of a text of the sample.
func swapped(text string, swaps ...swap) (string, error) {
	text = strings.ReplaceAll(text, "'", "''")
	for i, s := range swaps {
		if found := strings.Count(text, s.value); found != 1 {
			return "", fmt.Errorf("history: %q stands %d times in a text of the real deposit", s.value, found)
		}
		text = strings.Replace(text, s.value, "\x00"+strconv.Itoa(i)+"\x00", 1)
	}
	for i, s := range swaps {
		text = strings.ReplaceAll(text, "\x00"+strconv.Itoa(i)+"\x00", "' || "+s.expression+" || '")
	}
	return "'" + text + "'", nil
}
