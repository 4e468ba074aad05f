package main

import (
	"io"
	"os"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"
)

// progressBar shows on stderr how far a long command is. Without a terminal it shows nothing.
type progressBar struct {
	container *mpb.Progress
	bar       *mpb.Bar
}

func (a *app) progressBar(title string) *progressBar {
	if !isTerminal(a.stderr) {
		return &progressBar{}
	}
	file := a.stderr.(*os.File)
	container := mpb.New(mpb.WithOutput(file), mpb.WithWidth(60))
	bar := container.AddBar(0,
		mpb.PrependDecorators(decor.Name(title+" "), decor.CountersNoUnit("%d/%d")),
		mpb.AppendDecorators(decor.Percentage(), decor.Name(" "), decor.AverageETA(decor.ET_STYLE_MMSS)),
		mpb.BarRemoveOnComplete(),
	)
	return &progressBar{container, bar}
}

// isTerminal tells whether a person watches what is written.
func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// set moves the bar.
func (p *progressBar) set(done, total int64) {
	if p.bar != nil {
		p.bar.SetTotal(total, false)
		p.bar.SetCurrent(done)
	}
}

// end takes the bar away; what is printed afterwards stands alone.
func (p *progressBar) end() {
	if p.bar != nil {
		p.bar.SetTotal(-1, true)
		p.container.Wait()
	}
}
