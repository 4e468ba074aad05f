package payout

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ReferenceLength is the length of every bank reference: what the shortest field of the known banks and providers takes
// (UPI and IMPS order ids, narration of bulk files).
const ReferenceLength = 16

// Reference is ours for a payout: fixed before the bank hears of it, the same for ever after, and never another payout's
// (invariant W-2). Capital letters and digits.
func Reference(withdrawalID int64) string { return fmt.Sprintf("GL%014d", withdrawalID) }

var referenceShape = regexp.MustCompile(`(?i)GL[0-9]{14}`)

// References finds references in what a bank prints of a transaction, each once and as Reference makes them. Only whole words
// count: what goes on with a letter or a digit is something else, or the reference of another payout.
func References(text string) []string {
	var found []string
	for _, at := range referenceShape.FindAllStringIndex(text, -1) {
		before, _ := utf8.DecodeLastRuneInString(text[:at[0]])
		after, _ := utf8.DecodeRuneInString(text[at[1]:])
		reference := strings.ToUpper(text[at[0]:at[1]])
		if !inWord(before) && !inWord(after) && !slices.Contains(found, reference) {
			found = append(found, reference)
		}
	}
	return found
}

func inWord(r rune) bool { return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r)) }
