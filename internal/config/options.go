package config

import (
	"fmt"
	"strings"

	"github.com/spf13/pflag"
)

// option is one setting. Its key is the name in the YAML file; the flag has
// hyphens for the underscores, the environment variable is GALLA_ and capitals.
type option struct {
	key, value, help string
}

// options holds every setting in the order of the help and of Sample.
var options = []option{
	{"database", "sqlite:./data/galla.db",
		"where the money is kept: sqlite:PATH or postgres://USER:PASSWORD@HOST/NAME"},
	{"database_file", "",
		"file that holds the value of database, so that its password stays out of the environment"},
	{"listen", "127.0.0.1:8080",
		"address and port for merchants, payers and phones"},
	{"admin_listen", "127.0.0.1:9090",
		"address and port for /healthz, /readyz and /metrics; not for the public"},
	{"base_url", "http://localhost:8080",
		"what the world calls this installation; links are built from it and hosts hang under it (api.SLUG.HOST, plugin.SLUG.HOST)"},
	{"key_file", "",
		"file with the keys that seal secrets, mode 0600; with SQLite it is made beside the database when missing"},
	{"default_merchant", "",
		"slug of the merchant that api.HOST and plugin.HOST belong to"},
	{"trusted_proxies", "",
		"addresses (CIDR, comma) of the proxies whose X-Forwarded-For, -Proto and -Host count"},
	{"postback_allow", "",
		"addresses (CIDR, comma) outside the public range that postbacks may reach, such as 10.0.0.0/8"},
	{"postback_concurrency", "256",
		"postback requests that this process has open at once, 1 to 10000"},
	{"postback_rate", "0",
		"postback requests a second that this process makes at most, up to 100000; 0: no limit"},
	{"log_format", "text",
		"text or json"},
	{"log_level", "info",
		"debug, info, warn or error"},
}

// fileFlag and fileVariable name the YAML file itself.
const (
	fileFlag     = "config"
	fileVariable = "GALLA_CONFIG"
)

// prefix starts the name of every environment variable of ours.
const prefix = "GALLA_"

// otherVariables are read by others than this package.
var otherVariables = []string{fileVariable, "GALLA_ACTOR", "GALLA_API_SECRET", "GALLA_OPERATOR_KEY", "GALLA_OPERATOR_KEY_FILE"}

func find(key string) (option, bool) {
	for _, o := range options {
		if o.key == key {
			return o, true
		}
	}
	return option{}, false
}

func (o option) flag() string     { return strings.ReplaceAll(o.key, "_", "-") }
func (o option) variable() string { return prefix + strings.ToUpper(o.key) }

// AddFlags adds a flag for every setting, and --config.
func AddFlags(flags *pflag.FlagSet) {
	flags.String(fileFlag, "", "YAML file with settings ("+fileVariable+")")
	for _, o := range options {
		flags.String(o.flag(), o.value, o.help+" ("+o.variable()+")")
	}
}

// Sample returns a YAML file with every setting explained and at its default.
func Sample() string {
	var b strings.Builder
	b.WriteString("# Settings of Galla. A flag wins over the environment, the environment over this\n" +
		"# file, this file over the defaults, which are the values below.\n")
	for _, o := range options {
		fmt.Fprintf(&b, "\n# %s.\n# Flag --%s, environment %s.\n#%s: %q\n", o.help, o.flag(), o.variable(), o.key, o.value)
	}
	return b.String()
}

// suggest returns ` (did you mean x?)` when key is nearly one of ours, which it
// calls by its name.
func suggest(key string, name func(key string) string) string {
	best, least := "", max(2, len(key)/3)+1
	for _, o := range options {
		if d := distance(key, o.key); d < least {
			best, least = o.key, d
		}
	}
	if best == "" {
		return ""
	}
	return " (did you mean " + name(best) + "?)"
}

// distance counts the letters to insert, delete or replace to get from a to b
// (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
