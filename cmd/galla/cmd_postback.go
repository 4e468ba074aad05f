package main

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
)

func newPostback(a *app) *cobra.Command {
	return inGroup(groupPayments, group("postback", "What merchants are told", a.postbackListen(), a.postbackTrigger()))
}

// isHidden tells of a character that a terminal doesn't show but may obey.
func isHidden(r rune) bool { return !strconv.IsPrint(r) }

// printable is a text that strangers may have written, for a terminal: as it is, or quoted when it has hidden characters.
func printable(text string) string {
	if utf8.ValidString(text) && !strings.ContainsFunc(text, isHidden) {
		return text
	}
	return strconv.Quote(text)
}
