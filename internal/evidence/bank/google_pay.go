package bank

var googlePayApp = App{
	Name:     "Google Pay",
	Packages: []string{"com.google.android.apps.nbu.paisa.user", "com.google.android.apps.nbu.paisa.merchant"},
	Templates: []Template{
		{"google_pay_app", "{payer} paid you {amount}"},
	},
}
