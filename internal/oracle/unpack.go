package oracle

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"sync"
)

// What a postback says stands packed in its row: the form, the CRC-32C of the body, and the body, in form 1 as DEFLATE with a
// dictionary before it. The oracle unpacks it by itself, as it imports nothing of those whom it judges: whoever reads a body
// wrongly there must not be believed here.
const (
	plainBody    = 0
	deflatedBody = 1
	bodyHead     = 5 // bytes before the body
	// longestBody bounds what is unpacked, in bytes.
	longestBody = 16 << 10
	usualBody   = 2 << 10
)

var bodySum = crc32.MakeTable(crc32.Castagnoli)

// bodyWords is what bodies of form 1 are packed against. It must never change: a test holds its hash, which is that of the
// dictionary that they are written with.
var bodyWords = []byte(`","wallet_type":"upi_l","wallet_type":"upi_ib","wallet_type":"upi_hb","wallet_type":"upi_in` +
	`","wallet_type":"upi_w","wallet_type":"upi_m","wallet_type":"paytm","wallet_type":"bkash","wallet_type":"nagad` +
	`","wallet_type":"rocket","wallet_type":"easypaisa","wallet_type":"jazzcash","currency_code":"PKR","currency_code":"BDT` +
	`","converted_amount":{"INR":0.},"direction":"@okhdfcbank@okicici@oksbi@okaxis@paytm@axl@ibl@upi` +
	`","wallet_type":"imps_ib","amount":1000,"currency_code":"INR","label":"","direction":"outgoing","created_datetime":"` +
	`","wallet_type":"imps_ib","stockpiling_id":1,"transaction_id":"","transaction_type":0,"plugin_custom_order_id":null,` +
	`"withdrawal_id":"","withdrawal_status":5,"account_number":"","account_name":"","account_email":"","bank_details":{` +
	`"bank_code":"","branch_code":"UTIB0ICIC0SBIN0HDFC0"}}]},"withdrawal_status":1,"account_number":"` +
	`{"signature":"","wallet_type":"phone_pe","amount":500,"currency_code":"INR","label":"","direction":"ingoing` +
	`","created_datetime":"2026-","access_key":"","additional_data":[{"activated_datetime":"2026-` +
	`","exchanger_identifier":"@ybl","comment":"","amount":"500","currency_code":"INR","wallet_type":"phone_pe` +
	`","stockpiling_id":1,"transaction_id":"","transaction_type":0,"plugin_custom_order_id":"` +
	`","withdrawal_id":null,"withdrawal_status":null,"account_number":"","account_name":"","account_email":"` +
	`","bank_details":{"bank_code":"","branch_code":""}}]}`)

// toldBody is the body of a postback out of its two columns: rows of before bodies were packed have it as it is.
func toldBody(plain string, packed []byte) (string, error) {
	switch {
	case packed == nil && plain != "":
		return plain, nil
	case packed == nil || plain != "":
		return "", errors.New("its body isn't in just one column")
	case len(packed) < bodyHead:
		return "", errors.New("its packed body is too short")
	}
	body := packed[bodyHead:]
	switch packed[0] {
	case plainBody:
	case deflatedBody:
		var err error
		if body, err = inflated(body); err != nil {
			return "", fmt.Errorf("its body can't be unpacked: %w", err)
		}
	default:
		return "", fmt.Errorf("its body has form %d, which isn't known", packed[0])
	}
	if crc32.Checksum(body, bodySum) != binary.LittleEndian.Uint32(packed[1:]) {
		return "", errors.New("its packed body has another checksum")
	}
	return string(body), nil
}

var inflaters = sync.Pool{New: func() any { return flate.NewReaderDict(bytes.NewReader(nil), bodyWords) }}

func inflated(packed []byte) ([]byte, error) {
	reader := inflaters.Get().(io.ReadCloser)
	defer inflaters.Put(reader)
	from := bytes.NewReader(packed)
	if err := reader.(flate.Resetter).Reset(from, bodyWords); err != nil {
		return nil, err
	}
	body := bytes.NewBuffer(make([]byte, 0, usualBody))
	switch n, err := body.ReadFrom(io.LimitReader(reader, longestBody+1)); {
	case err != nil:
		return nil, err
	case n > longestBody:
		return nil, errors.New("it is too long")
	case from.Len() > 0:
		return nil, errors.New("something follows it")
	}
	return body.Bytes(), nil
}
