package merchant

import (
	"testing"

	"github.com/galla-gateway/galla/money"
)

// FuzzSet: what a setting takes is shown as text that it takes again, with the same meaning; and what is stored reads back.
func FuzzSet(f *testing.F) {
	for name := range SettingNames() {
		f.Add(name, "1")
		f.Add(name, "yes")
	}
	f.Add("fees", "*=1.5%+2,phone_pe=0")
	f.Add("allow_ip", "10.0.0.0/8, ::1")
	f.Add("window", "72h")
	f.Fuzz(func(t *testing.T, key, value string) {
		p := DefaultPolicy()
		if p.Set(key, value, money.INR) != nil {
			return
		}
		shown := p.Show(money.INR)
		again := DefaultPolicy()
		if err := again.Set(key, shown[key], money.INR); err != nil || again.JSON() != p.JSON() {
			t.Fatalf("%s=%q is shown as %q: %v\n%s\n%s", key, value, shown[key], err, p.JSON(), again.JSON())
		}
		if stored, err := ParsePolicy(p.JSON()); err != nil || stored.JSON() != p.JSON() {
			t.Fatalf("%s=%q is stored as %s: %v", key, value, p.JSON(), err)
		}
	})
}
