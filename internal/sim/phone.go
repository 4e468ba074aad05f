package sim

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

// Habits are how badly a phone forwards, in percent of its messages. The zero value forwards each once and in order.
type Habits struct {
	Drop      int           // lost for ever
	Duplicate int           // sent twice
	Reorder   int           // sent after a later one
	MaxDelay  time.Duration // each waits up to this long
}

// Receipt is what came of forwarding one message.
type Receipt struct {
	Message SMS
	Request []byte
	Status  int    // HTTP status, 0 without an answer
	Answer  []byte // its body
	Err     error  // no answer came
}

// phoneRetry is when the app tries again what wasn't answered with 200.
const phoneRetry = 5 * time.Second

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 1 << 20

// Phone is a phone whose forwarder app posts the messages that it receives to the evidence endpoint.
type Phone struct {
	url, token string
	client     *http.Client
	now        func() time.Time
	habits     Habits

	mu     sync.Mutex
	random *rand.Rand
	box    []waiting
}

// waiting is a message that isn't forwarded yet.
type waiting struct {
	message SMS
	due     time.Time
}

// NewPhone returns a phone that forwards to the server's base URL with its source's token.
func NewPhone(seed uint64, baseURL, token string, habits Habits, client *http.Client, now func() time.Time) *Phone {
	return &Phone{
		url: baseURL + "/evidence/v1/messages", token: token, client: client, now: now, habits: habits,
		random: newRandom(seed, "phone "+token),
	}
}

// Receive is the phone's Inbox: the message arrives after a while, and is forwarded when the phone's habits say so.
func (p *Phone) Receive(message SMS, after time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.random.IntN(100) < p.habits.Drop {
		return
	}
	due := p.now().Add(after)
	if p.habits.MaxDelay > 0 {
		due = due.Add(time.Duration(p.random.Int64N(int64(p.habits.MaxDelay))))
	}
	copies := 1
	if p.random.IntN(100) < p.habits.Duplicate {
		copies = 2
	}
	for range copies {
		p.box = append(p.box, waiting{message, due})
	}
}

// Waiting is how many messages are still to be forwarded.
func (p *Phone) Waiting() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.box)
}

// Forward posts the messages that are due, each by itself, as forwarder apps do. What isn't answered with 200 is kept
// and tried again later.
func (p *Phone) Forward(ctx context.Context) []Receipt {
	due := p.takeDue()
	receipts := make([]Receipt, len(due))
	for i, message := range due {
		receipts[i] = p.post(ctx, message)
		if receipts[i].Status != http.StatusOK {
			p.mu.Lock()
			p.box = append(p.box, waiting{message, p.now().Add(phoneRetry)})
			p.mu.Unlock()
		}
	}
	return receipts
}

// Run forwards until ctx ends, looking at what is due at each tick. heard is told of every receipt.
func (p *Phone) Run(ctx context.Context, every time.Duration, heard func(Receipt)) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		for _, receipt := range p.Forward(ctx) {
			heard(receipt)
		}
	}
}

func (p *Phone) takeDue() []SMS {
	p.mu.Lock()
	defer p.mu.Unlock()
	var due []SMS
	var kept []waiting
	now := p.now()
	for _, w := range p.box {
		if w.due.After(now) {
			kept = append(kept, w)
		} else {
			due = append(due, w.message)
		}
	}
	p.box = kept
	for i := 0; i+1 < len(due); i++ {
		if p.random.IntN(100) < p.habits.Reorder {
			due[i], due[i+1] = due[i+1], due[i]
		}
	}
	return due
}

func (p *Phone) post(ctx context.Context, message SMS) (receipt Receipt) {
	receipt.Message = message
	receipt.Request = encode(struct {
		Sender     string `json:"sender"`
		Text       string `json:"text"`
		ReceivedAt string `json:"received_at"`
	}{message.Sender, message.Text, message.At.UTC().Format(time.RFC3339)})
	receipt.Status, receipt.Answer, receipt.Err = post(ctx, p.client, p.url, p.token, receipt.Request)
	return receipt
}

// encode writes a value as JSON, as PHP and JavaScript do: < > & are themselves.
func encode(value any) []byte {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		panic(fmt.Sprintf("sim: encode %T: %v", value, err)) // a struct of texts and times
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// post sends JSON with a bearer token and reads the answer.
func post(ctx context.Context, client *http.Client, url, token string, body []byte) (status int, answer []byte, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := client.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	answer, err = io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return 0, nil, err
	}
	return response.StatusCode, answer, nil
}
