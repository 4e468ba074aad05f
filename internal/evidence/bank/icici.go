package bank

var icici = Bank{
	Name:    "ICICI Bank",
	Headers: []string{"ICICIB", "ICICIT"},
	Zone:    India,
	Templates: []Template{
		{"icici_upi", "Dear Customer, Acct {tail} is credited with {amount} on {date} from {payer}. UPI:{ref}"},
		{"icici_imps", "ICICI Bank <Account|Acct> {tail} is credited with {amount} on {date} " +
			"by Account linked to mobile number {mask}. IMPS Ref. no. {ref}"},
	},
}
