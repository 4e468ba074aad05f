package bank

// No sample of its text messages is known yet: the generic template reads them.
var phonePe = Bank{Name: "PhonePe", Headers: []string{"PHONEPE"}, Zone: India}

var phonePeApp = App{
	Name:     "PhonePe",
	Packages: []string{"com.phonepe.app", "com.phonepe.app.business"},
	Templates: []Template{
		{"phonepe_app", "[PhonePe -] {payer} has sent {amount}"},
		{"phonepe_business_app", "[PhonePe Business] Payment of {amount} received from {payer}{end}"},
	},
}
