package evidence

import (
	"crypto/sha256"
	"encoding/binary"
)

// Fingerprint identifies one item of one source, so that a forwarder's retry is recognised: SHA-256 over the source, the
// sender, the text (or the fields of a structured item) and the time exactly as given. Each part is preceded by its
// length, so no two different quadruples have the same input.
func Fingerprint(sourceID int64, sender, textOrFields, givenTime string) [sha256.Size]byte {
	const domain = "galla.evidence.v1"
	input := make([]byte, 0, len(domain)+4*8+len(sender)+len(textOrFields)+len(givenTime))
	input = append(input, domain...)
	input = binary.BigEndian.AppendUint64(input, uint64(sourceID))
	for _, part := range [...]string{sender, textOrFields, givenTime} {
		input = binary.BigEndian.AppendUint64(input, uint64(len(part)))
		input = append(input, part...)
	}
	return sha256.Sum256(input)
}
