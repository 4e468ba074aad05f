package api

import (
	"net/http"
	"time"

	"github.com/galla-gateway/galla/internal/evidence"
	"github.com/galla-gateway/galla/internal/gateway"
)

// Reread reads stored bytes of a source again with the directory's present senders and templates, for
// gateway.RetryEvidence. Signatures of the request that brought them aren't there any more and were right then.
func Reread(directory *gateway.Directory) gateway.Reread {
	return func(source *gateway.Source, raw []byte, receivedAt time.Time) (gateway.EvidenceItem, bool) {
		o, err := newObserver(directory, source, receivedAt)
		if err != nil {
			return gateway.EvidenceItem{}, false
		}
		messages, err := evidence.DecodeMessages(source.Kind, "", http.Header{}, raw, source.Token.Reveal(), receivedAt)
		if err != nil || len(messages) != 1 || messages[0].Problem != "" {
			return gateway.EvidenceItem{}, false
		}
		return o.message(messages[0], directory.Senders.Read(messages[0], receivedAt)), true
	}
}
