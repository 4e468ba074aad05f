package galla

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"
)

const withdrawalKey = "test_private_key"

// docsWithdrawal is the example of the documentation, clientWithdrawal what a client in the field sends (protocol section 6).
const (
	docsWithdrawal = `{"withdrawal_id":"297","payment_system":"imps_ib","amount":1218,"currency_code":"INR","is_test":true,"label":"125199",` +
		`"account_number":"123456789","account_name":"TestNameAcc","bank_details":{"bank_code":"IFCS0123456"},"payments_details":{},` +
		`"signature":"65b197d65f9f63b9e4c0ed2c5c32f2510f48eb4e"}`
	clientWithdrawal = `{"withdrawal_id":"297","payment_system":"imps_ib","amount":1218,"currency_code":"INR","is_test":false,"label":"125199",` +
		`"account_number":"123456789","account_name":"TestNameAcc","bank_details":{"bank_code":"HDFC0001234"},"payment_details":{},` +
		`"signature":"246499198e522359ce174a21206823b3d00cb266"}`
)

func TestWithdrawalVectors(t *testing.T) {
	for _, v := range []struct{ body, signed string }{
		{docsWithdrawal, "TestNameAcc:123456789:1218:IFCS0123456:INR:1:125199:imps_ib::297"},
		{clientWithdrawal, "TestNameAcc:123456789:1218:HDFC0001234:INR::125199::imps_ib:297"},
	} {
		r, err := DecodeWithdrawal([]byte(v.body))
		if err != nil {
			t.Fatal(err)
		}
		if r.Signed() != v.signed {
			t.Errorf("signed is %q, want %q", r.Signed(), v.signed)
		}
		if err := r.Verify("another_key", withdrawalKey); err != nil {
			t.Error(err)
		}
		if err := r.Verify("another_key"); !errors.Is(err, ErrSignature) {
			t.Errorf("another key: %v", err)
		}
		if err := r.Verify(); !errors.Is(err, ErrSignature) {
			t.Errorf("no key: %v", err)
		}
	}
	r, _ := DecodeWithdrawal([]byte(docsWithdrawal))
	if amount, err := r.Money(); err != nil || amount.Minor != 1218_00 || !r.IsTest || r.IFSC() != "IFCS0123456" || r.WithdrawalID != "297" {
		t.Errorf("read %+v, %v %v", r, amount, err)
	}
}

func TestWithdrawalIsWrittenAsItIsRead(t *testing.T) {
	want := WithdrawalRequest{
		WithdrawalID: "w-1", PaymentSystem: PaymentSystemIMPS, Amount: 700, CurrencyCode: "INR", Label: "भुगतान/1", AccountNumber: "001234567890",
		AccountName: "Asha  Rao", BranchCode: "SBIN0000300", Comment: `paid "now"`,
	}
	body, err := want.AppendJSON([]byte("before"), withdrawalKey)
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeWithdrawal([]byte(strings.TrimPrefix(string(body), "before")))
	if err != nil {
		t.Fatal(err)
	}
	if err := got.Verify(withdrawalKey); err != nil {
		t.Error(err)
	}
	got.signed, got.signature = "", ""
	if got != want || got.Payee() != "Asha Rao" {
		t.Errorf("got %+v, payee %q", got, got.Payee())
	}
}

func TestWithdrawalFields(t *testing.T) {
	swap := func(old, fresh string) string { return strings.Replace(clientWithdrawal, old, fresh, 1) }
	for _, c := range []struct{ name, body, want string }{
		{"id too long", swap(`"297"`, `"`+strings.Repeat("é", 37)+`"`), "withdrawal_id is longer than 36"},
		{"id empty", swap(`"withdrawal_id":"297"`, `"withdrawal_id":""`), "withdrawal_id is required"},
		{"id a number", swap(`"297"`, `297`), "put it in quotes"},
		{"id with a line separator", swap(`"297"`, `"2\u20287"`), "control character"},
		{"system", swap("imps_ib", "upi"), "payment_system must be imps_ib"},
		{"amount in quotes", swap("1218", `"1218"`), "amount must be a whole number"},
		{"amount with decimals", swap("1218", "1218.0"), "amount must be a whole number"},
		{"amount with exponent", swap("1218", "12e2"), "amount must be a whole number"},
		{"amount zero", swap("1218", "0"), "amount must be a whole number"},
		{"amount negative", swap("1218", "-1"), "amount must be a whole number"},
		{"amount too large", swap("1218", "1234567890123456"), "amount must be a whole number"},
		{"no amount", swap(`"amount":1218,`, ""), "amount is required"},
		{"currency", swap("INR", "BDT"), "currency_code must be INR"},
		{"is_test in quotes", swap("false", `"false"`), "is_test must be true or false"},
		{"is_test a number", swap("false", `0`), "is_test must be true or false"},
		{"no is_test", swap(`"is_test":false,`, ""), "is_test is required"},
		{"label", swap("125199", strings.Repeat("1", 37)), "label is longer than 36"},
		{"no label", swap(`"label":"125199",`, ""), "label is required"},
		{"account number short", swap("123456789", "12345678"), "account_number must be 9 to 18 digits"},
		{"account number long", swap("123456789", strings.Repeat("1", 19)), "account_number is longer"},
		{"account number with letters", swap("123456789", "12345678a"), "account_number must be 9 to 18 digits"},
		{"name with a digit", swap("TestNameAcc", "TestName1"), "account_name must be 1 to 30 letters"},
		{"name of spaces", swap("TestNameAcc", "   "), "account_name must be 1 to 30 letters"},
		{"name long", swap("TestNameAcc", strings.Repeat("a", 31)), "account_name must be 1 to 30 letters"},
		{"no bank", swap(`{"bank_code":"HDFC0001234"}`, "{}"), "bank_details needs"},
		{"bank null", swap(`{"bank_code":"HDFC0001234"}`, "null"), "bank_details"},
		{"bank small letters", swap("HDFC0001234", "hdfc0001234"), "one IFSC"},
		{"bank without 0", swap("HDFC0001234", "HDFC1001234"), "one IFSC"},
		{"two banks", swap(`{"bank_code":"HDFC0001234"}`, `{"bank_code":"HDFC0001234","branch_code":"HDFC0001235"}`), "one IFSC"},
		{"another bank member", swap(`"bank_code"`, `"bank"`), "takes bank_code or branch_code"},
		{"comment long", swap(`"label"`, `"comment":"`+strings.Repeat("c", 65)+`","label"`), "comment is longer than 64"},
		{"comment like a bank", swap(`"label"`, `"comment":"HDFC0001234","label"`), "may not look like an IFSC"},
		{"colon in the label", swap("125199", "12:5199"), "label may not have a colon"},
		{"colon in details", swap(`"payment_details":{}`, `"payment_details":{"a":"x:y"}`), "may not have a colon"},
		{"another member", swap(`"label"`, `"coment":"x","label"`), "coment is no member"},
		{"signature capitals", swap("246499198e522359", "246499198E522359"), "signature must be 40"},
		{"no signature", swap(`,"signature":"246499198e522359ce174a21206823b3d00cb266"`, ""), "signature is required"},
		{"details without an id", swap(`"withdrawal_id":"297",`, "") + "", ""},
		{"filled details without an id", strings.Replace(swap(`"withdrawal_id":"297",`, ""), `"payment_details":{}`, `"payment_details":{"a":""}`, 1), "withdrawal_id is required beside"},
		{"filled list without an id", strings.Replace(swap(`"withdrawal_id":"297",`, ""), `"payment_details":{}`, `"payments_details":[null]`, 1), "withdrawal_id is required beside"},
		{"details as text", swap(`"payment_details":{}`, `"payment_details":"x"`), "payment_details has the wrong type"},
		{"long array", swap(`"payment_details":{}`, `"payment_details":{"a":[1,2,3,4,5,6,7,8,9,10,11]}`), "more than 10 elements"},
		{"long decimals", swap(`"payment_details":{}`, `"payment_details":{"a":0.00001}`), "at most 4 decimals"},
		{"twice", swap(`"label":"125199"`, `"label":"125199","Label":"x"`), "stands twice"},
	} {
		_, err := DecodeWithdrawal([]byte(c.body))
		var request *RequestError
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.want != "" && (!errors.As(err, &request) || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: error is %v, want %q in it", c.name, err, c.want)
		}
	}
}

// phpSigned joins bodies, a line each, as a merchant's PHP does.
const phpSigned = `
function text($v) {
  if (is_array($v)) { ksort($v); return implode(':', array_map('text', array_values($v))); }
  return is_bool($v) ? ($v ? '1' : '') : (string)$v;
}
while (($line = fgets(STDIN)) !== false) {
  $v = json_decode($line, true);
  if ($v === null) { fwrite(STDERR, $line); exit(1); }
  unset($v['signature']);
  $joined = text($v);
  echo sha1('test_private_key' . md5($joined)), "\n";
}`

// Ten thousand bodies that an independent signer in PHP signs verify, and each of ten thousand changes to them is refused.
func TestWithdrawalsSignedByPHP(t *testing.T) {
	php, err := exec.LookPath("php")
	if err != nil {
		t.Fatal("php is needed: apt-get install php-cli")
	}
	const count = 10_000
	random := rand.New(rand.NewPCG(5, 6))
	bodies := make([]string, count)
	for i := range bodies {
		bodies[i] = randomWithdrawal(random, i)
	}
	command := exec.Command(php, "-r", phpSigned)
	command.Stdin = strings.NewReader(strings.Join(bodies, "\n") + "\n")
	out, err := command.Output()
	if err != nil {
		t.Fatal(err)
	}
	signatures := strings.Fields(string(out))
	if len(signatures) != count {
		t.Fatalf("%d signatures", len(signatures))
	}
	refused := 0
	for i, body := range bodies {
		signed := strings.Replace(body, unsignedSignature, signatures[i], 1)
		r, err := DecodeWithdrawal([]byte(signed))
		if err == nil {
			err = r.Verify(withdrawalKey)
		}
		if err != nil {
			t.Fatalf("%s: %v", signed, err)
		}
		for tries := 0; ; tries++ {
			changed := changeWithdrawal(random, signed)
			if changed == signed || tries > 100 {
				continue
			}
			m, err := DecodeWithdrawal([]byte(changed))
			if err == nil {
				err = m.Verify(withdrawalKey)
			}
			if err == nil {
				t.Fatalf("taken: %s\nof %s", changed, signed)
			}
			refused++
			break
		}
	}
	if refused != count {
		t.Fatalf("%d refused", refused)
	}
}

func pick[T any](random *rand.Rand, list ...T) T { return list[random.IntN(len(list))] }

func randomWithdrawal(random *rand.Rand, i int) string {
	members := []string{
		`"payment_system":"imps_ib"`, fmt.Sprintf(`"amount":%d`, 1+random.IntN(200_000)), `"currency_code":"INR"`,
		fmt.Sprintf(`"is_test":%t`, random.IntN(2) == 0), fmt.Sprintf(`"label":"%s"`, pick(random, "125199", "ग्राहक", `a\"b`, "x/y", "\\u00e9", "0")),
		fmt.Sprintf(`"account_number":"%012d"`, random.IntN(1_000_000)), fmt.Sprintf(`"account_name":"%s"`, pick(random, "Asha Rao", "T", "Test\\tName")),
		fmt.Sprintf(`"bank_details":{"%s":"%s0%06d"}`, pick(random, "bank_code", "branch_code"), pick(random, "HDFC", "SBIN", "IFCS"), random.IntN(1_000_000)),
		`"signature":"` + unsignedSignature + `"`,
	}
	if random.IntN(3) > 0 {
		members = append(members, fmt.Sprintf(`"withdrawal_id":"w%d"`, i))
		members = append(members, pick(random, `"payment_details":{}`, `"payments_details":[]`, `"payments_details":{"z":1,"a":{"c":true,"b":null},"m":[1.50,"x",[]]}`, `"payment_details":null`))
	} else if random.IntN(2) == 0 {
		members = append(members, pick(random, `"payment_details":{}`, `"payments_details":[]`))
	}
	if random.IntN(2) == 0 {
		members = append(members, fmt.Sprintf(`"comment":"%s"`, pick(random, "", "for order 7", "été", "1", "INR")))
	}
	random.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
	return "{" + strings.Join(members, ",") + "}"
}

// changeWithdrawal changes what a body means, or how its values are spread over its members.
func changeWithdrawal(random *rand.Rand, body string) string {
	replace := func(old, fresh string) string { return strings.Replace(body, old, fresh, 1) }
	switch random.IntN(10) {
	case 0:
		return replace(`"amount":1`, `"amount":9`)
	case 1:
		return replace(`"account_number":"0`, `"account_number":"1`)
	case 2: // one value into two
		return replace(`"label":"`, `"label":"INR:`)
	case 3: // an id becomes a detail
		at := strings.Index(body, `"withdrawal_id":"`)
		if at < 0 {
			return body
		}
		end := at + strings.IndexByte(body[at:], ',')
		if end < at || strings.Contains(body, "payments_details") {
			return body
		}
		value := body[at+len(`"withdrawal_id":`) : end]
		return body[:at] + `"payments_details":{"a":` + value + `}` + body[end:]
	case 4: // a comment under another name
		return replace(`"comment":"f`, `"bank_name":"f`)
	case 5:
		return replace(`"comment":"1"`, `"comment":true`)
	case 6:
		return replace(`"is_test":true`, `"is_test":1`)
	case 7:
		return replace(`"account_name":"Asha Rao"`, `"account_name":"Asha Rap"`)
	case 8: // a digit of the signature
		at := strings.Index(body, `"signature":"`) + len(`"signature":"`) + random.IntN(legacySize)
		digit := byte('0')
		if body[at] == '0' {
			digit = '1'
		}
		return body[:at] + string(digit) + body[at+1:]
	}
	return replace(`"withdrawal_id":"w`, `"withdrawal_id":"v`)
}

func FuzzDecodeWithdrawal(f *testing.F) {
	f.Add([]byte(docsWithdrawal))
	f.Add([]byte(clientWithdrawal))
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := DecodeWithdrawal(body)
		if err != nil {
			return
		}
		again, err := r.AppendJSON(nil, withdrawalKey)
		if err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		read, err := DecodeWithdrawal(again)
		if err != nil || read.Verify(withdrawalKey) != nil || read.IFSC() != r.IFSC() || read.Amount != r.Amount || read.WithdrawalID != r.WithdrawalID {
			t.Fatalf("%s became %s: %v", body, again, err)
		}
	})
}
