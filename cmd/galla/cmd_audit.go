package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/galla-gateway/galla/internal/gateway"
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
