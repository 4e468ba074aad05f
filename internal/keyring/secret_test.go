package keyring

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"testing"
)

func TestSecretHides(t *testing.T) {
	const text = "galla_api_hush"
	s := Secret(text)
	type holder struct {
		Key  Secret
		List []Secret
		Map  map[string]*Secret
	}
	h := holder{s, []Secret{s}, map[string]*Secret{"k": &s}}

	var printed []string
	for _, verb := range "vsdqxXeEfFgGtbcoOU" {
		for _, flags := range []string{"", "+", "#", "10", "-.2"} {
			printed = append(printed, fmt.Sprintf("%"+flags+string(verb), s), fmt.Sprintf("%"+flags+string(verb), h))
		}
	}
	printed = append(printed, s.String(), fmt.Sprint(s), fmt.Errorf("wrong: %w %v", fmt.Errorf("%s", s), s).Error())

	asJSON, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	asText, err := s.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	var logged bytes.Buffer
	for _, logger := range []*slog.Logger{slog.New(slog.NewTextHandler(&logged, nil)), slog.New(slog.NewJSONHandler(&logged, nil))} {
		logger.Info("key.made", "key", s, "holder", h, slog.Any("pointer", &s))
	}
	printed = append(printed, string(asJSON), string(asText), logged.String())
	for _, p := range printed {
		if strings.Contains(p, "hush") || strings.Contains(p, "68757368") || !strings.Contains(p, hidden) {
			t.Errorf("printed %q", p)
		}
	}
	if s.Reveal() != text {
		t.Error("Reveal doesn't return the text")
	}
	var back Secret
	if err := json.Unmarshal([]byte(`"x"`), &back); err != nil || back.Reveal() != "x" {
		t.Errorf("read from JSON: %q, %v", back.Reveal(), err)
	}
}

func TestTokens(t *testing.T) {
	tests := []struct {
		make    func() string
		pattern string
	}{
		{NewAccessKey, `^[0-9A-Za-z]{30}$`},
		{reveal(NewAPISecret), `^galla_api_[0-9A-Za-z]{40}$`},
		{reveal(NewSourceToken), `^galla_src_[0-9A-Za-z]{40}$`},
		{reveal(NewPostbackKey), `^galla_pbk_[0-9A-Za-z]{40}$`},
		{reveal(NewWithdrawalKey), `^galla_wdk_[0-9A-Za-z]{40}$`},
		{reveal(NewRedirectKey), `^galla_rdk_[0-9A-Za-z]{40}$`},
		{reveal(NewWebhookSecret), `^whsec_[0-9A-Za-z+/]{43}=$`},
		{func() string { return NewAlphanumeric(0) }, `^$`},
		{newLine, `^[0-9a-f]{64}$`},
	}
	for _, tt := range tests {
		one, two := tt.make(), tt.make()
		if !regexp.MustCompile(tt.pattern).MatchString(one) {
			t.Errorf("%q doesn't match %s", one, tt.pattern)
		}
		if one == two && one != "" {
			t.Errorf("%s came twice", one)
		}
	}
}

func reveal(makes func() Secret) func() string {
	return func() string { return makes().Reveal() }
}

// A plain "byte modulo 62" would make the first eight letters a quarter more
// frequent than the others.
func TestNewAlphanumericIsUnbiased(t *testing.T) {
	const n = 620_000
	counts := map[rune]int{}
	for _, r := range NewAlphanumeric(n) {
		counts[r]++
	}
	if len(counts) != 62 {
		t.Fatalf("%d different letters and digits", len(counts))
	}
	for r, count := range counts {
		// 10,000 expected, standard deviation 99: eight of them never happen.
		if count < 9_200 || count > 10_800 {
			t.Errorf("%c came %d times of %d", r, count, n)
		}
	}
}
