package keyring

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// Two keys that stand in no file but this one.
const (
	lineA = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
	lineB = "1f1e1d1c1b1a191817161514131211100f0e0d0c0b0a09080706050403020100"
)

func ringOf(t testing.TB, lines ...string) *Keyring {
	t.Helper()
	ring, err := parse(strings.Join(lines, "\n") + "\n")
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

// What is in databases must open for ever: these values come from the first
// version and may not change.
func TestStoredFormatsStay(t *testing.T) {
	ring := ringOf(t, lineA)
	if got, want := ring.ID(), "c9121a2df0a6"; got != want {
		t.Errorf("ID = %s, want %s", got, want)
	}
	if got, want := ring.CheckValue(), "v1:c9121a2df0a6:6a3a667976e259a9d4dc30c6c7de96d158240393798035de99b0c98156b969fc"; got != want {
		t.Errorf("CheckValue = %s, want %s", got, want)
	}
	hash := ring.Hash("api_secret", "galla_api_x")
	if got, want := hex.EncodeToString(hash[:]), "11b225a56b4ad208bffbffe69f48b34e6273d759c7cac563912876236b068383"; got != want {
		t.Errorf("Hash = %s, want %s", got, want)
	}
	sealed, err := hex.DecodeString("01c9121a2df0a6ee3234da062b2c3f3ef1ddb4e20455347cd6b6dfec7b56f7549c96420f803bb5893c6504d3b96ac3fac54bb8")
	if err != nil {
		t.Fatal(err)
	}
	plain, err := ring.Open(sealed, Place("merchant_key", "secret", 7))
	if err != nil || string(plain) != "test_private_key" {
		t.Errorf("Open = %q, %v", plain, err)
	}
}

func TestSealOpen(t *testing.T) {
	ring := ringOf(t, lineA, lineB)
	rapid.Check(t, func(t *rapid.T) {
		plain := rapid.SliceOf(rapid.Byte()).Draw(t, "plain")
		aad := rapid.String().Draw(t, "aad")
		sealed := ring.Seal(plain, aad)
		got, err := ring.Open(sealed, aad)
		if err != nil || !bytes.Equal(got, plain) {
			t.Fatalf("Open = %x, %v; want %x", got, err, plain)
		}
		if len(plain) >= 8 && bytes.Contains(sealed, plain) {
			t.Fatal("the sealed value shows the plain one")
		}
		if bytes.Equal(sealed, ring.Seal(plain, aad)) {
			t.Fatal("two seals of one value are equal: the nonce repeats")
		}
		if _, err := ring.Open(sealed, aad+"x"); !errors.Is(err, ErrDamaged) {
			t.Fatalf("opened at another place: %v", err)
		}
	})
}

func TestOpenRefusesEveryChangedByte(t *testing.T) {
	ring := ringOf(t, lineA)
	sealed := ring.Seal([]byte("private"), "t|c|1")
	for i := range sealed {
		changed := bytes.Clone(sealed)
		changed[i] ^= 1
		if plain, err := ring.Open(changed, "t|c|1"); err == nil {
			t.Errorf("byte %d changed and it opened: %q", i, plain)
		}
	}
	for n := range sealed {
		if _, err := ring.Open(sealed[:n], "t|c|1"); err == nil {
			t.Errorf("cut to %d bytes and it opened", n)
		}
	}
}

func TestOlderKeysOpenAndMatch(t *testing.T) {
	old, rotated, other := ringOf(t, lineA), ringOf(t, lineB, lineA), ringOf(t, lineB)
	sealed := old.Seal([]byte("private"), "t|c|1")
	if plain, err := rotated.Open(sealed, "t|c|1"); err != nil || string(plain) != "private" {
		t.Errorf("Open = %q, %v", plain, err)
	}
	if !rotated.NeedsReseal(sealed) || old.NeedsReseal(sealed) {
		t.Error("NeedsReseal: want true after the rotation and false before")
	}
	if rotated.NeedsReseal(rotated.Seal(nil, "")) {
		t.Error("NeedsReseal is true for what the newest key sealed")
	}
	if !rotated.NeedsReseal(nil) {
		t.Error("NeedsReseal is false for no envelope")
	}
	_, err := other.Open(sealed, "t|c|1")
	if !errors.Is(err, ErrUnknownKey) || !strings.Contains(err.Error(), old.ID()) || !strings.Contains(err.Error(), other.ID()) {
		t.Errorf("Open with another ring: %v; want ErrUnknownKey with both ids", err)
	}

	hashes := rotated.Hashes("api_secret", "s")
	if len(hashes) != 2 || hashes[0] != rotated.Hash("api_secret", "s") || hashes[1] != old.Hash("api_secret", "s") {
		t.Error("Hashes: want the newest key's first, then the old one's")
	}
	if ids := rotated.IDs(); len(ids) != 2 || ids[0] != rotated.ID() || ids[1] != old.ID() {
		t.Errorf("IDs = %v", ids)
	}
}

func TestHashKeepsUsesApart(t *testing.T) {
	ring := ringOf(t, lineA)
	seen := map[[32]byte]string{}
	for _, in := range [][2]string{{"a", "bc"}, {"ab", "c"}, {"", "abc"}, {"abc", ""}, {"a", "bc\x00"}} {
		hash := ring.Hash(in[0], in[1])
		if other, twice := seen[hash]; twice {
			t.Errorf("%q hashes like %q", in, other)
		}
		seen[hash] = in[0] + "," + in[1]
	}
}

func TestVerify(t *testing.T) {
	a, b, rotated := ringOf(t, lineA), ringOf(t, lineB), ringOf(t, lineB, lineA)
	tests := []struct {
		name  string
		ring  *Keyring
		check string
		ok    bool
	}{
		{"same key", a, a.CheckValue(), true},
		{"older key of a rotation", rotated, a.CheckValue(), true},
		{"newest key of a rotation", rotated, rotated.CheckValue(), true},
		{"another key", b, a.CheckValue(), false},
		{"old file after the rotation", a, rotated.CheckValue(), false},
		{"right id, wrong proof", a, a.CheckValue()[:len(a.CheckValue())-1] + "x", false},
		{"empty", a, "", false},
		{"not ours", a, "v9:zz", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.ring.Verify(tt.check)
			if tt.ok != (err == nil) {
				t.Fatalf("Verify = %v", err)
			}
			if err != nil && (!errors.Is(err, ErrOtherKey) || !strings.Contains(err.Error(), tt.ring.ID())) {
				t.Errorf("Verify = %v; want ErrOtherKey that names %s", err, tt.ring.ID())
			}
		})
	}
	if err := b.Verify(a.CheckValue()); !strings.Contains(err.Error(), a.ID()) || !strings.Contains(err.Error(), b.ID()) {
		t.Errorf("%v: want both key ids", err)
	}
}

func TestPlace(t *testing.T) {
	if got := Place("merchant_key", "secret", 42); got != "merchant_key|secret|42" {
		t.Error(got)
	}
}

func BenchmarkHash(b *testing.B) {
	ring := ringOf(b, lineA)
	b.ReportAllocs()
	for b.Loop() {
		ring.Hash("api_secret", "galla_api_0123456789012345678901234567890123456789")
	}
}
