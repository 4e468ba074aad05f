package skips

import "testing"

func TestAllowed(t *testing.T) { t.Skip("a listed reason") }

func TestNotAllowed(t *testing.T) { t.Skip("an unlisted reason") }
