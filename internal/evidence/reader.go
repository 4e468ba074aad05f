package evidence

import "time"

// SenderHeader is an SMS header that the operator declares to belong to a bank (`galla sender add HEADER --bank NAME`).
type SenderHeader struct {
	Header string // "HDFCBK", without operator prefix and suffix
	Bank   string
}

// Reader reads messages with the templates of every bank. It is immutable and safe for concurrent use.
type Reader struct{}

// NewReader builds a Reader from the banks' own headers and the operator's extra ones.
func NewReader(extra []SenderHeader) *Reader { return &Reader{} }

// Read decides what a message is. now stands in for a message without received time.
func (r *Reader) Read(m Message, now time.Time) Reading { return Reading{} }
