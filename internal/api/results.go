package api

import (
	"encoding/json"
	"strconv"

	"github.com/galla-gateway/galla/internal/gateway"
)

// AppendJSON appends {"results":[…]} (protocol section 8).
func (r results) AppendJSON(b []byte) []byte {
	b = append(b, `{"results":[`...)
	for i := range r.items {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendResult(b, &r.items[i], r.details[i])
	}
	return append(b, "]}"...)
}

// appendResult appends one result. Statuses, reasons, references and currencies are words of ours or checked letters
// and digits, so they need no escapes; a detail may quote what was sent.
func appendResult(b []byte, r *gateway.EvidenceResult, detail string) []byte {
	b = append(b, `{"status":"`...)
	b = append(b, r.Status...)
	switch r.Status {
	case gateway.EvidenceCreated, gateway.EvidenceDuplicate:
		b = append(b, `","transfer_id":`...)
		b = strconv.AppendInt(b, int64(r.TransferID), 10)
		b = append(b, `,"reference":"`...)
		b = append(b, r.Reference...)
		b = append(b, `","amount":"`...)
		b = r.Amount.AppendText(b)
		b = append(b, `","currency":"`...)
		b = append(b, r.Amount.Currency...)
	default:
		b = append(b, `","reason":"`...)
		b = append(b, r.Reason...)
		if detail != "" {
			quoted, err := json.Marshal(detail)
			if err != nil {
				panic(err) // a text always marshals
			}
			b = append(append(b, `","message":`...), quoted...)
			return append(b, '}')
		}
	}
	return append(b, `"}`...)
}
