package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
)

// load calls Load with a file of the given text ("" for none).
func load(t *testing.T, yaml string, environ, args []string) (Config, error) {
	t.Helper()
	flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	AddFlags(flags)
	flags.Bool("json", false, "a flag of the command itself")
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	path := ""
	if yaml != "" {
		path = writeFile(t, "galla.yaml", yaml)
	}
	return Load(flags, environ, path)
}

func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func prefixes(texts ...string) (list []netip.Prefix) {
	for _, text := range texts {
		list = append(list, netip.MustParsePrefix(text))
	}
	return list
}

func equal(a, b Config) string {
	return cmp.Diff(a, b, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }))
}

var atDefault = Config{
	Database: "sqlite:./data/galla.db", Listen: "127.0.0.1:8080", AdminListen: "127.0.0.1:9090",
	BaseURL: "http://localhost:8080", KeyFile: "./data/galla.key", PostbackConcurrency: 256, LogFormat: "text", LogLevel: slog.LevelInfo,
}

func TestDefaults(t *testing.T) {
	c, err := Load(nil, nil, "")
	if err != nil || equal(c, atDefault) != "" {
		t.Errorf("Load = %v, %s", err, equal(c, atDefault))
	}
	if c.BaseHost() != "localhost:8080" {
		t.Errorf("BaseHost = %q", c.BaseHost())
	}
}

func TestPrecedence(t *testing.T) {
	const yaml = "listen: ':1'\nadmin_listen: ':2'\nlog_level: debug\ntrusted_proxies: [10.0.0.0/8, '::1']\nbase_url:\n"
	environ := []string{"HOME=/root", "GALLA_ADMIN_LISTEN=:3", "GALLA_LOG_LEVEL=warn", "GALLA_LOG_FORMAT=", "GALLA_ACTOR=me",
		"GALLA_SERVICE_HOST=10.0.0.1", "GALLA_PORT=tcp://10.0.0.1:80", "GALLA_PORT_80_TCP=x", "GALLA_POSTBACK_ALLOW=127.0.0.0/8,10.1.2.3"}
	c, err := load(t, yaml, environ, []string{"--log-level", "error", "--json", "--default-merchant=shop"})
	if err != nil {
		t.Fatal(err)
	}
	want := atDefault
	want.Listen, want.AdminListen, want.LogLevel, want.DefaultMerchant = ":1", ":3", slog.LevelError, "shop"
	want.TrustedProxies = prefixes("10.0.0.0/8", "::1/128")
	want.PostbackAllow = prefixes("127.0.0.0/8", "10.1.2.3/32")
	if diff := equal(c, want); diff != "" {
		t.Error(diff)
	}
}

func TestEverySettingFromEverySource(t *testing.T) {
	secret := writeFile(t, "url", "postgres://galla:pw@db/galla\n")
	values := map[string]string{
		"database": "postgres://u@h/d", "database_file": secret, "listen": ":1", "admin_listen": ":2", "base_url": "https://x.example",
		"key_file": "/k", "default_merchant": "shop", "trusted_proxies": "10.0.0.0/8", "postback_allow": "10.0.0.0/8",
		"postback_concurrency": "10", "postback_rate": "20", "log_format": "json", "log_level": "warn",
	}
	for _, o := range options {
		value, ok := values[o.key]
		if !ok {
			t.Fatalf("no value for %s in this test", o.key)
		}
		fromFile, err1 := load(t, fmt.Sprintf("%s: %q", o.key, value), nil, nil)
		fromEnvironment, err2 := load(t, "", []string{o.variable() + "=" + value}, nil)
		fromFlag, err3 := load(t, "", nil, []string{"--" + o.flag(), value})
		if err1 != nil || err2 != nil || err3 != nil {
			t.Errorf("%s: %v, %v, %v", o.key, err1, err2, err3)
			continue
		}
		if equal(fromFile, atDefault) == "" || equal(fromFile, fromEnvironment) != "" || equal(fromFile, fromFlag) != "" {
			t.Errorf("%s has no effect, or not the same from every source", o.key)
		}
	}
}

func TestConfigFileIsNamed(t *testing.T) {
	one, two := writeFile(t, "one", "log_format: json"), writeFile(t, "two", "log_level: warn")
	c, err := load(t, "", []string{"GALLA_CONFIG=" + one}, nil)
	if err != nil || c.LogFormat != "json" {
		t.Errorf("by GALLA_CONFIG: %+v, %v", c, err)
	}
	c, err = load(t, "", []string{"GALLA_CONFIG=" + one}, []string{"--config", two})
	if err != nil || c.LogFormat != "text" || c.LogLevel != slog.LevelWarn {
		t.Errorf("by --config: %+v, %v", c, err)
	}
	if _, err = load(t, "", nil, []string{"--config", "/nowhere/galla.yaml"}); err == nil || !strings.Contains(err.Error(), "/nowhere/galla.yaml") {
		t.Errorf("a file that isn't there: %v", err)
	}
}

func TestDatabaseFile(t *testing.T) {
	path := writeFile(t, "url", "postgres://galla:hush@db/galla\n")
	tests := []struct {
		name          string
		yaml          string
		environ, args []string
		want          Database
		errorHas      string
	}{
		{"alone", "", []string{"GALLA_DATABASE_FILE=" + path}, nil, "postgres://galla:hush@db/galla", ""},
		{"wins over the file", "database: sqlite:x.db", []string{"GALLA_DATABASE_FILE=" + path}, nil, "postgres://galla:hush@db/galla", ""},
		{"loses against a flag", "", []string{"GALLA_DATABASE_FILE=" + path}, []string{"--database", "sqlite:x.db"}, "sqlite:x.db", ""},
		{"both", "", []string{"GALLA_DATABASE_FILE=" + path, "GALLA_DATABASE=sqlite:x"}, nil, "", "GALLA_DATABASE and GALLA_DATABASE_FILE exclude each other"},
		{"missing", "", nil, []string{"--database-file", path + "x"}, "", "--database-file: open " + path + "x"},
		{"nothing in it", "", nil, []string{"--database-file", os.DevNull}, "", "expected sqlite:PATH"},
		{"too long", "", nil, []string{"--database-file", writeFile(t, "long", strings.Repeat("x", 5000))}, "", "longer than 4096 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := load(t, tt.yaml, tt.environ, tt.args)
			if tt.errorHas == "" && (err != nil || c.Database != tt.want) {
				t.Errorf("Load = %v, %v", c.Database, err)
			}
			if tt.errorHas != "" && (err == nil || !strings.Contains(err.Error(), tt.errorHas)) {
				t.Errorf("Load = %v; want %q", err, tt.errorHas)
			}
		})
	}
}

func TestErrors(t *testing.T) {
	tests := []struct {
		name          string
		yaml          string
		environ, args []string
		errorHas      string
	}{
		{"unknown variable", "", []string{"GALLA_LISTEM=:1"}, nil, "GALLA_LISTEM is not a setting (did you mean GALLA_LISTEN?)"},
		{"unknown in the file", "lisen: ':1'", nil, nil, "galla.yaml: lisen is not a setting (did you mean "},
		{"nothing like it", "colour: red", nil, nil, "colour is not a setting"},
		{"a flag's spelling in the file", "admin-listen: ':1'", nil, nil, "admin_listen?)"},
		{"nested", "listen:\n  port: '1'", nil, nil, "listen.port is not a setting"},
		{"number", "default_merchant: 0123", nil, nil, "default_merchant: must be text"},
		{"number in a list", "trusted_proxies: [1]", nil, nil, "trusted_proxies: every item of the list must be text"},
		{"given twice", "listen: ':1'\nlisten: ':2'", nil, nil, "already defined"},
		{"no YAML", "listen: [", nil, nil, "config file"},
		{"unknown engine", "", []string{"GALLA_DATABASE=mysql://root:hush@x"}, nil, "GALLA_DATABASE: expected sqlite:PATH or postgres://"},
		{"no path", "", nil, []string{"--database", "sqlite:"}, "--database: expected sqlite:PATH"},
		{"no port", "", nil, []string{"--listen", "localhost"}, `--listen: "localhost" is not an address and port`},
		{"big port", "", nil, []string{"--listen", ":65536"}, `--listen: ":65536"`},
		{"named port", "", nil, []string{"--listen", ":http"}, `--listen: ":http"`},
		{"one port for both", "", nil, []string{"--listen", ":1", "--admin-listen", ":1"}, "--admin-listen: must differ"},
		{"base without scheme", "", nil, []string{"--base-url", "pay.example"}, "--base-url: "},
		{"base of another scheme", "", nil, []string{"--base-url", "ftp://pay.example"}, "http://"},
		{"base without host", "", nil, []string{"--base-url", "http://:80"}, "names no host"},
		{"base with a path", "", nil, []string{"--base-url", "https://pay.example/x"}, "scheme, host"},
		{"base with a user", "", nil, []string{"--base-url", "https://u:hush@pay.example"}, "scheme, host"},
		{"base with a query", "", nil, []string{"--base-url", "https://pay.example?"}, "scheme, host"},
		{"bad CIDR", "", []string{"GALLA_POSTBACK_ALLOW=127.0.0.0/8,10.0.0.0/33"}, nil, `GALLA_POSTBACK_ALLOW: "10.0.0.0/33" is not a CIDR`},
		{"bits behind the mask", "trusted_proxies: 10.0.0.1/8", nil, nil, "10.0.0.0/8 is meant, or 10.0.0.1"},
		{"log format", "", nil, []string{"--log-format", "xml"}, `--log-format: "xml"`},
		{"log level", "log_level: INFO", nil, nil, `log_level: "INFO"`},
		{"two at once", "", nil, []string{"--log-level", "x", "--listen", "y"}, "--log-level"},
		{"the other of two", "", nil, []string{"--log-level", "x", "--listen", "y"}, "--listen"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := load(t, tt.yaml, tt.environ, tt.args)
			if err == nil || !strings.Contains(err.Error(), tt.errorHas) {
				t.Fatalf("Load = %v; want %q", err, tt.errorHas)
			}
			if strings.Contains(err.Error(), "hush") {
				t.Errorf("the error shows a password: %v", err)
			}
		})
	}
}

func TestBaseURL(t *testing.T) {
	tests := map[string]string{
		"https://Pay.Example": "pay.example", "https://pay.example/": "pay.example", "https://pay.example:443": "pay.example",
		"http://pay.example:80/": "pay.example", "http://pay.example:443": "pay.example:443", "http://[::1]:8080": "[::1]:8080",
		"http://[::1]": "[::1]", "http://pay.example:": "pay.example",
	}
	for text, host := range tests {
		c, err := load(t, "", nil, []string{"--base-url", text})
		if err != nil || c.BaseHost() != host {
			t.Errorf("%s: host %q, %v; want %q", text, c.BaseHost(), err, host)
		}
	}
}

// Only an installation that is itself at an http address of this machine sends payers to such ones.
func TestLocalHTTP(t *testing.T) {
	for text, want := range map[string]bool{
		"http://localhost:8080": true, "http://127.0.0.1": true, "http://[::1]:8080": true, "http://shop.localhost:8080": true,
		"https://localhost:8080": false, "http://pay.example": false, "http://10.0.0.1": false, "https://pay.example": false,
	} {
		c, err := load(t, "", nil, []string{"--base-url", text})
		if err != nil || c.LocalHTTP() != want {
			t.Errorf("%s: %v, %v; want %v", text, c.LocalHTTP(), err, want)
		}
	}
}

func TestKeyFileBesideTheDatabase(t *testing.T) {
	tests := []struct{ database, keyFile, want string }{
		{"sqlite:/var/lib/galla/books.db", "", "/var/lib/galla/books.key"},
		{"sqlite:books", "", "books.key"},
		{"sqlite:books.db", "/etc/galla.key", "/etc/galla.key"},
		{"postgres://h/d", "", ""},
		{"postgres://h/d", "/etc/galla.key", "/etc/galla.key"},
	}
	for _, tt := range tests {
		c, err := load(t, "", nil, []string{"--database", tt.database, "--key-file", tt.keyFile})
		if err != nil || c.KeyFile != tt.want {
			t.Errorf("%s: key file %q, %v; want %q", tt.database, c.KeyFile, err, tt.want)
		}
	}
}

func TestSampleIsTheDefault(t *testing.T) {
	if c, err := load(t, Sample(), nil, nil); err != nil || equal(c, atDefault) != "" {
		t.Errorf("the sample as it is: %v, %s", err, equal(c, atDefault))
	}
	open := regexp.MustCompile(`(?m)^#(\w+: ".*")$`).ReplaceAllString(Sample(), "$1")
	open = strings.Replace(open, `database_file: ""`, "", 1)
	if strings.Count(open, "\n#") == strings.Count(Sample(), "\n#") {
		t.Fatal("no setting was opened")
	}
	if c, err := load(t, open, nil, nil); err != nil || equal(c, atDefault) != "" {
		t.Errorf("every line opened: %v, %s", err, equal(c, atDefault))
	}
}

func TestDatabasePrintsWithoutSecrets(t *testing.T) {
	tests := map[Database]string{
		"sqlite:./data/galla.db":                           "sqlite:./data/galla.db",
		"postgres://galla:hush@db:5432/galla":              "postgres://galla:***@db:5432/galla",
		"postgresql://galla@db/galla":                      "postgresql://galla@db/galla",
		"postgres://db/galla?user=x&password=hush":         "postgres://db/galla?***",
		"postgres://galla:hu:sh@db/galla?sslpassword=hush": "postgres://galla:***@db/galla?***",
		"postgres://galla:hush%zz@db/galla":                "postgres:***",
		"postgres:///galla?host=/run&password=hush":        "postgres:***",
		"postgres://galla:@db/galla":                       "postgres://galla:***@db/galla",
		"postgres://galla%40x:hush@one,two/galla#hushhush": "postgres://galla%40x:***@one,two/galla",
	}
	for d, want := range tests {
		if d.String() != want {
			t.Errorf("String = %s, want %s", d, want)
		}
		if d.Reveal() != string(d) {
			t.Error("Reveal doesn't return the value")
		}
		c := Config{Database: d}
		asJSON, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		var logged bytes.Buffer
		slog.New(slog.NewJSONHandler(&logged, nil)).Info("config.loaded", "config", c, "database", d)
		slog.New(slog.NewTextHandler(&logged, nil)).Info("config.loaded", "config", c, "database", d)
		for _, printed := range []string{fmt.Sprintf("%v %+v %#v %s %q %x", c, c, c, d, d, d), string(asJSON), logged.String()} {
			if strings.Contains(printed, "hu") || strings.Contains(printed, "6875") {
				t.Errorf("printed %s", printed)
			}
		}
	}
}

func FuzzParsePrefixes(f *testing.F) {
	for _, seed := range []string{"", "127.0.0.0/8", "10.0.0.1", "::1, 2001:db8::/32", "10.0.0.1/8", "::ffff:10.0.0.0/104", "fe80::1%eth0", "fe80::%eth0/10", ",,", "0/0"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		list, err := ParsePrefixes(text)
		if err != nil {
			return
		}
		var back []string
		for _, p := range list {
			if !p.IsValid() || p != p.Masked() || p.Addr().Is4In6() || !p.Contains(p.Addr()) {
				t.Fatalf("%q gave %v", text, p)
			}
			back = append(back, p.String())
		}
		again, err := ParsePrefixes(strings.Join(back, ","))
		if err != nil || len(again) != len(list) {
			t.Fatalf("%q printed and read again: %v, %v", text, again, err)
		}
	})
}
