package postback

import "math/bits"

// The fixed codes of DEFLATE (RFC 1951, 3.2.5 and 3.2.6).

// The codes behind those of the 256 bytes.
const (
	endOfBlock  = 256
	firstLength = 257 // of the lengths
)

// code is a Huffman code, its first bit lowest, as it goes out.
type code struct {
	bits  uint32
	count uint
}

func (c code) pair() (uint32, uint) { return c.bits, c.count }

// literals are the codes of bytes, of the end of the block and of lengths.
var literals = func() (list [288]code) {
	for i := range list {
		first, from, count := 0x30, 0, uint(8)
		switch {
		case i >= 280:
			first, from = 0xc0, 280
		case i >= 256:
			first, from, count = 0, 256, 7
		case i >= 144:
			first, from, count = 0x190, 144, 9
		}
		list[i] = code{bits.Reverse32(uint32(first+i-from)) >> (32 - count), count}
	}
	return list
}()

// match puts that so many bytes are those that stand so far before. Both numbers are told by their highest bits, which are a
// code, and by the rest of their bits behind it.
func (p *packer) match(length, distance int) {
	symbol, extra, count := firstLength+length-3, 0, uint(0)
	switch n := length - 3; {
	case length == longestMatch:
		symbol = firstLength + 28
	case n >= 8:
		count = uint(bits.Len(uint(n))) - 3
		symbol, extra = firstLength+4*int(count)+n>>count, n&(1<<count-1)
	}
	p.put(literals[symbol].pair())
	p.put(uint32(extra), count)
	n := distance - 1
	symbol, extra, count = n, 0, 0
	if n >= 4 {
		count = uint(bits.Len(uint(n))) - 2
		symbol, extra = 2*int(count)+n>>count, n&(1<<count-1)
	}
	p.put(bits.Reverse32(uint32(symbol))>>(32-5), 5)
	p.put(uint32(extra), count)
}
