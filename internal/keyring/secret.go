package keyring

import (
	"fmt"
	"io"
	"log/slog"
)

// hidden is printed wherever a Secret would be.
const hidden = "***"

// Secret is a text that must not reach any output by accident: fmt, slog, JSON
// and text encoders print "***". Only Reveal gives it away, so a search for
// Reveal finds every place that does.
//
// Keep it in exported fields or print it directly: fmt reads unexported fields
// by reflection and asks no method there, and encoding/json does so with the
// keys of a map.
type Secret string

// Reveal returns the text itself.
func (s Secret) Reveal() string { return string(s) }

// Format prints "***" for every verb.
func (s Secret) Format(f fmt.State, _ rune) { io.WriteString(f, hidden) }

// String returns "***".
func (s Secret) String() string { return hidden }

// LogValue is "***" in every slog handler.
func (s Secret) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalJSON writes "***".
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + hidden + `"`), nil }

// MarshalText writes *** (YAML, XML).
func (s Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }
