package main

import "testing"

func TestExecutionsOf(t *testing.T) {
	for _, c := range []struct {
		output  string
		want    int64
		counted bool
	}{
		{"fuzz: elapsed: 0s, gathering baseline coverage: 0/3 completed\nfuzz: elapsed: 3s, execs: 120 (40/sec), new interesting: 1 (total: 4)\nfuzz: elapsed: 6s, execs: 345 (75/sec), new interesting: 1 (total: 4)\nPASS\n", 345, true},
		{"fuzz: elapsed: 0s, gathering baseline coverage: 0/3 completed\n", 0, false},
		{"", 0, false},
	} {
		if n, counted := executionsOf([]byte(c.output)); n != c.want || counted != c.counted {
			t.Errorf("%q: %d, %t", c.output, n, counted)
		}
	}
}
