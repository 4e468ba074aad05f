package torture

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// pollEvery is how often something is looked at that gives no sign.
const pollEvery = 5 * time.Millisecond

// children are the processes that pid has started and that live.
func children(pid int) (list []int) {
	files, err := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/*/children")
	if err != nil {
		return nil
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // it has just ended
		}
		for field := range strings.FieldsSeq(string(text)) {
			if child, err := strconv.Atoi(field); err == nil {
				list = append(list, child)
			}
		}
	}
	return list
}

// lives tells whether a process runs; one that waits to be reaped doesn't.
func lives(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return false
	}
	_, rest, found := bytes.Cut(stat, []byte(") "))
	return found && len(rest) > 0 && rest[0] != 'Z' && rest[0] != 'X'
}

// killAll ends processes at once and waits until they are gone.
func killAll(pids ...int) {
	for _, pid := range pids {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	for _, pid := range pids {
		for lives(pid) {
			time.Sleep(time.Millisecond)
		}
	}
}

// reap takes the dead children of a dead process off the list of a namespace's processes, where this one is the first. Of any
// other process they aren't children, and nothing is done.
func reap(pids ...int) {
	for _, pid := range pids {
		_, _ = syscall.Wait4(pid, nil, syscall.WNOHANG, nil)
	}
}
