package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/store"
)

// auditDoc is what audit prints.
type auditDoc struct {
	OK     bool                 `json:"ok"`
	Failed int64                `json:"failed"` // comparisons, over all checks
	Checks []gateway.AuditCheck `json:"checks"`
}

func newAudit(a *app) *cobra.Command {
	c := a.verb("audit", "Recompute the books and every credit from single rows; exit 1 when something doesn't hold", cobra.NoArgs,
		func(c *cobra.Command, _ []string) error {
			s, _, err := a.openStore(c)
			if err != nil {
				return err
			}
			defer s.Close()
			bar := a.progressBar("audit")
			report, err := gateway.Audit(c.Context(), gateway.AuditQueries(s), bar.set)
			bar.end()
			if err != nil {
				return err
			}
			if err := a.print(auditDoc{report.Failed() == 0, report.Failed(), report.Checks}, func(w io.Writer) { writeAudit(w, report) }); err != nil {
				return err
			}
			if failed := report.Failed(); failed > 0 {
				return fmt.Errorf("%d comparisons failed: stop crediting, keep the database as it is, and look", failed)
			}
			return nil
		})
	c.Long = "The audit may run beside a working server. It changes nothing."
	c.AddCommand(a.auditVerify(), a.auditLog())
	return inGroup(groupHouse, c)
}

func writeAudit(w io.Writer, report gateway.AuditReport) {
	var rows [][]string
	for _, check := range report.Checks {
		state := "ok"
		if check.Failed > 0 {
			state = fmt.Sprintf("%d FAILED", check.Failed)
		}
		rows = append(rows, []string{check.ID, state, number(check.Checked), check.What})
	}
	table(w, []string{"check", "result", "compared", "what"}, rows)
	for _, check := range report.Checks {
		for _, example := range check.Examples {
			fmt.Fprintf(w, "%s: %s\n", check.ID, example)
		}
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
		report, err := gateway.VerifyAuditLog(c.Context(), s.Read(), keys)
		if err != nil {
			return err
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
