package bank

var axis = Bank{
	Name:    "Axis Bank",
	Headers: []string{"AXISBK"},
	Zone:    India,
	Templates: []Template{
		{"axis_upi", "{amount} credited A/c no. {tail} {date}, {time} IST UPI/<P2A|P2M>/{ref}/{payer}/"},
		{"axis_upi_older", "{amount} credited to A/c no. {tail} on {date} at {time} IST. Info- UPI/<P2A|P2M>/{ref}/{payer}/"},
	},
}
