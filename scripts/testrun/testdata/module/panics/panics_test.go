package panics

import "testing"

func TestBefore(t *testing.T) { t.Log("passes") }

func TestPanics(t *testing.T) { panic("the reason of the panic") }
