package bank

// No sample of its text messages is known yet: the generic template reads them.
var paytm = Bank{Name: "Paytm", Headers: []string{"PYTM"}, Zone: India}

var paytmApp = App{
	Name:     "Paytm",
	Packages: []string{"net.one97.paytm", "com.paytm.business"},
	Templates: []Template{
		{"paytm_app", "Received {amount} from {payer}{end}"},
	},
}
