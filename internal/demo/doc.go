// Package demo runs Galla together with an invented world (package sim): one merchant with a shop, wallets, phones that
// forward bank messages, and payers. Run keeps it open for a person to try; Once plays one deposit of every outcome,
// tells it as a story and checks it.
//
// Its database lies in a temporary folder, is marked as simulated, which no live server opens, and goes at the end.
package demo

import (
	"io"
	"log/slog"
	"time"

	"github.com/galla-gateway/galla/internal/sim"
)

// Options of Run and Once. Out and Now are required.
type Options struct {
	Out    io.Writer
	Color  bool // Out shows ANSI colours
	Now    func() time.Time
	Logger *slog.Logger // of the server; nil discards
	Seed   uint64       // of everything that varies
	// Command is how the person calls galla, for the lines to try.
	Command string

	// changeKeys lets a test give the merchant other keys than Galla has.
	changeKeys func(*sim.Keys)
}

// Notice stands on top of everything that the demo prints.
const Notice = "SIMULATION — no real money. Wallets, banks, phones and payers are invented; only Galla is real."
