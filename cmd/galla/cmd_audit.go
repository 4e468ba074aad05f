package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/oracle"
	"github.com/galla-gateway/galla/internal/store"
)

// auditDoc is what audit prints.
type auditDoc struct {
	OK      bool            `json:"ok"`
	Failed  int64           `json:"failed"` // comparisons, over all checks
	Stopped *stopDoc        `json:"stopped,omitempty"`
	Checks  []oracle.Result `json:"checks"`
}

// stopDoc is in documents while money is stopped.
type stopDoc struct {
	Since string `json:"since"`
	Why   string `json:"why"`
}

// resumption is what the flags say of letting money move again.
type resumption struct {
	resume         bool
	reason, accept string
}

func newAudit(a *app) *cobra.Command {
	var r resumption
	c := a.verb("audit", "Hold the books and every credit and payout against what must always hold; exit 1 when something doesn't", cobra.NoArgs,
		func(c *cobra.Command, _ []string) error {
			if r.resume {
				return a.resume(c, r)
			}
			if r != (resumption{}) {
				return usagef("--reason and --accept go with --resume")
			}
			s, cfg, err := a.openStore(c)
			if err != nil {
				return err
			}
			defer s.Close()
			opts := oracle.Options{}
			// Without the key file the chain of the log of acts can't be recomputed. All else can.
			if keys, err := loadKeys(c.Context(), cfg, false); err == nil {
				opts.Hashes = gateway.AuditHashes(keys)
			}
			report, err := a.audit(c, s, opts)
			if err == nil && report.Failed() > 0 {
				err = fmt.Errorf("%d comparisons failed: stop crediting, keep the database as it is, and look", report.Failed())
			}
			return err
		})
	c.Long = "The audit may run beside a working server. It changes nothing.\n\n" +
		"A server makes the same checks as it works. When one fails it stops money: claims are held and no payout begins, on all\n" +
		"instances. --resume audits, and lets money move again when nothing is found; with --accept also when something is. Who acts\n" +
		"is said by the operator key in " + operatorVariable + ", or in the file that " + operatorFileVariable + " names. It is kept in the audit log."
	c.Flags().BoolVar(&r.resume, "resume", false, "let money move by itself again, if nothing is found")
	c.Flags().StringVar(&r.reason, "reason", "", "with --resume: what it was and what was done; kept with your name")
	c.Flags().StringVar(&r.accept, "accept", "", "with --resume: why money may move though something is found; kept with your name")
	c.AddCommand(a.auditVerify(), a.auditLog())
	return inGroup(groupHouse, c)
}

// audit runs one and prints what it found.
func (a *app) audit(c *cobra.Command, s *store.Store, opts oracle.Options) (oracle.Report, error) {
	bar := a.progressBar("audit")
	opts.Progress = bar.set
	report, err := gateway.Audit(c.Context(), s, opts)
	bar.end()
	if err != nil {
		return report, err
	}
	stop, stopped, err := gateway.Stopped(c.Context(), s.Read())
	if err != nil {
		return report, err
	}
	doc := auditDoc{OK: report.Failed() == 0, Failed: report.Failed(), Checks: report.Checks}
	if stopped {
		doc.Stopped = &stopDoc{moment(stop.At.UnixMicro()), stop.Why}
	}
	return report, a.print(doc, func(w io.Writer) { writeAudit(w, doc) })
}

// resume audits and lets money move again.
func (a *app) resume(c *cobra.Command, r resumption) error {
	if strings.TrimSpace(r.reason) == "" {
		return usagef("--reason: say what it was and what was done, it is kept with the decision")
	}
	ad, by, err := a.openOperator(c)
	if err != nil {
		return err
	}
	defer ad.Close()
	stop, stopped, err := gateway.Stopped(c.Context(), ad.Store().Read())
	switch {
	case err != nil:
		return err
	case !stopped:
		return errors.New("money isn't stopped")
	}
	keys, err := loadKeys(c.Context(), ad.cfg, false)
	if err != nil {
		return err
	}
	report, err := gateway.Audit(c.Context(), ad.Store(), oracle.Options{Hashes: gateway.AuditHashes(keys), Examples: gateway.MostAccepted + 1})
	if err != nil {
		return err
	}
	judged, err := ad.ResumeMoney(c.Context(), by, gateway.Resumption{Seen: stop, Reason: r.reason, Accept: r.accept, Found: report.Stopping})
	if err != nil {
		return err
	}
	return a.print(map[string]any{"stopped": false, "judged": judged, "accepted": len(report.Stopping)}, func(w io.Writer) {
		fmt.Fprintf(w, "money moves again; %d held claims were judged\n", judged)
	})
}

func writeAudit(w io.Writer, doc auditDoc) {
	var rows [][]string
	for _, check := range doc.Checks {
		state := "ok"
		if check.Failed > 0 {
			state = fmt.Sprintf("%d FAILED", check.Failed)
		}
		rows = append(rows, []string{check.ID, state, number(check.Checked), check.What})
	}
	table(w, []string{"check", "result", "compared", "what"}, rows)
	for _, check := range doc.Checks {
		for _, example := range check.Examples {
			fmt.Fprintf(w, "%s: %s\n", check.ID, example)
		}
	}
	if doc.Stopped != nil {
		fmt.Fprintf(w, "\nMoney is stopped since %s: galla audit --resume --reason TEXT lets it move again. It was stopped for\n%s\n", doc.Stopped.Since, doc.Stopped.Why)
	}
}

func (a *app) auditVerify() *cobra.Command {
	return a.verb("verify", "Recompute the chain of the audit log; exit 1 and the first bad row when it was changed", cobra.NoArgs, func(c *cobra.Command, _ []string) error {
		s, cfg, err := a.openStore(c)
		if err != nil {
			return err
		}
		defer s.Close()
		keys, err := loadKeys(c.Context(), cfg, false)
		if err != nil {
			return err
		}
		judge, err := gateway.OpenJudge(s)
		if err != nil {
			return err
		}
		defer judge.Close()
		report, err := judge.VerifyLog(c.Context(), gateway.AuditHashes(keys))
		if err != nil {
			return fmt.Errorf("read audit log: %w", err)
		}
		if err := a.print(report, func(w io.Writer) { fmt.Fprintf(w, "%d rows are as they were written\n", report.Rows) }); err != nil {
			return err
		}
		if report.FirstBad != 0 {
			return fmt.Errorf("row %d of the audit log is bad: %s", report.FirstBad, report.Problem)
		}
		return nil
	})
}

// actDoc is an act of a person in a document.
type actDoc struct {
	Seq     int64  `json:"seq"`
	At      string `json:"at"`
	Actor   string `json:"actor"`
	Act     string `json:"act"`
	Subject string `json:"subject"`
	Detail  string `json:"detail"`
}

func (a *app) auditLog() *cobra.Command {
	var after int64
	var rows int64
	c := a.verb("log", "List what people did, oldest first", cobra.NoArgs, func(c *cobra.Command, _ []string) error {
		if rows < 1 || rows > maxRows {
			return usagef("--limit: expected 1 to %d", maxRows)
		}
		if after < 0 {
			return usagef("--after: expected the number of a row")
		}
		s, _, err := a.openStore(c)
		if err != nil {
			return err
		}
		defer s.Close()
		list, err := s.Read().ListAuditLog(c.Context(), store.ListAuditLogParams{After: after, Rows: rows})
		if err != nil {
			return err
		}
		docs, cells := make([]actDoc, len(list)), make([][]string, len(list))
		for i, row := range list {
			docs[i] = actDoc{row.Seq, moment(row.At), row.Actor, row.Act, row.Subject, row.Detail}
			cells[i] = []string{number(row.Seq), minute(row.At), row.Actor, row.Act, row.Subject, printable(row.Detail)}
		}
		return a.print(docs, func(w io.Writer) { table(w, []string{"row", "at", "actor", "act", "subject", "detail"}, cells) })
	})
	c.Flags().Int64Var(&after, "after", 0, "go on behind this row")
	c.Flags().Int64Var(&rows, "limit", defaultRows, fmt.Sprintf("rows, at most %d", maxRows))
	return c
}
