package bankfile

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/galla-gateway/galla/internal/payout"
)

// What fits alone and has room together can be written; what doesn't, can't.
func TestFitsAndRoom(t *testing.T) {
	own := template(t, "generic")
	own.Upload.MaxRows, own.Upload.MaxAmount, own.Upload.MaxTotal = 3, "2000", "3000"
	for what, change := range map[string]func(*payout.Instruction){
		"a payment may be":       func(i *payout.Instruction) { i.Amount.Minor = 2000_01 },
		"rupees above zero":      func(i *payout.Instruction) { i.Amount.Minor = 0 },
		"account number":         func(i *payout.Instruction) { i.AccountNumber = "12345678" },
		"letters and spaces":     func(i *payout.Instruction) { i.AccountName = "=1+1" },
		"the IFSC":               func(i *payout.Instruction) { i.IFSC = "IFCS1234567" },
		"capital letters and di": func(i *payout.Instruction) { i.Reference = "GL-1" },
	} {
		batch := testBatch(1)
		change(&batch.Items[0])
		err := own.Fits(batch.Items[0])
		if err == nil || !strings.Contains(err.Error(), what) || strings.Contains(err.Error(), batch.Items[0].AccountNumber) {
			t.Errorf("%s: %v", what, err)
		}
		if err := own.Write(io.Discard, CSV, batch); !errors.Is(err, ErrBatch) {
			t.Errorf("%s: written all the same: %v", what, err)
		}
	}
	if one := testBatch(1); own.Fits(one.Items[0]) != nil || own.Room(one.Items) != 1 {
		t.Error("what can be written doesn't fit")
	}
	batch := testBatch(4) // of about 1218 rupees each
	for what, want := range map[string]struct {
		total string
		rows  int
		room  int
	}{"total": {"3000", 4, 2}, "rows": {"", 3, 3}, "neither": {"", 4, 4}, "nothing": {"1000", 4, 0}} {
		own.Upload.MaxTotal, own.Upload.MaxRows = want.total, want.rows
		if got := own.Room(batch.Items); got != want.room {
			t.Errorf("%s: room for %d, want %d", what, got, want.room)
		}
		some := batch
		for n := 1; n <= 4; n++ {
			some.Items = slices.Clone(batch.Items[:n])
			if err := own.Write(io.Discard, CSV, some); (err == nil) != (n <= want.room) {
				t.Errorf("%s: %d payments: %v", what, n, err)
			}
		}
	}
}
