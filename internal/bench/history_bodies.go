package bench

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/galla-gateway/galla"
	"github.com/galla-gateway/galla/internal/postback"
)

// bodiesChunk is how many postbacks one statement adds: their bodies stand in its text.
const bodiesChunk = 1000

// checkBody holds bodyOf against what the gateway wrote of the sample: all but the signature must be the same, or what is
// stored of the past wouldn't weigh what real rows do.
func (s *sample) checkBody(real []byte) error {
	var told struct {
		At        string `json:"created_datetime"`
		AccessKey string `json:"access_key"`
	}
	if err := json.Unmarshal(real, &told); err != nil {
		return fmt.Errorf("history: the body of the real deposit: %w", err)
	}
	made := bodyOf(s.payer, s.order, s.number, told.At, told.AccessKey, s.depositID)
	const signed = len(`{"signature":"`) + 40
	if len(made) < signed || len(real) < signed || !bytes.Equal(made[signed:], real[signed:]) {
		return errors.New("history: bodies of the past aren't those of a real deposit: bodyOf has to follow the gateway")
	}
	return nil
}

// bodies is the SQL of the numbers of deposits, k, beside the packed bodies of their postbacks, in hex. They say the same as
// values does.
func (h *history) bodies(p part, from, until int64) string {
	var list strings.Builder
	for k := from + 1; k <= until; k++ {
		n := k + p.first
		o := h.owners[n%int64(len(h.owners))]
		at := galla.FormatTime(time.UnixMicro(p.started+n*historySpacing), o.zone)
		body := bodyOf(string(appendPayer(nil, n)), string(appendScatteredOrder(nil, n+historyUnits)), string(appendNumber(nil, forActivation, n+historyUnits)), at,
			o.accessKey, k+p.deposit)
		if list.Len() > 0 {
			list.WriteString(", ")
		}
		fmt.Fprintf(&list, "(%d, '%s')", k, hex.EncodeToString(postback.Pack(body)))
	}
	return "(SELECT CAST(column1 AS bigint) AS k, column2 AS packed FROM (VALUES " + list.String() + ") AS v) AS s"
}
