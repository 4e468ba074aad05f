// Package wire is what the rails of providers share: a way to the provider over HTTPS that ends in time and follows
// nobody, secrets that print as ***, and what of an answer's text may be kept.
package wire

import (
	"fmt"
	"io"
	"log/slog"
)

// hidden is printed wherever a Secret would be.
const hidden = "***"

// Secret is a text that must not reach any output by accident: fmt, slog, JSON and text encoders print ***. Only Reveal
// gives it away. Package keyring has the like, which a rail may not import: a rail has no business with keys.
//
// fmt reads unexported fields by reflection and asks no method there, so whatever keeps a Secret in one has a Format of
// its own.
type Secret string

// Reveal returns the text itself.
func (s Secret) Reveal() string { return string(s) }

// Format prints *** for every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hidden) }

// String returns ***.
func (s Secret) String() string { return hidden }

// LogValue is *** in every slog handler.
func (s Secret) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText writes *** (JSON, YAML, XML).
func (s Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }
