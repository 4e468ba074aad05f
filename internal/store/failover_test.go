package store

import "testing"

// A URL of several servers must reach pgx as it is: all of them, and that only one that takes writes will do.
func TestSeveralServersInOneURL(t *testing.T) {
	config, err := pgConfig("postgres://galla@127.0.0.1:5001,127.0.0.2:5002/galla?target_session_attrs=read-write&sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	if config.Host != "127.0.0.1" || config.Port != 5001 || len(config.Fallbacks) != 1 || config.Fallbacks[0].Host != "127.0.0.2" || config.Fallbacks[0].Port != 5002 {
		t.Errorf("servers: %s:%d and %v", config.Host, config.Port, config.Fallbacks)
	}
	if config.ValidateConnect == nil {
		t.Error("a server that takes no writes would do")
	}
}
