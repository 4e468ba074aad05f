package gateway

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/galla-gateway/galla/internal/keyring"
	"github.com/galla-gateway/galla/internal/store"
)

// hashOperatorKey is the purpose of operators' keyed hashes.
const hashOperatorKey = "operator_key"

// States of an operator. A retired one can do nothing; what it did stays.
const (
	OperatorActive  = "active"
	OperatorRetired = "retired"
)

var operatorShape = regexp.MustCompile(`^[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?$`)

// Operator is a person who acts: the maker or the checker of something.
type Operator struct {
	ID   int64
	Name string
}

// actor is how acts of the person are stored.
func (o Operator) actor() string { return "operator:" + o.Name }

// AddOperator adds a person with a new key, which is given away once.
func (g *Gateway) AddOperator(ctx context.Context, name string) (key keyring.Secret, err error) {
	if !operatorShape.MatchString(name) {
		return "", refuse(CodeInvalid, "name: expected 1 to 63 small letters, digits and inner dots, hyphens and underscores, such as asha.rao")
	}
	key = keyring.NewOperatorKey()
	err = g.moveMoney(ctx, func(b *batch) error {
		operators, err := b.q.ListOperators(b.ctx)
		if err != nil {
			return fmt.Errorf("list operators: %w", err)
		}
		for _, o := range operators {
			if o.Name == name {
				return refuse(CodeTaken, "there is an operator %s already", name)
			}
		}
		id, err := reserve(b.ctx, b.q, "operator", 1)
		if err != nil {
			return fmt.Errorf("reserve operator: %w", err)
		}
		hash := g.keys().Hash(hashOperatorKey, key.Reveal())
		err = b.q.InsertOperator(b.ctx, store.InsertOperatorParams{ID: id, Name: name, KeyHash: hash[:], CreatedAt: b.now.UnixMicro()})
		if err != nil {
			return fmt.Errorf("add operator: %w", err)
		}
		return b.audit(g.actor(), "operator.added", "operator:"+name, "")
	})
	return key, err
}

// RetireOperator ends what a person may do.
func (g *Gateway) RetireOperator(ctx context.Context, name string) error {
	return g.moveMoney(ctx, func(b *batch) error {
		changed, err := b.q.SetOperatorState(b.ctx, store.SetOperatorStateParams{Name: name, State: OperatorRetired})
		if err != nil {
			return fmt.Errorf("retire operator: %w", err)
		}
		if changed == 0 {
			return refuse(CodeNotFound, "no operator %q: galla operator list shows them", name)
		}
		return b.audit(g.actor(), "operator.retired", "operator:"+name, "")
	})
}

// actorShell is who acts without being an operator: whoever may run commands on the machine.
const actorShell = "shell"

// actor is who acts without an operator key, with the name by which the machine knows them.
func (g *Gateway) actor() string { return actorOf(g.opts.Actor) }

func actorOf(name string) string {
	if name == "" {
		return actorShell
	}
	return actorShell + ":" + name
}

func merchantSubject(slug string) string { return "merchant:" + slug }

// settingWords are settings as a person gave them.
func settingWords(settings []Setting) string {
	words := make([]string, len(settings))
	for i, s := range settings {
		words[i] = s.Key + "=" + s.Value
	}
	return strings.Join(words, " ")
}

func cutText(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "")
}

// Operator is the active operator whose key it is.
func (g *Gateway) Operator(ctx context.Context, key keyring.Secret) (Operator, error) {
	operators, err := g.store.Read().ListOperators(ctx)
	if err != nil {
		return Operator{}, fmt.Errorf("list operators: %w", err)
	}
	for _, hash := range g.keys().Hashes(hashOperatorKey, key.Reveal()) {
		for _, o := range operators {
			if o.State == OperatorActive && subtle.ConstantTimeCompare(hash[:], o.KeyHash) == 1 {
				return Operator{o.ID, o.Name}, nil
			}
		}
	}
	return Operator{}, refuse(CodeInvalid, "the operator key is unknown or retired: galla operator add NAME makes one")
}

// audit appends to the log of what people did (invariant A-1), in the transaction of the act. The head's row is held until
// the commit, so the order of the log is that of the commits, without gaps.
func (b *batch) audit(actor, act, subject, detail string) error {
	return b.g.appendAudit(b.ctx, b.q, b.now, actor, auditEntry{act, subject, detail})
}

// auditEntry is what the log has of an act, beside who did it and when. Nothing in it is secret.
type auditEntry struct{ act, subject, detail string }

// Longest subject and detail in the log, in bytes; what is longer is cut.
const (
	maxAuditSubject = 200
	maxAuditDetail  = 2000
)

func (g *Gateway) appendAudit(ctx context.Context, q *store.Queries, now time.Time, actor string, e auditEntry) error {
	e.subject, e.detail = cutText(e.subject, maxAuditSubject), cutText(e.detail, maxAuditDetail)
	head, err := q.LockAuditHead(ctx)
	if err != nil {
		return fmt.Errorf("lock audit log: %w", err)
	}
	row := store.InsertAuditLogParams{Seq: head.Seq + 1, At: now.UnixMicro(), Actor: actor, Act: e.act, Subject: e.subject, Detail: e.detail}
	hash := g.keys().Hash(hashAuditLog, auditText(head.Hash, store.AuditLog{Seq: row.Seq, At: row.At, Actor: actor, Act: e.act, Subject: e.subject, Detail: e.detail}))
	row.Hash = hash[:]
	if err := q.InsertAuditLog(ctx, row); err != nil {
		return fmt.Errorf("append to audit log: %w", err)
	}
	if err := q.SetAuditHead(ctx, store.SetAuditHeadParams{Seq: row.Seq, Hash: row.Hash}); err != nil {
		return fmt.Errorf("move audit log: %w", err)
	}
	return nil
}

// hashAuditLog is the purpose of the keyed hashes that chain the audit log: who can write the database but hasn't the key
// file can't make a log that verifies.
const hashAuditLog = "audit_log"

// auditText is what the hash of a row covers. Lengths go in, so that no two rows read the same.
func auditText(before []byte, row store.AuditLog) string {
	h := sha256.New()
	fmt.Fprintf(h, "galla.audit.v1|%s|%d|%d", hex.EncodeToString(before), row.Seq, row.At)
	for _, field := range []string{row.Actor, row.Act, row.Subject, row.Detail} {
		fmt.Fprintf(h, "|%d:%s", len(field), field)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// AuditHashes gives the hashes by which the oracle recomputes the chain of the audit log, one for each key of the file.
func AuditHashes(keys *keyring.Keyring) func(text string) [][32]byte {
	return func(text string) [][32]byte { return keys.Hashes(hashAuditLog, text) }
}

// AuditHashes gives the hashes of a text of the audit log by the keys of this process.
func (g *Gateway) AuditHashes(text string) [][32]byte { return AuditHashes(g.keys())(text) }
