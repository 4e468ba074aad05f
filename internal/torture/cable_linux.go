package torture

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
)

// The two ends of the cable. Nobody else is in these networks.
const (
	nearAddress = "10.213.7.1"
	farAddress  = "10.213.7.2"
	serverPort  = "54329"
)

// cable is a network between this process's namespace, where Galla is, and another one, where PostgreSQL is.
type cable struct {
	holder *exec.Cmd // keeps the far namespace
	far    string    // its file
}

// newCable makes the far namespace and lays the cable.
func newCable(ctx context.Context) (*cable, error) {
	c := &cable{holder: exec.Command("sleep", "infinity")}
	c.holder.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if err := c.holder.Start(); err != nil {
		return nil, fmt.Errorf("network: %w", err)
	}
	pid := strconv.Itoa(c.holder.Process.Pid)
	c.far = "/proc/" + pid + "/ns/net"
	for _, line := range []string{
		"ip link add gallanear type veth peer name gallafar netns " + pid,
		"ip addr add " + nearAddress + "/30 dev gallanear",
		"ip link set gallanear up",
		"nsenter --net=" + c.far + " ip addr add " + farAddress + "/30 dev gallafar",
		"nsenter --net=" + c.far + " ip link set gallafar up",
		"nsenter --net=" + c.far + " ip link set lo up",
		"nft add table inet torture",
		"nft add chain inet torture out { type filter hook output priority 0 ; }",
		"nft add chain inet torture in { type filter hook input priority 0 ; }",
	} {
		if _, err := shell(ctx, line); err != nil {
			return nil, errors.Join(err, c.close())
		}
	}
	return c, nil
}

// shell runs a command of words without spaces.
func shell(ctx context.Context, line string) (string, error) {
	words := strings.Fields(line)
	output, err := exec.CommandContext(ctx, words[0], words[1:]...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", line, err, output)
	}
	return string(output), nil
}

// connect lets a server run at the far end.
func (c *cable) connect(s *server) error {
	if s.owner == nil {
		return errors.New("network: not root")
	}
	s.address = farAddress + ":" + serverPort
	s.settings = append(s.settings, "port="+serverPort)
	s.prefix = []string{
		"nsenter", "--net=" + c.far, "--setuid", strconv.Itoa(int(s.owner.Uid)), "--setgid", strconv.Itoa(int(s.owner.Gid)), "--",
	}
	return s.trust("host all all " + nearAddress + "/32 trust\n")
}

// sever loses all packets of one direction, "out" to the server or "in" from it.
func (c *cable) sever(ctx context.Context, direction string) error {
	address := "daddr"
	if direction == "in" {
		address = "saddr"
	}
	_, err := shell(ctx, "nft add rule inet torture "+direction+" ip "+address+" "+farAddress+" counter drop")
	return err
}

var packets = regexp.MustCompile(`counter packets (\d+)`)

// mend ends sever and tells how many packets were lost.
func (c *cable) mend(ctx context.Context) (lost int64, err error) {
	listed, err := shell(ctx, "nft list table inet torture")
	if err != nil {
		return 0, err
	}
	for _, m := range packets.FindAllStringSubmatch(listed, -1) {
		n, err := strconv.ParseInt(m[1], 10, 64)
		if err != nil {
			return 0, err
		}
		lost += n
	}
	_, err = shell(ctx, "nft flush table inet torture")
	return lost, err
}

// close drops the far namespace, and the cable with it.
func (c *cable) close() error {
	_ = c.holder.Process.Kill() // gone already is just as well
	_ = c.holder.Wait()
	_, err := shell(context.Background(), "nft delete table inet torture")
	return err
}
