package keyring

import (
	"bytes"
	"errors"
	"testing"
)

// FuzzOpen: what wasn't sealed here, for this place, isn't opened, and never panics.
func FuzzOpen(f *testing.F) {
	ring, err := parse(lineA)
	if err != nil {
		f.Fatal(err)
	}
	place := Place("merchant_key", "sealed", 7)
	genuine := ring.Seal([]byte("secret"), place)
	f.Add(genuine, place, uint8(0))
	f.Add(genuine, Place("merchant_key", "sealed", 8), uint8(5))
	f.Add([]byte{1}, "", uint8(1))
	f.Add(append([]byte{2}, genuine[1:]...), place, uint8(9))
	f.Fuzz(func(t *testing.T, sealed []byte, aad string, flip uint8) {
		plain, err := ring.Open(sealed, aad)
		switch {
		case err == nil && !(string(plain) == "secret" && aad == place): // sealed by this or another worker of the fuzzer
			t.Fatalf("%x for %q opens as %q", sealed, aad, plain)
		case err != nil && !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrUnknownKey):
			t.Fatal(err)
		}
		ours := ring.Seal(sealed, aad)
		if back, err := ring.Open(ours, aad); err != nil || !bytes.Equal(back, sealed) {
			t.Fatalf("sealed and opened: %q, %v", back, err)
		}
		ours[int(flip)%len(ours)] ^= 1
		if _, err := ring.Open(ours, aad); err == nil {
			t.Fatal("a changed byte isn't seen")
		}
	})
}
