package window

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/galla-gateway/galla/internal/method"
)

// maxPasted is the longest text that is looked through for a number, in characters: a bank's whole message.
const maxPasted = 2000

// numberSeveral is the message key for several numbers in the text that could be it. The other keys of what is wrong with
// a typed number are the codes of method.Hint.
const numberSeveral = "several"

// findNumber reads the transaction number in what a payer typed or pasted: the number alone in any spelling that the
// method takes, or a whole message with exactly one number of the method's shape in it. Else key says why not.
func findNumber(m method.Method, typed string) (number, key string) {
	if utf8.RuneCountInString(typed) > maxPasted {
		return "", string(method.HintLong)
	}
	alone, hint := m.Reference(typed)
	if hint.Code == method.HintNone {
		return alone, ""
	}
	words := splitWords(typed)
	found := numbersIn(m, words)
	if len(found) == 0 {
		found = numbersIn(m, joinDigits(words))
	}
	if len(found) > 1 {
		if named := numbersIn(m, afterName(words)); len(named) == 1 {
			found = named
		}
	}
	switch len(found) {
	case 1:
		return found[0], ""
	case 0:
		return "", string(explain(m, words, hint).Code)
	}
	return "", numberSeveral
}

// word is a run of letters and digits, with what stands before it.
type word struct {
	text   string
	before string // the characters between the previous word and this one
}

// splitWords cuts a text into runs of Latin letters and digits of any script. Invisible characters, which messengers
// put between digits, are dropped first.
func splitWords(text string) (words []word) {
	var current, between strings.Builder
	flush := func() {
		if current.Len() > 0 {
			words = append(words, word{current.String(), between.String()})
			current.Reset()
			between.Reset()
		}
	}
	for _, r := range text {
		switch {
		case unicode.Is(unicode.Cf, r):
		case unicode.IsDigit(r), r < unicode.MaxASCII && unicode.IsLetter(r), r >= 'Ａ' && r <= 'Ｚ', r >= 'ａ' && r <= 'ｚ':
			current.WriteRune(r)
		default:
			flush()
			between.WriteRune(r)
		}
	}
	flush()
	return words
}

// numbersIn lists the different numbers of the method among the words. Of a method whose numbers have letters, a word
// without a digit is just a word; what follows a plus sign is a phone number.
func numbersIn(m method.Method, words []word) (found []string) {
	seen := map[string]bool{}
	for _, w := range words {
		if !strings.ContainsFunc(w.text, unicode.IsDigit) || strings.HasSuffix(w.before, "+") {
			continue
		}
		number, hint := m.Reference(w.text)
		if hint.Code == method.HintNone && !seen[number] {
			seen[number] = true
			found = append(found, number)
		}
	}
	return found
}

// joinDigits joins runs of digits that one space or hyphen separates, as some apps print a number in groups.
func joinDigits(words []word) (joined []word) {
	for _, w := range words {
		last := len(joined) - 1
		if last >= 0 && (w.before == " " || w.before == "-") && allDigits(w.text) && allDigits(joined[last].text) {
			joined[last].text += w.text
			continue
		}
		joined = append(joined, w)
	}
	return joined
}

func allDigits(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsDigit(r) })
}

// numberNames are what apps and banks call the number, in capitals.
var numberNames = []string{"UTR", "RRN", "REF", "REFNO", "TRXID", "TID", "NO", "NUMBER", "ID"}

// afterName keeps the words that follow a name of the number.
func afterName(words []word) (named []word) {
	for i, w := range words {
		if i == 0 {
			continue
		}
		for _, name := range numberNames {
			if strings.EqualFold(words[i-1].text, name) {
				named = append(named, w)
			}
		}
	}
	return named
}

// wrongKinds are the hints that tell a payer most, the most telling first.
var wrongKinds = []method.HintCode{
	method.HintPhonePeID, method.HintUPIID, method.HintNEFT, method.HintRTGS, method.HintLong, method.HintShort,
}

// nearMiss is how many digits a word needs to be taken for a number that was copied badly.
const nearMiss = 8

// explain picks the hint that helps: the one of the word that looks most like some number, else the whole text's.
func explain(m method.Method, words []word, whole method.Hint) method.Hint {
	if len(words) < 2 {
		return whole
	}
	for _, code := range wrongKinds {
		for _, w := range words {
			if utf8.RuneCountInString(w.text) < nearMiss || !strings.ContainsFunc(w.text, unicode.IsDigit) {
				continue
			}
			if _, hint := m.Reference(w.text); hint.Code == code {
				return hint
			}
		}
	}
	return whole
}
