package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/galla-gateway/galla/internal/config"
)

func newConfig(a *app) *cobra.Command {
	sample := &cobra.Command{
		Use: "sample", Short: "Print a YAML file with every setting explained", Args: cobra.NoArgs, DisableFlagsInUseLine: true,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprint(a.stdout, config.Sample())
			return err
		},
	}
	return inGroup(groupHouse, group("config", "Settings of the process", sample))
}
