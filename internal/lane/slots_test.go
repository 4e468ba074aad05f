package lane

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/merchant"
)

func TestLimitFollowsTheEndpoint(t *testing.T) {
	s, e := newSlots(100, func(gateway.Endpoint) int { return 8 }), gateway.Endpoint{MerchantID: 1}
	for step, test := range []struct {
		delivered bool
		room      int
	}{
		{true, 2}, {true, 3}, {true, 4}, {true, 5}, {true, 6}, {true, 7}, {true, 8}, {true, 8},
		{false, 4}, {true, 5}, {false, 2}, {false, 1}, {false, 1}, {true, 2},
	} {
		s.take(e)
		s.end(e, test.delivered)
		if got := s.rooms()(e); got != test.room {
			t.Fatalf("step %d: room for %d, want %d", step, got, test.room)
		}
	}
	s.take(e)
	s.cancel(e)
	if got := s.rooms()(e); got != 2 {
		t.Errorf("a request that was not made moved the limit to %d", got)
	}
}

// Whatever happens: never more open than allowed, probes in half of the slots at most, and nothing counted twice.
func TestSlotsStayWithinLimits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		most, perEndpoint := rapid.IntRange(1, 30).Draw(t, "most"), rapid.IntRange(1, 8).Draw(t, "per endpoint")
		s := newSlots(most, func(gateway.Endpoint) int { return perEndpoint })
		open := map[gateway.Endpoint]int{}
		total := 0
		t.Repeat(map[string]func(*rapid.T){
			"lease": func(t *rapid.T) {
				limit, rooms := s.free(), s.rooms()
				var leased []gateway.Endpoint
				for id := range merchant.ID(12) {
					e := gateway.Endpoint{MerchantID: id}
					for range min(rooms(e), limit-len(leased)) {
						leased = append(leased, e)
					}
				}
				if total < most && len(open) == 0 && len(leased) == 0 {
					t.Fatal("no room in empty slots")
				}
				for _, e := range leased {
					s.take(e)
					open[e]++
					total++
				}
			},
			"end": func(t *rapid.T) {
				if total == 0 {
					return
				}
				var list []gateway.Endpoint
				for id := range merchant.ID(12) {
					if e := (gateway.Endpoint{MerchantID: id}); open[e] > 0 {
						list = append(list, e)
					}
				}
				e := rapid.SampledFrom(list).Draw(t, "endpoint")
				if open[e]--; open[e] == 0 {
					delete(open, e)
				}
				total--
				switch rapid.IntRange(0, 4).Draw(t, "how") {
				case 0:
					s.cancel(e)
				case 1:
					s.end(e, false)
				default:
					s.end(e, true)
				}
			},
			"": func(t *rapid.T) {
				if total > most || s.free() != most-total || s.probes[probeNew] > max(1, most/4) || s.probes[probeSick] > max(1, most/2) {
					t.Fatalf("%d open of %d, %d free, probes %v", total, most, s.free(), s.probes)
				}
				if total == 0 && s.probes != [probeKinds]int{} {
					t.Fatalf("nothing is open, but probes %v", s.probes)
				}
				for e, n := range open {
					if n > perEndpoint {
						t.Fatalf("%d open for %v, at most %d", n, e, perEndpoint)
					}
				}
			},
		})
	})
}

// The last quarter of all slots is for endpoints with few requests open: those that answer, but slowly, can't take it.
func TestLastQuarterIsForFew(t *testing.T) {
	const most = 40
	s := newSlots(most, func(gateway.Endpoint) int { return 100 })
	greedy, modest := gateway.Endpoint{MerchantID: 1}, gateway.Endpoint{MerchantID: 2}
	for _, e := range []gateway.Endpoint{greedy, modest} {
		s.take(e)
		s.end(e, true)
	}
	for range 200 { // its limit grows with its deliveries
		s.take(greedy)
		s.end(greedy, true)
	}
	taken := 0
	for s.rooms()(greedy) > 0 {
		s.take(greedy)
		taken++
	}
	if want := most - most/4; taken != want {
		t.Errorf("one endpoint took %d of %d slots, want %d", taken, most, want)
	}
	if room := s.rooms()(modest); room == 0 || s.free() != most/4 {
		t.Errorf("room for another: %d, free %d", room, s.free())
	}
}
