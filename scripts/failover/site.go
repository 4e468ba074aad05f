package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// site is two instances of galla serve with one merchant, one wallet and one source.
type site struct {
	galla, folder  string
	environment    []string
	running        [2]*exec.Cmd
	addresses      [2]string // base URLs
	secret, source string
}

func startSite(ctx context.Context, galla, folder, database string) (s *site, err error) {
	s = &site{galla: galla, folder: folder}
	key := filepath.Join(folder, "galla.key")
	s.environment = append(os.Environ(), "GALLA_DATABASE="+database, "GALLA_KEY_FILE="+key)
	if err := s.command(ctx, nil, "key", "new", "--file", key); err != nil {
		return nil, err
	}
	if err := s.command(ctx, nil, "migrate"); err != nil {
		return nil, err
	}
	var merchant struct {
		Secret string `json:"api_secret"`
	}
	var wallet struct {
		ID int64 `json:"id"`
	}
	var source struct {
		Token string `json:"token"`
	}
	// Nobody listens there; what is to be told is written all the same.
	if err := s.command(ctx, &merchant, "merchant", "add", "--slug", "shop", "--name", "Shop", "--postback-url", "http://127.0.0.1:9/"); err != nil {
		return nil, err
	}
	if err := s.command(ctx, &wallet, "wallet", "add", "--method", "phone_pe", "--identifier", "6234234234", "--holder", "Nobody"); err != nil {
		return nil, err
	}
	if err := s.command(ctx, &source, "source", "add", "--wallet", fmt.Sprint(wallet.ID), "--kind", "transfers"); err != nil {
		return nil, err
	}
	s.secret, s.source = merchant.Secret, source.Token
	for i := range s.running {
		if err := s.serve(ctx, i); err != nil {
			s.stop()
			return nil, err
		}
	}
	return s, nil
}

// command runs a command of Galla and reads its document.
func (s *site) command(ctx context.Context, into any, args ...string) error {
	command := exec.CommandContext(ctx, s.galla, append(args, "--json")...)
	command.Env, command.Dir = s.environment, s.folder
	output, err := command.Output()
	if err != nil {
		if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
			err = fmt.Errorf("%w\n%s", err, exit.Stderr)
		}
		return fmt.Errorf("galla %s: %w", args[0], err)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(output, into)
}

func (s *site) serve(ctx context.Context, i int) error {
	port, err := freePort()
	if err != nil {
		return err
	}
	admin, err := freePort()
	if err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(s.folder, fmt.Sprintf("galla%d.log", i+1)))
	if err != nil {
		return err
	}
	defer log.Close()
	s.addresses[i] = "http://127.0.0.1:" + port
	command := exec.Command(s.galla, "serve")
	command.Dir, command.Stdout, command.Stderr = s.folder, log, log
	command.Env = append(s.environment, "GALLA_LISTEN=127.0.0.1:"+port, "GALLA_ADMIN_LISTEN=127.0.0.1:"+admin, "GALLA_BASE_URL="+s.addresses[i])
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := command.Start(); err != nil {
		return err
	}
	s.running[i] = command
	for until := time.Now().Add(startLimit); time.Now().Before(until); {
		answer, err := http.Get("http://127.0.0.1:" + admin + "/readyz")
		if err == nil {
			answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return nil
			}
		}
		if err := sleep(ctx, 10*time.Millisecond); err != nil {
			return err
		}
	}
	return fmt.Errorf("instance %d wasn't ready within %v", i+1, startLimit)
}

// stop ends the instances in order.
func (s *site) stop() {
	for i, command := range s.running {
		if command != nil {
			_ = command.Process.Signal(syscall.SIGTERM)
			_ = command.Wait()
			s.running[i] = nil
		}
	}
}
