package payouts

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"time"
)

const (
	// readyLimit bounds a start, callLimit a request: a turn sees to all that is due.
	readyLimit = 60 * time.Second
	callLimit  = 5 * time.Minute
	// keptLines of what an instance logs are shown when something is wrong.
	keptLines = 40
)

// victim is one gateway process after another, under one number.
type victim struct {
	world  *world
	number int

	mu     sync.Mutex
	now    int    // which process it is, from 1
	url    string // "" while none serves
	killed string // why the present one was killed
	stop   func() // kills the present one
	up     chan struct{}
	lines  []string

	gone chan struct{} // closed when no process follows
}

// run starts a process whenever the last one is gone, until ctx ends.
func (i *victim) run(ctx context.Context) {
	defer close(i.gone)
	for ctx.Err() == nil {
		if err := i.live(ctx); err != nil && ctx.Err() == nil {
			i.world.laws.breaks(lawRuns, "instance %d: %v", i.number, err)
			i.world.end()
			return
		}
		if ctx.Err() == nil {
			i.world.checkOnTheWay()
		}
	}
}

// live starts a process and returns when it is gone: nil where it was killed.
func (i *victim) live(ctx context.Context) error {
	w := i.world
	command := exec.CommandContext(ctx, w.binary, "-database", w.database, "-key", w.key, "-clock", w.clockFile,
		"-bank", fmt.Sprintf("%s/%d", w.door.server.URL, i.number))
	stdin, err := command.StdinPipe() // it ends when this closes, and so with the campaign
	if err != nil {
		return err
	}
	stdout, err := command.StdoutPipe()
	if err != nil {
		return err
	}
	command.Stderr = (*tail)(i)
	if err := command.Start(); err != nil {
		return err
	}
	slow := time.AfterFunc(readyLimit, func() { _ = command.Process.Kill() })
	i.mu.Lock()
	i.now++
	i.killed, i.stop = "", func() { _ = command.Process.Kill() }
	i.mu.Unlock()
	if address, err := bufio.NewReader(stdout).ReadString('\n'); err == nil {
		slow.Stop()
		i.mu.Lock()
		i.url = "http://" + strings.TrimSpace(address)
		close(i.up)
		i.mu.Unlock()
		_, _ = io.Copy(io.Discard, stdout)
	}
	slow.Stop()
	err = command.Wait()
	_ = stdin.Close()
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.url != "" {
		i.url, i.up = "", make(chan struct{})
	}
	if i.killed == "" {
		return fmt.Errorf("it ended by itself: %v\n%s", err, strings.Join(i.lines, "\n"))
	}
	return nil
}

// generation is the number of the present process.
func (i *victim) generation() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.now
}

// kill ends the process of that generation with SIGKILL, if it is still there.
func (i *victim) kill(generation int, why string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.now != generation || i.killed != "" || i.url == "" {
		return
	}
	i.killed = why
	i.stop()
	i.url, i.up = "", make(chan struct{}) // nobody asks it any more
	i.world.happened(why)
}

// await returns where it serves, as soon as it does; "" when the campaign is over.
func (i *victim) await() string {
	for {
		i.mu.Lock()
		url, up := i.url, i.up
		i.mu.Unlock()
		if url != "" {
			return url
		}
		select {
		case <-up:
		case <-i.world.ctx.Done():
			return ""
		}
	}
}

// call sends a request. status is 0 when no answer came: then nobody knows whether it was heard.
func (i *victim) call(path string, header http.Header, body []byte) (status int, answer string) {
	url := i.await()
	ctx, cancel := context.WithTimeout(i.world.ctx, callLimit)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url+path, bytes.NewReader(body))
	if err != nil {
		return 0, err.Error()
	}
	if header != nil {
		request.Header = header
	}
	response, err := i.world.client.Do(request)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = response.Body.Close() }() // it was read
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err.Error()
	}
	return response.StatusCode, string(text)
}

// tail keeps the last lines of what the processes log.
type tail victim

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lines = append(t.lines, strings.Split(strings.TrimSpace(string(p)), "\n")...)
	t.lines = t.lines[max(0, len(t.lines)-keptLines):]
	return len(p), nil
}
