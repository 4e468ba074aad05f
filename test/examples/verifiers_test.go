package examples

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

const (
	genuineMessages = 2_000
	forgedMessages  = 10_000
	// shownFailures is how many wrong answers of one language are told.
	shownFailures = 5
)

// letter is a message and what a receiver must make of it: nil when it must be refused.
type letter struct {
	message
	made string // how
	want *reading
}

// TestVerifiers gives the verifier of each language genuine messages, which it must take and read rightly, and forged
// ones, which it must refuse.
func TestVerifiers(t *testing.T) {
	t.Parallel()
	owner, letters := correspondence(t)
	var input bytes.Buffer
	encoder := json.NewEncoder(&input)
	for _, l := range letters {
		if err := encoder.Encode(l.message); err != nil {
			t.Fatal(err)
		}
	}
	for _, l := range languages {
		if l.verifier == nil {
			continue
		}
		t.Run(l.name, func(t *testing.T) {
			output, err := owner.environment().run(t, input.String(), l.verifier(t)...)
			if err != nil {
				t.Fatal(err)
			}
			lines := strings.Split(output, "\n")
			if len(lines) != len(letters) {
				t.Fatalf("%d answers to %d messages", len(lines), len(letters))
			}
			wrong := 0
			for i, line := range lines {
				var got *reading
				if err := json.Unmarshal([]byte(line), &got); err != nil {
					t.Fatalf("%s: %v", line, err)
				}
				want := letters[i].want
				if (got == nil) == (want == nil) && (got == nil || *got == *want) {
					continue
				}
				if wrong++; wrong <= shownFailures {
					t.Errorf("%s: read %s, want %+v\nfrom %s %s %s at %d\n%s", letters[i].made, line, want,
						letters[i].ID, letters[i].Time, letters[i].Signatures, letters[i].Now, letters[i].Body)
				}
			}
			if wrong > shownFailures {
				t.Errorf("%d wrong answers", wrong)
			}
		})
	}
}

// correspondence writes the messages in some order.
func correspondence(t *testing.T) (*author, []letter) {
	t.Helper()
	owner, err := newAuthor(1)
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := newAuthor(2)
	if err != nil {
		t.Fatal(err)
	}
	var letters []letter
	for range genuineMessages {
		m, want := owner.genuine()
		letters = append(letters, letter{m, "genuine", &want})
	}
	f, ways := forger{owner, stranger}, mutations()
	made, leftOut := map[string]int{}, 0
	for n := 0; len(letters) < genuineMessages+forgedMessages; n++ {
		way, genuine := ways[n%len(ways)], letters[owner.IntN(genuineMessages)].message
		m := way.forge(f, genuine)
		if !f.forged(m, genuine) {
			leftOut++
			continue
		}
		made[way.name]++
		letters = append(letters, letter{m, way.name, nil})
	}
	const fewest = 10
	for _, way := range ways {
		if made[way.name] < fewest {
			t.Errorf("only %d messages were made by: %s", made[way.name], way.name)
		}
	}
	owner.Shuffle(len(letters), func(i, j int) { letters[i], letters[j] = letters[j], letters[i] })
	t.Logf("%d genuine messages, %d forged in %d ways; %d more were left out because they say the same as the genuine one",
		genuineMessages, forgedMessages, len(ways), leftOut)
	return owner, letters
}

// A receiver whose keys are missing or unusable must not start: who is empty-handed can compute the HMAC of an empty key.
func TestVerifiersNeedKeys(t *testing.T) {
	t.Parallel()
	a, err := newAuthor(3)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range languages {
		if l.verifier == nil {
			continue
		}
		t.Run(l.name, func(t *testing.T) {
			command := l.verifier(t)
			if _, err := a.environment().run(t, "", command...); err != nil {
				t.Errorf("with its keys: %v", err)
			}
			for _, setting := range []string{
				"ACCESS_KEY=", "POSTBACK_PRIVATE_KEY=", "WEBHOOK_SECRET=", "WEBHOOK_SECRET=whsec_", "WEBHOOK_SECRET=" + a.private,
				"WEBHOOK_SECRET=" + a.secrets[0] + " whsec_", "WEBHOOK_SECRET=whsec_***",
			} {
				name, _, _ := strings.Cut(setting, "=")
				output, err := without(a.environment(), name, setting).run(t, "", command...)
				if err == nil || strings.Contains(err.Error(), a.private) {
					t.Errorf("with %s: printed %q, %v", setting, output, err)
				}
			}
		})
	}
}

// without is an environment with one setting replaced.
func without(e environment, name, setting string) environment {
	var kept environment
	for _, s := range e {
		if !strings.HasPrefix(s, name+"=") {
			kept = append(kept, s)
		}
	}
	return append(kept, setting)
}
