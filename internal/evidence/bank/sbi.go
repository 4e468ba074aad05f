package bank

var sbi = Bank{
	Name:    "SBI",
	Headers: []string{"SBIUPI", "SBIINB", "CBSSBI", "SBIPSG", "SBIBNK"},
	Zone:    India,
	Templates: []Template{
		{"sbi_upi", "Dear [SBI] [UPI] User, <ur|your> A/c {tail}[-] credited by {amount} on {date} by {payer} (Ref no {ref})"},
		{"sbi_transfer", "Dear [SBI] [UPI] User, <ur|your> A/c {tail}[-] credited by {amount} on {date} " +
			"transfer from {payer} Ref No {ref}"},
	},
}
