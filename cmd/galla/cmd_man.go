package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

func newMan(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "man DIR", Short: "Write the manual pages into a folder", Args: cobra.ExactArgs(1), DisableFlagsInUseLine: true, GroupID: groupHouse,
		RunE: func(c *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return fmt.Errorf("manual pages: %w", err)
			}
			root := c.Root()
			root.DisableAutoGenTag = true
			date := a.now()
			return doc.GenManTree(root, &doc.GenManHeader{Title: "GALLA", Section: "1", Source: "Galla", Date: &date}, args[0])
		},
	}
}
