package postback

// dictionary1 is what bodies of form packed1 are packed against: the fixed words of a postback (protocol 5), those of a
// deposit last, since what is nearer to the body costs fewer bits to point at.
//
// NEVER CHANGE IT, not by a byte: every body that was packed against it would read as something else, or not at all. What
// should be packed better gets a dictionary and a form of its own beside this one, which stays for as long as Galla does.
// A test holds its hash, and that of the copy that package oracle has.
const dictionary1 = `","wallet_type":"upi_l","wallet_type":"upi_ib","wallet_type":"upi_hb","wallet_type":"upi_in` +
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
	`","bank_details":{"bank_code":"","branch_code":""}}]}`
