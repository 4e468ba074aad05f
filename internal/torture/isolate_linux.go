package torture

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// inside marks the process that runs in namespaces of its own.
const inside = "TORTURE_INSIDE"

// Isolated tells whether nothing is to be gained by Isolate: this process has been isolated already, or may not be.
func Isolated() bool { return os.Getenv(inside) != "" || os.Geteuid() != 0 }

// Isolate runs this program again with the same arguments, in namespaces of its own for mounts, processes and the network. So
// whatever becomes of it, the kernel takes away its mounts, ends all that it started and drops its network, and nobody else sees
// them meanwhile. It returns the exit code.
func Isolate(ctx context.Context, arguments []string, stdout, stderr io.Writer) (int, error) {
	program, err := os.Executable()
	if err != nil {
		return 0, err
	}
	again := exec.CommandContext(ctx, program, arguments...)
	again.Env = append(os.Environ(), inside+"=1")
	again.Stdin, again.Stdout, again.Stderr = os.Stdin, stdout, stderr
	again.Cancel = func() error { return again.Process.Signal(syscall.SIGTERM) }
	again.WaitDelay = endLimit
	again.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL,
	}
	err = again.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode(), nil
	}
	return 0, err
}

// endLimit is how long an orderly end may take.
const endLimit = 30 * time.Second

// furnish makes the namespaces usable. Without them it says why nothing that needs them can be run.
func furnish() error {
	if os.Geteuid() != 0 {
		return errors.New("not root")
	}
	if os.Getenv(inside) == "" {
		return errors.New("not in namespaces of its own")
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("mounts can't be made private: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return fmt.Errorf("/proc can't be mounted: %w", err)
	}
	return raiseLoopback()
}

// raiseLoopback turns on the network inside.
func raiseLoopback() error {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("loopback: %w", err)
	}
	defer unix.Close(socket)
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return fmt.Errorf("loopback: %w", err)
	}
	request.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(socket, unix.SIOCSIFFLAGS, request); err != nil {
		return fmt.Errorf("loopback: %w", err)
	}
	return nil
}
