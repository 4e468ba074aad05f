package main

import (
	"github.com/spf13/cobra"
)

func newPostback(a *app) *cobra.Command {
	return inGroup(groupPayments, group("postback", "What merchants are told", a.postbackListen(), a.postbackTrigger()))
}
