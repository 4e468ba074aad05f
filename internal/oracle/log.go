package oracle

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"database/sql"
	"encoding/hex"
	"fmt"
)

// logInvariant is what the chain of the log of acts is told under.
const logInvariant = "A-1"

// act is a row of the log of what people did.
type act struct {
	seq, at                      int64
	actor, name, subject, detail string
	hash                         []byte
}

// text is what the hash of a row covers: the hash before it and the row. Lengths go in, so that no two rows read the same.
func (a act) text(before []byte) string {
	h := sha256.New()
	fmt.Fprintf(h, "galla.audit.v1|%s|%d|%d", hex.EncodeToString(before), a.seq, a.at)
	for _, field := range []string{a.actor, a.name, a.subject, a.detail} {
		fmt.Fprintf(h, "|%d:%s", len(field), field)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// LogReport is what VerifyLog found.
type LogReport struct {
	Rows     int64  `json:"rows"`
	FirstBad int64  `json:"first_bad"` // its number, 0 when all is well
	Problem  string `json:"problem,omitempty"`
}

// Log recomputes the chain of the log of acts. rows is how many hold.
func (o *Oracle) Log(ctx context.Context, hashes func(text string) [][32]byte) (rows int64, found []Violation, err error) {
	report, err := o.VerifyLog(ctx, hashes)
	if report.FirstBad != 0 {
		found = []Violation{{logInvariant, fmt.Sprintf("row %d of the log of what people did is bad: %s", report.FirstBad, report.Problem)}}
	}
	return report.Rows, found, err
}

// VerifyLog recomputes the chain of the log of acts and names the first row that was changed, is missing or was added by
// somebody else. hashes gives the keyed hashes of a text, one for each key that was ever used.
func (o *Oracle) VerifyLog(ctx context.Context, hashes func(text string) [][32]byte) (LogReport, error) {
	v := &verification{o: o, hashes: hashes, before: make([]byte, sha256.Size)}
	for {
		went, err := v.rows(ctx)
		if err != nil || v.report.FirstBad != 0 {
			return v.report, err
		}
		if went {
			continue
		}
		// Rows that came meanwhile follow on those that were read; others don't.
		more, err := v.head(ctx)
		if err != nil || !more {
			return v.report, err
		}
		if went, err = v.rows(ctx); err == nil && !went && v.report.FirstBad == 0 {
			v.bad(v.report.Rows+1, "it is missing")
		}
		if err != nil || v.report.FirstBad != 0 {
			return v.report, err
		}
	}
}

// verification is one run of VerifyLog.
type verification struct {
	o      *Oracle
	hashes func(text string) [][32]byte
	before []byte
	report LogReport
}

func (v *verification) bad(row int64, problem string) {
	v.report.FirstBad, v.report.Problem = row, problem
}

// rows recomputes the next rows. went: there were some.
func (v *verification) rows(ctx context.Context) (went bool, err error) {
	const next = "SELECT l.seq, l.at, l.actor, l.act, l.subject, l.detail, l.hash FROM audit_log l WHERE l.seq > $1 AND l.seq <= $2 ORDER BY l.seq"
	err = v.o.read(ctx, next, func(r *sql.Rows) error {
		var a act
		if err := r.Scan(&a.seq, &a.at, &a.actor, &a.name, &a.subject, &a.detail, &a.hash); err != nil || v.report.FirstBad != 0 {
			return err
		}
		went = true
		switch next := v.report.Rows + 1; {
		case a.seq != next:
			v.bad(next, "it is missing")
		case !anyOf(v.hashes(a.text(v.before)), a.hash):
			v.bad(next, "it, or the row before it, was changed")
		default:
			v.report.Rows, v.before = next, a.hash
		}
		return nil
	}, v.report.Rows, v.report.Rows+auditStep)
	return went, err
}

// head compares the last row with what was written last. more: there are rows behind it.
func (v *verification) head(ctx context.Context) (more bool, err error) {
	const last = "SELECT h.seq, h.hash, COALESCE((SELECT max(l.seq) FROM audit_log l), 0) FROM audit_head h"
	err = v.o.read(ctx, last, func(r *sql.Rows) error {
		var seq, highest int64
		var hash []byte
		if err := r.Scan(&seq, &hash, &highest); err != nil {
			return err
		}
		switch {
		case highest > v.report.Rows:
			more = true
		case seq > v.report.Rows:
			v.bad(v.report.Rows+1, "it and what followed was removed from the end")
		case seq < v.report.Rows, subtle.ConstantTimeCompare(hash, v.before) != 1:
			v.bad(v.report.Rows, "it isn't the one that was written last")
		}
		return nil
	})
	return more, err
}

func anyOf(hashes [][32]byte, hash []byte) bool {
	matches := false
	for _, h := range hashes {
		matches = subtle.ConstantTimeCompare(h[:], hash) == 1 || matches
	}
	return matches
}
