package postback

import (
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/galla-gateway/galla"
	"github.com/galla-gateway/galla/money"
)

// dictionary1Hash is the SHA-256 of dictionary1. Package oracle holds its copy against the same. If this test fails, put
// the dictionary back: stored bodies need it as it was.
const dictionary1Hash = "f5209c11095a7ffb2c30995299f9b48d109f47c5636ffa59b2f98a96b7f047b9"

func TestDictionaryNeverChanges(t *testing.T) {
	if sum := sha256.Sum256([]byte(dictionary1)); hex.EncodeToString(sum[:]) != dictionary1Hash {
		t.Errorf("the dictionary is %d bytes with hash %x, stored bodies need the one with %s", len(dictionary1), sum, dictionary1Hash)
	}
}

// aDeposit and aWithdrawal are bodies as merchants get them, each of another payment and really signed.
func aDeposit(n int64) []byte {
	random := rand.New(rand.NewPCG(uint64(n), 1))
	at := fmt.Sprintf("2026-11-%02d %02d:%02d:%02d", 1+random.IntN(28), random.IntN(24), random.IntN(60), random.IntN(60))
	return galla.Postback{
		WalletType: "phone_pe", Amount: money.Money{Minor: 100 + random.Int64N(1_000_000), Currency: "INR"}, Label: fmt.Sprint("payer-", random.IntN(1_000_000)),
		Direction: galla.DirectionDeposit, CreatedDatetime: at,
		Data: galla.PostbackData{
			ActivatedDatetime: at, ExchangerIdentifier: fmt.Sprintf("98%08d@ybl", random.IntN(1e8)), StockpilingID: 1_000_000 + n,
			TransactionID: fmt.Sprintf("%012d", random.Int64N(1e12)), PluginCustomOrderID: fmt.Sprintf("order-%010d", random.Int64N(1e10)),
		},
	}.AppendBody(nil, "FQ9jMwrNSkFbyMNqYFf6Ed4xeKmjHK", "test_private_access_key")
}

func aWithdrawal(n int64) []byte {
	random := rand.New(rand.NewPCG(uint64(n), 2))
	at := fmt.Sprintf("2026-11-%02d %02d:%02d:%02d", 1+random.IntN(28), random.IntN(24), random.IntN(60), random.IntN(60))
	return galla.Postback{
		WalletType: "imps_ib", Amount: money.Money{Minor: 100 * (1 + random.Int64N(10_000)), Currency: "INR"}, Label: fmt.Sprint("payee-", random.IntN(1_000_000)),
		Direction: galla.DirectionWithdrawal, CreatedDatetime: at,
		Data: galla.PostbackData{
			ActivatedDatetime: at, StockpilingID: 1_000_000 + n, TransactionID: fmt.Sprintf("%012d", random.Int64N(1e12)),
			WithdrawalID: fmt.Sprint("w-", n), WithdrawalStatus: galla.WithdrawalPaid, AccountNumber: fmt.Sprintf("%011d", random.Int64N(1e11)),
			AccountName: "Asha Rao", BankCode: "HDFC0001234", BranchCode: "HDFC0001234",
		},
	}.AppendBody(nil, "FQ9jMwrNSkFbyMNqYFf6Ed4xeKmjHK", "test_private_access_key")
}

func TestPackGivesBackTheSameBytes(t *testing.T) {
	noise := make([]byte, 3000)
	for i, random := 0, rand.New(rand.NewPCG(1, 1)); i < len(noise); i++ {
		noise[i] = byte(random.Uint32())
	}
	bodies := map[string][]byte{
		"nothing": {}, "a byte": {'{'}, "two": []byte("{}"), "awkward": []byte(`{"label":"₹ <b>&\"\\\u0001 é😀", "amount":500.0 }`), "noise": noise, "zeros": make([]byte, 3000),
		"the dictionary": dictionary1Bytes, "its end twice": []byte(dictionary1[1000:] + dictionary1[1000:]), "as long as is packed": bytes.Repeat([]byte("ab"), maxPacked/2),
		"longer": bytes.Repeat([]byte("ab"), maxPacked/2+1), "every byte": slices.Concat(noise[:200], []byte(dictionary1), noise[200:600]),
	}
	for n := range int64(500) {
		bodies[fmt.Sprint("deposit ", n)], bodies[fmt.Sprint("withdrawal ", n)] = aDeposit(n), aWithdrawal(n)
	}
	// Matches of every length, and near and far ones.
	for length := range 600 {
		bodies[fmt.Sprint("match of ", length)] = slices.Concat(noise[:length], noise[:length], noise[:7*length%900], noise[:length])
	}
	for name, body := range bodies {
		packed := Pack(body)
		got, err := Unpack(packed)
		if err != nil || !bytes.Equal(got, body) {
			t.Fatalf("%s: %d bytes, packed %d, came back as %d, %v", name, len(body), len(packed), len(got), err)
		}
		if len(packed) > len(body)+packedHead {
			t.Errorf("%s: %d bytes were packed into %d", name, len(body), len(packed))
		}
		if again := Pack(body); !bytes.Equal(again, packed) {
			t.Errorf("%s is packed in two ways", name)
		}
		if form := packed[0]; form == packed1 {
			if plain, err := io.ReadAll(flate.NewReaderDict(bytes.NewReader(packed[packedHead:]), []byte(dictionary1))); err != nil || !bytes.Equal(plain, body) {
				t.Errorf("%s isn't DEFLATE: %v", name, err)
			}
		} else if form != packedPlain || strings.HasPrefix(name, "deposit") || strings.HasPrefix(name, "longer") != (len(body) > maxPacked) {
			t.Errorf("%s has form %d", name, form)
		}
	}
}

// What was stored once must be read for ever: this is a body as release 1 packed it.
func TestPackedBodiesOfThePast(t *testing.T) {
	for _, kept := range []struct {
		packed string
		body   []byte
	}{
		{goldenDeposit, aDeposit(1)},
		{goldenPlain, []byte("x")},
	} {
		packed, err := hex.DecodeString(kept.packed)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := Unpack(packed); err != nil || !bytes.Equal(got, kept.body) {
			t.Errorf("%x reads as %q, %v, want %q; it is packed %x now", packed, got, err, kept.body, Pack(kept.body))
		}
	}
}

const (
	goldenDeposit = "016030567d434d2386c6a9a6a9c6e68986c666294669c6262686a64696c66986464669268686e6a696494689c6c6a629c4a425230b53133d0b4b42e90958dea416e95a1a9b18985a929cb60c0d758d2c140c8cac4c0dad4c4dd0539a5ba065966f79915f70b65b52a5af5f61a45b9a996b8a4945aa776e968737c9e910c3321ca9d2d2c2c2d0c8d8d2dcd8126ffa84860f15d228b0f43530c096520d0d4c2d4c8d0ccd8c0dc0ee252dd58299baa6a646a6c646662696668339150300"
	goldenPlain   = "00935f3ca978"
)

func TestPackedBodiesAreSmall(t *testing.T) {
	for name, made := range map[string]func(int64) []byte{"deposit": aDeposit, "withdrawal": aWithdrawal} {
		var whole, packed, longest int
		for n := range int64(1000) {
			body := made(n)
			form := Pack(body)
			whole, packed, longest = whole+len(body), packed+len(form), max(longest, len(form))
		}
		t.Logf("a %s has %d bytes, packed %d, at most %d", name, whole/1000, packed/1000, longest)
		if longest > 250 {
			t.Errorf("a packed %s has %d bytes, want 250 at most", name, longest)
		}
	}
}

// Whatever a damaged row says, it is told apart from a body, without a panic and without much memory.
func TestDamagedBodiesAreSeen(t *testing.T) {
	packed := Pack(aDeposit(7))
	var bomb bytes.Buffer
	w, err := flate.NewWriter(&bomb, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	zeros := make([]byte, 64<<20)
	if _, err := w.Write(zeros); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	damaged := map[string][]byte{
		"nothing": nil, "only a head": packed[:packedHead], "no whole head": packed[:packedHead-1], "cut": packed[:len(packed)-1],
		"longer": append(slices.Clone(packed), 0), "of another form": append([]byte{2}, packed[1:]...), "said to be plain": append([]byte{packedPlain}, packed[1:]...),
		"plain and cut": Pack([]byte("plain"))[:packedHead+4], "a bomb": append([]byte{packed1, 0, 0, 0, 0}, bomb.Bytes()...),
	}
	for i := range packed {
		for bit := range 8 {
			flipped := slices.Clone(packed)
			flipped[i] ^= 1 << bit
			damaged[fmt.Sprint("bit ", bit, " of byte ", i)] = flipped
		}
	}
	// The bits behind the end of DEFLATE's last byte say nothing: their damage does no harm.
	for name, form := range damaged {
		body, err := Unpack(form)
		if err == nil && bytes.Equal(body, aDeposit(7)) && strings.HasSuffix(name, fmt.Sprint(" of byte ", len(packed)-1)) {
			continue
		}
		if !errors.Is(err, ErrDamaged) || body != nil {
			t.Errorf("%s: reads as %q, %v", name, body, err)
		}
	}
	if allocated := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = Unpack(damaged["a bomb"])
		}
	}).AllocedBytesPerOp(); allocated > 8*maxPacked {
		t.Errorf("a bomb takes %d bytes", allocated)
	}
}

func TestStoredBodyIsInOneColumn(t *testing.T) {
	body := aDeposit(3)
	for _, c := range []struct {
		name, body string
		packed     []byte
		sound      bool
	}{
		{"as before bodies were packed", string(body), nil, true},
		{"packed", "", Pack(body), true},
		{"in both", string(body), Pack(body), false},
		{"in none", "", nil, false},
		{"packed into nothing", "", []byte{}, false},
	} {
		got, err := StoredBody(42, c.body, c.packed)
		if c.sound && (err != nil || !bytes.Equal(got, body)) {
			t.Errorf("%s: %q, %v", c.name, got, err)
		}
		if !c.sound && (!errors.Is(err, ErrDamaged) || got != nil || !strings.HasPrefix(err.Error(), "postback 42: ")) {
			t.Errorf("%s: %q, %v", c.name, got, err)
		}
	}
}

func FuzzPack(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte(`{"label":"₹ <b>&\"\\\u0001 é😀", "amount":500.0 }`))
	f.Add(aDeposit(1))
	f.Add(aWithdrawal(1))
	f.Add([]byte(strings.Repeat("abc", 300)))
	f.Fuzz(func(t *testing.T, body []byte) {
		packed := Pack(body)
		if got, err := Unpack(packed); err != nil || !bytes.Equal(got, body) {
			t.Fatalf("%q packed as %x reads as %q, %v", body, packed, got, err)
		}
		if len(packed) > len(body)+packedHead || !bytes.Equal(Pack(body), packed) {
			t.Fatalf("%d bytes are packed into %d", len(body), len(packed))
		}
	})
}

func FuzzUnpack(f *testing.F) {
	f.Add([]byte{})
	f.Add(Pack([]byte("plain")))
	f.Add(Pack(aDeposit(1)))
	f.Add(Pack(aWithdrawal(1)))
	f.Add([]byte{packed1, 0, 0, 0, 0, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, packed []byte) {
		body, err := Unpack(packed)
		switch {
		case err != nil && (body != nil || !errors.Is(err, ErrDamaged)):
			t.Fatalf("%x: %q, %v", packed, body, err)
		case err == nil && crc32.Checksum(body, castagnoli) != uint32(packed[1])|uint32(packed[2])<<8|uint32(packed[3])<<16|uint32(packed[4])<<24:
			t.Fatalf("%x has another checksum: %q", packed, body)
		case len(body) > max(maxPacked, len(packed)):
			t.Fatalf("%d bytes became %d", len(packed), len(body))
		}
	})
}

func BenchmarkPack(b *testing.B) {
	body := aDeposit(1)
	b.ReportAllocs()
	for b.Loop() {
		Pack(body)
	}
}

func BenchmarkUnpack(b *testing.B) {
	packed := Pack(aDeposit(1))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Unpack(packed); err != nil {
			b.Fatal(err)
		}
	}
}
