// Command galla is the whole product: the server, the demo, and the commands by which an operator keeps it.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

// commands make every command, in the order of the help. A new command is a file cmd_<name>.go and a line here.
var commands = []func(*app) *cobra.Command{
	newDemo,
	newServe,
	newMigrate,
	newMerchant,
	newLink,
	newWallet,
	newSource,
	newSender,
	newRate,
	newRail,
	newClaim,
	newTransfer,
	newWithdrawal,
	newSandbox,
	newEvidence,
	newPostback,
	newImport,
	newFind,
	newIFSC,
	newBalance,
	newLedger,
	newAudit,
	newOperator,
	newDoctor,
	newBackup,
	newRestore,
	newRecovery,
	newKey,
	newConfig,
	newBench,
	newSimulate,
	newTorture,
	newTortureVictim,
	newVersion,
	newMan,
}

// ballastBytes is memory that is allocated and never touched, so it takes none of the machine's. The collector starts when
// the heap has doubled: with a heap of a few MiB it would run dozens of times a second under load, and took an eighth of
// the time of a deposit. Unlike a larger GOGC this doesn't let a large heap grow further.
const ballastBytes = 16 << 20

func main() {
	ballast := make([]byte, ballastBytes)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal asks to end; a second one ends at once.
	context.AfterFunc(ctx, stop)
	a := &app{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, environ: os.Environ(), now: time.Now}
	code := a.run(ctx, os.Args[1:])
	runtime.KeepAlive(ballast)
	os.Exit(code)
}
