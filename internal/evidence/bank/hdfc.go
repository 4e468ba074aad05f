package bank

var hdfc = Bank{
	Name:    "HDFC Bank",
	Headers: []string{"HDFCBK", "HDFCBN"},
	Zone:    India,
	Templates: []Template{
		{"hdfc_upi", "Credit Alert! {amount} credited to [your] HDFC Bank A/c {tail} on {date} from VPA {payer} (UPI {ref})"},
		{"hdfc_imps", "Money Received - {amount} in your HDFC Bank A/c {tail} on {date} by A/c linked to mobile no {mask} " +
			"(IMPS Ref No. {ref})"},
	},
}
