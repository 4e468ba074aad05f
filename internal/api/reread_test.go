package api

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/galla-gateway/galla/internal/evidence"
	"github.com/galla-gateway/galla/internal/gateway"
)

// What is stored of a message is enough to read it again, whichever app brought it, and with the same result.
func TestRereadStoredMessages(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		text := strings.ReplaceAll(hdfcText, `\n`, " ")
		for kind, body := range map[evidence.SourceKind]string{
			evidence.SourceSMS:        message("VM-HDFCBK-S", text),
			evidence.SourceIncomeSMS:  `{"from":"VM-HDFCBK-S","text":"` + text + `","sentStamp":1795341598000,"receivedStamp":1795341600000,"sim":"sim1"}`,
			evidence.SourceSMSGate:    `{"event":"sms:received","payload":{"sender":"VM-HDFCBK-S","message":"` + text + `","receivedAt":"2026-11-22T10:00:00Z"}}`,
			evidence.SourceSMSForward: "from=VM-HDFCBK-S&content=" + strings.ReplaceAll(text, " ", "+") + "&timestamp=1795341600000",
		} {
			w.evidence(messagesPath, kind, body)
		}
		reread := Reread(w.g.Directory())
		rows, err := w.g.Store().ReadPool().Query("SELECT source_id, raw, fingerprint FROM evidence")
		must(t, err)
		defer rows.Close()
		read := 0
		for rows.Next() {
			var sourceID int64
			var raw, fingerprint []byte
			must(t, rows.Scan(&sourceID, &raw, &fingerprint))
			source, _ := w.g.Directory().Source(sourceID)
			item, ok := reread(source, raw, w.clock.Now())
			if !ok || item.Number != "526830463424" || hex.EncodeToString(item.Fingerprint[:]) != hex.EncodeToString(fingerprint) {
				t.Errorf("%s of a source of kind %s is read again as %+v", raw, source.Kind, item)
			}
			read++
		}
		must(t, rows.Err())
		if read != 4 {
			t.Errorf("%d items are stored, want 4", read)
		}
		sms, _ := w.g.Directory().Source(w.sources[evidence.SourceSMS])
		for _, broken := range []string{"", "7", "{}", "[]", "[" + message("A", "b") + "," + message("A", "c") + "]"} {
			if item, ok := reread(sms, []byte(broken), w.clock.Now()); ok {
				t.Errorf("%q is read again as %+v", broken, item)
			}
		}
		if _, ok := reread(&gateway.Source{ID: 99, AccountID: 99, Kind: evidence.SourceSMS}, []byte(message("A", "b")), w.clock.Now()); ok {
			t.Error("evidence of an account that isn't there was read")
		}
	})
}
