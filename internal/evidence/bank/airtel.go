package bank

var airtel = Bank{
	Name:    "Airtel Payments Bank",
	Headers: []string{"AIRBNK"},
	Zone:    India,
	Templates: []Template{
		{"airtel_upi", "Airtel Payments Bank a/c is credited with {amount}. Txn ID: {ref}"},
	},
}
