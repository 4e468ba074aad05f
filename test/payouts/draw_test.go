package payouts

import (
	"encoding/binary"
	"hash/fnv"
)

// draw returns a number below n that the seed and the words decide, and nothing else.
func draw(n uint64, words ...string) uint64 {
	h := fnv.New64a()
	_ = binary.Write(h, binary.LittleEndian, uint64(seed)) // never fails
	for _, word := range words {
		_, _ = h.Write([]byte(word + "\x00"))
	}
	x := h.Sum64()
	for range 2 { // the last byte hardly moves the high bits of an FNV sum; this does
		x ^= x >> 30
		x *= 0xbf58476d1ce4e5b9
		x ^= x >> 27
	}
	return x % n
}

// share is how many of a thousand something is.
type share[K ~string] struct {
	kind K
	of   uint64
}

// choose takes one of the kinds by their shares, "" with what is left of a thousand.
func choose[K ~string](drawn uint64, shares []share[K]) K {
	for _, s := range shares {
		if drawn < s.of {
			return s.kind
		}
		drawn -= s.of
	}
	return ""
}
