package bank

var canara = Bank{
	Name:    "Canara Bank",
	Headers: []string{"CANBNK", "CNRBNK"},
	Zone:    India,
	Templates: []Template{
		{"canara_upi", "An amount of {amount} has been CREDITED to your <account|a/c> {tail} on {date} by UPI ref no. {ref} " +
			"from {payer}. Total Avail[.] bal"},
	},
}
