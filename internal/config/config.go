// Package config reads what the process needs to start: flags, the GALLA_*
// environment and one YAML file, which all know the same settings. What the
// business needs (merchants, wallets, limits) is data and not here.
package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/galla-gateway/galla"
)

// Config is what Load returns, checked and with defaults filled in. It is safe
// to print.
type Config struct {
	Database        Database
	Listen          string // host:port of the public server
	AdminListen     string // host:port of the admin server
	BaseURL         string // http or https, host, maybe port; no path
	KeyFile         string // "" only on PostgreSQL when none is configured
	DefaultMerchant string // slug or ""
	TrustedProxies  []netip.Prefix
	PostbackAllow   []netip.Prefix
	// PostbackConcurrency and PostbackRate (a second, 0: no limit) bound the postback requests of this process.
	PostbackConcurrency, PostbackRate int

	LogFormat string // "text" or "json"
	LogLevel  slog.Level
}

// BaseHost is the host of BaseURL, with its port if it has one.
func (c Config) BaseHost() string {
	_, host, _ := strings.Cut(c.BaseURL, "://")
	return host
}

// LocalHTTP allows http addresses of this machine where the installation itself has one: for tries and demos.
func (c Config) LocalHTTP() bool {
	return strings.HasPrefix(c.BaseURL, "http://") && galla.CheckRedirectURL(c.BaseURL, true) == nil
}

// Database is a GALLA_DATABASE value. It prints without its password.
type Database string

// Reveal returns the value with its password, as store.Open takes it.
func (d Database) Reveal() string { return string(d) }

// String returns the value with *** for what may be secret.
func (d Database) String() string {
	text := string(d)
	scheme, _, _ := strings.Cut(text, ":")
	if scheme == "sqlite" {
		return text
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return scheme + ":***"
	}
	user := ""
	if u.User != nil {
		user = url.User(u.User.Username()).String()
		if _, has := u.User.Password(); has {
			user += ":***"
		}
		user += "@"
	}
	// Options of the driver can carry secrets too: passwords, key files.
	query := ""
	if u.RawQuery != "" {
		query = "?***"
	}
	return u.Scheme + "://" + user + u.Host + u.EscapedPath() + query
}

// Format prints String for every verb.
func (d Database) Format(f fmt.State, _ rune) { fmt.Fprint(f, d.String()) }

// LogValue is String in every slog handler.
func (d Database) LogValue() slog.Value { return slog.StringValue(d.String()) }

// MarshalText writes String (JSON, YAML).
func (d Database) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// values are the settings as text, by key.
type values map[string]string

// check turns text into a Config. An error starts with the key it is about.
func (v values) check() (Config, error) {
	c := Config{
		Database: Database(v["database"]), Listen: v["listen"], AdminListen: v["admin_listen"],
		KeyFile: v["key_file"], DefaultMerchant: v["default_merchant"], LogFormat: v["log_format"],
	}
	var errs []error
	wrong := func(key string, err error) {
		if err != nil {
			errs = append(errs, &settingError{key, err})
		}
	}
	wrong("database", checkDatabase(string(c.Database)))
	wrong("listen", checkListen(c.Listen))
	wrong("admin_listen", checkListen(c.AdminListen))
	if c.Listen == c.AdminListen && !strings.HasSuffix(c.Listen, ":0") {
		wrong("admin_listen", errors.New("must differ from listen: metrics are not for the public"))
	}
	var err error
	c.BaseURL, err = parseBaseURL(v["base_url"])
	wrong("base_url", err)
	c.TrustedProxies, err = ParsePrefixes(v["trusted_proxies"])
	wrong("trusted_proxies", err)
	c.PostbackAllow, err = ParsePrefixes(v["postback_allow"])
	wrong("postback_allow", err)
	c.PostbackConcurrency, err = parseNumber(v["postback_concurrency"], 1, maxPostbackConcurrency)
	wrong("postback_concurrency", err)
	c.PostbackRate, err = parseNumber(v["postback_rate"], 0, maxPostbackRate)
	wrong("postback_rate", err)
	if c.LogFormat != "text" && c.LogFormat != "json" {
		wrong("log_format", fmt.Errorf("%q is not text or json", c.LogFormat))
	}
	c.LogLevel, err = parseLevel(v["log_level"])
	wrong("log_level", err)
	if path, ok := strings.CutPrefix(string(c.Database), "sqlite:"); ok && c.KeyFile == "" {
		c.KeyFile = strings.TrimSuffix(path, filepath.Ext(path)) + ".key"
	}
	return c, errors.Join(errs...)
}

// settingError is a wrong value of the setting key.
type settingError struct {
	key string
	err error
}

func (e *settingError) Error() string { return e.key + ": " + e.err.Error() }
func (e *settingError) Unwrap() error { return e.err }

// checkDatabase never repeats the value: it may hold a password. What the
// engine needs beyond the scheme is judged where the database is opened.
func checkDatabase(text string) error {
	for _, scheme := range []string{"sqlite:", "postgres://", "postgresql://"} {
		if rest, ok := strings.CutPrefix(text, scheme); ok && rest != "" {
			return nil
		}
	}
	return errors.New("expected sqlite:PATH or postgres://USER:PASSWORD@HOST/NAME")
}

func checkListen(text string) error {
	_, port, err := net.SplitHostPort(text)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return fmt.Errorf("%q is not an address and port, such as 127.0.0.1:8080 or :8080", text)
	}
	return nil
}

func parseBaseURL(text string) (string, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return "", fmt.Errorf("%q can't be read as a URL", text)
	case u.Scheme != "http" && u.Scheme != "https":
		return "", fmt.Errorf("%q must start with http:// or https://", text)
	case u.Hostname() == "":
		return "", fmt.Errorf("%q names no host", text)
	case u.User != nil, u.Path != "" && u.Path != "/", u.RawQuery != "", u.ForceQuery, u.Fragment != "":
		return "", errors.New("must be scheme, host and maybe port alone, such as https://pay.example.com")
	}
	host := strings.ToLower(u.Host)
	if port, usual := u.Port(), map[string]string{"http": "80", "https": "443"}[u.Scheme]; port == usual || port == "" {
		host = strings.TrimSuffix(host, ":"+port)
	}
	return u.Scheme + "://" + host, nil
}

// ParsePrefixes reads a comma list of CIDRs and single addresses. Bits behind
// the mask are an error, because either the address or the mask is a slip.
func ParsePrefixes(text string) ([]netip.Prefix, error) {
	var list []netip.Prefix
	for part := range strings.SplitSeq(text, ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		prefix, err := netip.ParsePrefix(part)
		if addr, addrErr := netip.ParseAddr(part); addrErr == nil && addr.Zone() == "" {
			prefix, err = netip.PrefixFrom(addr, addr.BitLen()), nil
		}
		switch {
		case err != nil:
			return nil, fmt.Errorf("%q is not a CIDR, such as 10.0.0.0/8", part)
		case prefix.Addr().Is4In6():
			return nil, fmt.Errorf("%q: write the IPv4 address itself", part)
		case prefix != prefix.Masked():
			return nil, fmt.Errorf("%q has bits behind its mask: %v is meant, or %v", part, prefix.Masked(), prefix.Addr())
		}
		list = append(list, prefix)
	}
	return list, nil
}

// Bounds of settings.
const (
	maxPostbackConcurrency = 10_000
	maxPostbackRate        = 100_000
)

func parseNumber(text string, least, most int) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		return 0, fmt.Errorf("%q is not a number from %d to %d", text, least, most)
	}
	return n, nil
}

func parseLevel(text string) (slog.Level, error) {
	switch text {
	case "debug":
		return slog.LevelDebug, nil
	case "info":
		return slog.LevelInfo, nil
	case "warn":
		return slog.LevelWarn, nil
	case "error":
		return slog.LevelError, nil
	}
	return 0, fmt.Errorf("%q is not debug, info, warn or error", text)
}
