package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

func newRecovery(a *app) *cobra.Command {
	c := group("recovery", "The state after a restore in which nothing is credited by itself", a.recoveryStatus(), a.recoveryEnd())
	c.Long = "After galla restore, credits made since the backup are unknown. Import the statements since then, resolve what\n" +
		"is doubtful, then end recovery: claims that it held are judged as usual."
	return inGroup(groupHouse, c)
}

func (a *app) recoveryStatus() *cobra.Command {
	return a.verb("status", "Tell whether the installation is in recovery", cobra.NoArgs, func(c *cobra.Command, _ []string) error {
		s, _, err := a.openStore(c)
		if err != nil {
			return err
		}
		defer s.Close()
		row, err := s.Read().GetInstallation(c.Context())
		if err = ignoreNoRows(err); err != nil {
			return err
		}
		doc := map[string]any{"recovery": row.RecoveryAt.Valid}
		text := "not in recovery"
		if row.RecoveryAt.Valid {
			doc["since"] = optionalMoment(row.RecoveryAt)
			text = "in recovery since " + minute(row.RecoveryAt.Int64)
		}
		return a.print(doc, func(w io.Writer) { fmt.Fprintln(w, text) })
	})
}

func (a *app) recoveryEnd() *cobra.Command {
	var reason string
	c := a.verb("end --reason TEXT", "Credit by itself again, and judge what was held meanwhile", cobra.NoArgs, func(c *cobra.Command, _ []string) error {
		if strings.TrimSpace(reason) == "" {
			return usagef("--reason: say why, it is kept with the decision")
		}
		ad, err := a.openAdmin(c)
		if err != nil {
			return err
		}
		defer ad.Close()
		if !ad.Directory().Recovery {
			return fmt.Errorf("the installation isn't in recovery")
		}
		judged, err := ad.EndRecovery(c.Context(), ad.actor, reason)
		if err != nil {
			return err
		}
		return a.print(map[string]any{"recovery": false, "judged": judged}, func(w io.Writer) {
			fmt.Fprintf(w, "recovery is over; %d held claims were judged again\n", judged)
		})
	})
	c.Flags().StringVar(&reason, "reason", "", "why; kept with your name")
	return required(c, "reason")
}
