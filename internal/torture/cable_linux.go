package torture

import (
	"context"
	"errors"
	"fmt"
	"net/url"
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

// cut is one direction of connections, of which all packets can be lost.
type cut struct {
	what string // which packets, in the words of a report
	rule string // the chain and which packets, in nftables' words
}

// cutsOf are both directions of the connections to a server. Packets to it are lost as they go out, those from it as they come in: on
// loopback, too, where all of them do both.
func cutsOf(who, address, port string) []cut {
	return []cut{
		{"packets lost on the way to " + who, "out ip daddr " + address + " tcp dport " + port},
		{"packets lost on the way from " + who, "in ip saddr " + address + " tcp sport " + port},
	}
}

// cable is what can be cut. Where there is a PostgreSQL server, it is a network between this process's namespace, where Galla is, and
// another one, where the server is; other servers are on loopback.
type cable struct {
	table  string // of nftables, its own: campaigns run side by side
	cuts   []cut
	holder *exec.Cmd // keeps the far namespace, nil without one
	far    string    // its file
}

// newCable prepares what cuts.
func newCable(ctx context.Context, engine string) (*cable, error) {
	c := &cable{table: "torture_" + engine}
	for _, line := range []string{
		"nft add table inet " + c.table,
		"nft add chain inet " + c.table + " out { type filter hook output priority 0 ; }",
		"nft add chain inet " + c.table + " in { type filter hook input priority 0 ; }",
	} {
		if _, err := shell(ctx, line); err != nil {
			return nil, errors.Join(err, c.close())
		}
	}
	return c, nil
}

// lay makes the far namespace and lays the cable to it.
func (c *cable) lay(ctx context.Context) error {
	holder := exec.Command("sleep", "infinity")
	holder.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if err := holder.Start(); err != nil {
		return fmt.Errorf("network: %w", err)
	}
	c.holder = holder
	pid := strconv.Itoa(holder.Process.Pid)
	c.far = "/proc/" + pid + "/ns/net"
	for _, line := range []string{
		"ip link add gallanear type veth peer name gallafar netns " + pid,
		"ip addr add " + nearAddress + "/30 dev gallanear",
		"ip link set gallanear up",
		"nsenter --net=" + c.far + " ip addr add " + farAddress + "/30 dev gallafar",
		"nsenter --net=" + c.far + " ip link set gallafar up",
		"nsenter --net=" + c.far + " ip link set lo up",
	} {
		if _, err := shell(ctx, line); err != nil {
			return err
		}
	}
	return nil
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
func (c *cable) connect(ctx context.Context, s *server) error {
	if s.owner == nil {
		return errors.New("network: not root")
	}
	if err := c.lay(ctx); err != nil {
		return err
	}
	c.cuts = append(c.cuts, cutsOf("PostgreSQL", farAddress, serverPort)...)
	s.address = farAddress + ":" + serverPort
	s.settings = append(s.settings, "port="+serverPort)
	s.prefix = []string{
		"nsenter", "--net=" + c.far, "--setuid", strconv.Itoa(int(s.owner.Uid)), "--setgid", strconv.Itoa(int(s.owner.Gid)), "--",
	}
	return s.trust("host all all " + nearAddress + "/32 trust\n")
}

// reaches adds a server on this machine to what can be cut off.
func (c *cable) reaches(who, server string) error {
	address, err := url.Parse(server)
	if err == nil {
		c.cuts = append(c.cuts, cutsOf(who, address.Hostname(), address.Port())...)
	}
	return err
}

// sever loses all packets of one direction.
func (c *cable) sever(ctx context.Context, lost cut) error {
	_, err := shell(ctx, "nft add rule inet "+c.table+" "+lost.rule+" counter drop")
	return err
}

var packets = regexp.MustCompile(`counter packets (\d+)`)

// mend ends sever and tells how many packets were lost.
func (c *cable) mend(ctx context.Context) (lost int64, err error) {
	listed, err := shell(ctx, "nft list table inet "+c.table)
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
	_, err = shell(ctx, "nft flush table inet "+c.table)
	return lost, err
}

// close takes away what cuts, and the far namespace with its end of the cable.
func (c *cable) close() error {
	if c.holder != nil {
		_ = c.holder.Process.Kill() // gone already is just as well
		_ = c.holder.Wait()
	}
	_, err := shell(context.Background(), "nft delete table inet "+c.table)
	return err
}
