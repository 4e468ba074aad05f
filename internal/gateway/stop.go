package gateway

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/galla-gateway/galla/internal/deposit"
	"github.com/galla-gateway/galla/internal/oracle"
	"github.com/galla-gateway/galla/internal/store"
)

const (
	// moneyStopped is why no payout begins, and what people are told.
	moneyStopped = "money is stopped, as the books don't hold: galla audit shows what, galla audit --resume lets it go on"
	// mostViolations bounds those that are kept with the stop, and logged at once.
	mostViolations = 10
	// MostAccepted bounds the violations that a person can let pass.
	MostAccepted = 1000
)

// Stop is why money doesn't move by itself.
type Stop struct {
	At  time.Time
	Why string
}

// Stopped tells whether money is stopped, as the database has it now.
func Stopped(ctx context.Context, q *store.Queries) (stop Stop, stopped bool, err error) {
	row, err := q.GetInstallation(ctx)
	if err != nil && !isNoRows(err) {
		return stop, false, fmt.Errorf("read installation: %w", err)
	}
	if !row.StoppedAt.Valid {
		return stop, false, nil
	}
	return Stop{fromMicro(row.StoppedAt.Int64), row.StoppedWhy}, true, nil
}

// line is a violation as it is stored.
func line(v oracle.Violation) string {
	return v.Invariant + ": " + strings.ReplaceAll(v.What, "\n", " ")
}

// Unaccepted leaves out what a person saw and let pass.
func (g *Gateway) Unaccepted(ctx context.Context, found []oracle.Violation) (list []oracle.Violation, err error) {
	if len(found) == 0 {
		return nil, nil
	}
	row, err := g.store.Read().GetInstallation(ctx)
	if err != nil {
		return nil, fmt.Errorf("read what was accepted: %w", err)
	}
	accepted := strings.Split(row.Accepted, "\n")
	for _, v := range found {
		if !slices.Contains(accepted, line(v)) {
			list = append(list, v)
		}
	}
	return list, nil
}

// StopMoney makes all instances hold what would move by itself, because the oracle found this: nothing is credited without a
// person and no bank is told of a new payout, until ResumeMoney. Evidence and claims are taken as before, banks are asked
// what became of what they have, merchants are told. first is false when it was stopped before: that reason stays.
func (g *Gateway) StopMoney(ctx context.Context, found []oracle.Violation) (first bool, err error) {
	lines := make([]string, 0, mostViolations)
	for _, v := range found[:min(len(found), mostViolations)] {
		lines = append(lines, line(v))
	}
	err = g.write(ctx, func(ctx context.Context, q *store.Queries) error {
		stopped, err := q.StopMoney(ctx, store.StopMoneyParams{StoppedAt: g.now().UnixMicro(), StoppedWhy: cutText(strings.Join(lines, "\n"), maxAuditDetail)})
		first = stopped == 1
		return err
	})
	if err != nil {
		return false, fmt.Errorf("stop money: %w", err)
	}
	return first, g.Reload(ctx)
}

// Resumption is a person's word that money may move by itself again.
type Resumption struct {
	Seen   Stop   // what they decide on
	Reason string // why it may
	// Accept is why it may though the audit found this; "" when it found nothing.
	Accept string
	Found  []oracle.Violation
}

// ResumeMoney lets money move by itself again and judges what was held meanwhile.
func (g *Gateway) ResumeMoney(ctx context.Context, by Operator, r Resumption) (judged int, err error) {
	if err := checkReason(by.actor(), r.Reason); err != nil {
		return 0, err
	}
	switch {
	case len(r.Found) > 0 && r.Accept == "":
		return 0, refuse(CodeConflict, "the audit finds violations: put the books right first, or say why money may move all the same")
	case len(r.Found) > MostAccepted:
		return 0, refuse(CodeConflict, "the audit finds %d violations, of which at most %d can be accepted", len(r.Found), MostAccepted)
	case len(r.Accept) > MaxReason:
		return 0, refuse(CodeInvalid, "what is said for it is longer than %d bytes", MaxReason)
	}
	accepted := make([]string, len(r.Found))
	for i, v := range r.Found {
		accepted[i] = line(v)
	}
	detail := r.Reason
	if r.Accept != "" {
		detail += fmt.Sprintf("; %d violations accepted: %s", len(r.Found), r.Accept)
	}
	detail += "; stopped at " + r.Seen.At.Format(time.RFC3339) + " for " + r.Seen.Why
	err = g.write(ctx, func(ctx context.Context, q *store.Queries) error {
		resumed, err := q.ResumeMoney(ctx, store.ResumeMoneyParams{StoppedAt: r.Seen.At.UnixMicro(), Accepted: strings.Join(accepted, "\n")})
		if err != nil {
			return err
		}
		if resumed != 1 {
			return refuse(CodeConflict, "money isn't stopped any more, or was stopped again since: look once more")
		}
		return g.appendAudit(ctx, q, g.now(), by.actor(), auditEntry{"money.resumed", "installation", detail})
	})
	if err == nil {
		err = g.Reload(ctx)
	}
	if err != nil {
		return 0, fmt.Errorf("resume: %w", err)
	}
	return g.judgeHeld(ctx, deposit.ReasonStopped, by.actor())
}
