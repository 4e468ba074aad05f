package window

import (
	"embed"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"

	"golang.org/x/text/language"

	"github.com/galla-gateway/galla/internal/method"
)

//go:embed catalogues/*.json
var catalogueFiles embed.FS

// languages are those with a catalogue, in the order of the switch. The first is what remains when nothing fits.
var languages = []string{"en", "hi", "bn", "ur"}

// rightToLeft are the languages whose pages run from right to left.
var rightToLeft = []string{"ur"}

// catalogues has the messages of each language. A broken one stops the program at its start, not a payer in the middle.
var catalogues = func() map[string]map[string]string {
	all := make(map[string]map[string]string, len(languages))
	for _, lang := range languages {
		text, err := catalogueFiles.ReadFile(path.Join("catalogues", lang+".json"))
		if err != nil {
			panic(err)
		}
		messages := make(map[string]string)
		if err := json.Unmarshal(text, &messages); err != nil {
			panic(fmt.Errorf("catalogue %s: %w", lang, err))
		}
		all[lang] = messages
	}
	return all
}()

// Languages are the languages of the window in the order of the switch: those that at least one of the methods is shown
// in, or all for no methods. Methods are named by wallet_type.
func Languages(methods ...string) []string {
	return slices.DeleteFunc(slices.Clone(languages), func(lang string) bool {
		return len(methods) > 0 && !slices.ContainsFunc(methods, func(name string) bool {
			m, ok := method.Lookup(name)
			return ok && m.ShownIn(lang)
		})
	})
}

// LanguageName is a language's name in itself: "हिन्दी".
func LanguageName(lang string) string { return translate(lang, "language") }

// maxAcceptLanguage bounds what is parsed of a header that strangers write.
const maxAcceptLanguage = 256

// MatchLanguage chooses one of the allowed languages: the link's lang when it is one of them, else the best match of the
// Accept-Language header, else the first allowed. Without allowed ones it is "en".
func MatchLanguage(lang, acceptLanguage string, allowed []string) string {
	if len(allowed) == 0 {
		return languages[0]
	}
	if slices.Contains(allowed, lang) {
		return lang
	}
	if len(acceptLanguage) > maxAcceptLanguage {
		acceptLanguage = acceptLanguage[:maxAcceptLanguage]
		acceptLanguage = acceptLanguage[:strings.LastIndexByte(acceptLanguage, ',')+1]
	}
	wanted, _, err := language.ParseAcceptLanguage(strings.TrimRight(acceptLanguage, ", "))
	if err != nil || len(wanted) == 0 {
		return allowed[0]
	}
	supported := make([]language.Tag, len(allowed))
	for i, name := range allowed {
		supported[i] = language.Make(name)
	}
	_, index, confidence := language.NewMatcher(supported).Match(wanted...)
	if confidence == language.No {
		return allowed[0]
	}
	return allowed[index]
}

// translate is the message of a key with its placeholders filled: pairs are a name and its text. An unknown language
// speaks English. A key that isn't there is a fault of the program; the tests know every key, and a payer sees the key.
func translate(lang, key string, pairs ...string) string {
	messages, ok := catalogues[lang]
	if !ok {
		messages = catalogues[languages[0]]
	}
	text, ok := messages[key]
	if !ok {
		return key
	}
	if len(pairs) == 0 {
		return text
	}
	marks := slices.Clone(pairs)
	for i := 0; i < len(marks); i += 2 {
		marks[i] = "{" + marks[i] + "}"
	}
	return strings.NewReplacer(marks...).Replace(text)
}

// firstKey is the first of the keys that the catalogues know; the last one must be known.
func firstKey(keys ...string) string {
	for _, key := range keys {
		if _, ok := catalogues[languages[0]][key]; ok {
			return key
		}
	}
	return keys[len(keys)-1]
}
