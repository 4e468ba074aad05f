package main

import "testing"

// What is written beside a result names no file and no setting of whoever ran it.
func TestTortureCommandNamesNoFiles(t *testing.T) {
	c := newTorture(&app{})
	err := c.ParseFlags([]string{"--faults", "kill,power", "--count=3", "--result", "/home/somebody/results", "--binary=/opt/galla", "--require", "--json"})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := tortureCommand(c.LocalNonPersistentFlags()), "galla torture --count=3 --faults=kill,power --require=true"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
