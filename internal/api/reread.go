package api

import (
	"time"

	"github.com/galla-gateway/galla/internal/evidence"
	"github.com/galla-gateway/galla/internal/gateway"
)

// Reread reads stored bytes of a source again with the directory's present senders and templates, for
// gateway.RetryEvidence.
func Reread(directory *gateway.Directory) gateway.Reread {
	return func(source *gateway.Source, raw []byte, receivedAt time.Time) (gateway.EvidenceItem, bool) {
		o, err := newObserver(directory, source, receivedAt)
		if err != nil {
			return gateway.EvidenceItem{}, false
		}
		message, ok := evidence.DecodeStored(source.Kind, raw, receivedAt)
		if !ok {
			return gateway.EvidenceItem{}, false
		}
		return o.message(message, directory.Senders.Read(message, receivedAt)), true
	}
}
