package postback

import (
	"encoding/binary"
	"hash/crc32"
	"sync"
)

// A packed body is how a postback's body is stored: the exact bytes that every attempt sends, in about a third of their
// length. It begins with one byte that names its form and with the CRC-32C of the body, four bytes, low one first: a
// damaged row must be seen before its bytes are sent, and DEFLATE itself sees hardly any damage. Forms are never changed
// and never taken away: rows of each of them stay for ever.
const (
	// packedPlain: the body follows as it is.
	packedPlain = 0
	// packed1: the body follows as DEFLATE (RFC 1951), with dictionary1 before it.
	packed1 = 1
	// packedHead is the length of what stands before the body, in bytes.
	packedHead = 5
)

// maxPacked is the longest body that is packed, and that a packed one may come to, in bytes. Real ones have about 700. It
// keeps what points back within DEFLATE's window, and a damaged or forged row from unpacking to gigabytes.
const maxPacked = 16 << 10

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Pack returns the form in which a body is stored. The same body always has the same form; a body that packing wouldn't
// make smaller is kept as it is.
func Pack(body []byte) []byte {
	if len(body) <= maxPacked {
		p := packers.Get().(*packer)
		defer packers.Put(p)
		if p.pack(body); len(p.out) < len(body) {
			return append(head(packed1, body, len(p.out)), p.out...)
		}
	}
	return append(head(packedPlain, body, len(body)), body...)
}

func head(form byte, body []byte, size int) []byte {
	packed := append(make([]byte, 0, packedHead+size), form)
	return binary.LittleEndian.AppendUint32(packed, crc32.Checksum(body, castagnoli))
}

// packer writes one block of DEFLATE with its fixed codes. The writers that there are don't fit: compress/flate clears
// 600 KiB before each body, and tables of codes made for 700 bytes take more than they save.
type packer struct {
	window []byte                // the dictionary, then the body
	heads  [1 << hashBits]uint16 // the last place of each three bytes, and one: 0 is none
	before [windowMax]uint16     // of each place, the one before with the same hash, and one
	out    []byte
	bits   uint64 // not in out yet, the low one first
	count  uint   // of these bits
}

const (
	hashBits  = 12
	windowMax = maxPacked + len(dictionary1)
	// shortestMatch and longestMatch are DEFLATE's.
	shortestMatch, longestMatch = 3, 258
	// tried is how many places with the same beginning are compared.
	tried = 32
)

var packers = sync.Pool{New: func() any {
	p := &packer{window: append(make([]byte, 0, windowMax), dictionary1...)}
	p.index(0, len(dictionary1)-shortestMatch+1)
	dictionaryHeads.Do(func() { dictionaryHeads.heads = p.heads })
	return p
}}

// dictionaryHeads are the heads before a body comes.
var dictionaryHeads struct {
	sync.Once
	heads [1 << hashBits]uint16
}

func (p *packer) hash(at int) uint32 {
	w := p.window[at : at+3]
	return (uint32(w[0]) | uint32(w[1])<<8 | uint32(w[2])<<16) * 0x9e3779b1 >> (32 - hashBits)
}

// index makes the places from … until-1 findable.
func (p *packer) index(from, until int) {
	for at := from; at < until; at++ {
		h := p.hash(at)
		p.before[at], p.heads[h] = p.heads[h], uint16(at+1)
	}
}

// longest finds the longest match of what stands at a place with something before it, of those the nearest.
func (p *packer) longest(at int) (length, distance int) {
	limit := min(longestMatch, len(p.window)-at)
	if limit < shortestMatch {
		return 0, 0
	}
	here := p.window[at : at+limit]
	for place, tries := int(p.heads[p.hash(at)]), tried; place > 0 && tries > 0; place, tries = int(p.before[place-1]), tries-1 {
		there := p.window[place-1:]
		if there[length] != here[length] {
			continue // it isn't longer
		}
		n := 0
		for n < limit && here[n] == there[n] {
			n++
		}
		if n > length {
			if length, distance = n, at-place+1; n == limit {
				break
			}
		}
	}
	if length < shortestMatch {
		return 0, 0
	}
	return length, distance
}

func (p *packer) pack(body []byte) {
	p.window = append(p.window[:len(dictionary1)], body...)
	p.heads = dictionaryHeads.heads
	p.out, p.bits, p.count = p.out[:0], 0, 0
	p.put(1|1<<1, 3) // the last block, with fixed codes
	end := len(p.window) - shortestMatch + 1
	at := len(dictionary1)
	// The last places of the dictionary are the first of three bytes only now.
	p.index(at-shortestMatch+1, min(at, end))
	length, distance := p.longest(at)
	for at < len(p.window) {
		p.index(at, min(at+1, end))
		// A byte by itself is worth it if a longer match begins behind it.
		next, nextDistance := 0, 0
		if length < longestMatch {
			next, nextDistance = p.longest(at + 1)
		}
		if length == 0 || next > length+1 {
			p.put(literals[p.window[at]].pair())
			at, length, distance = at+1, next, nextDistance
			continue
		}
		p.match(length, distance)
		p.index(at+1, min(at+length, end))
		at += length
		length, distance = p.longest(at)
	}
	p.put(literals[endOfBlock].pair())
	p.put(0, 7) // the last bits fill a byte
}

// put appends bits, the low one first; whole bytes go out.
func (p *packer) put(bits uint32, count uint) {
	p.bits |= uint64(bits) << p.count
	for p.count += count; p.count >= 8; p.count -= 8 {
		p.out = append(p.out, byte(p.bits))
		p.bits >>= 8
	}
}
