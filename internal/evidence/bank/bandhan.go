package bank

// No sample is known yet: the generic template reads its texts.
var bandhan = Bank{Name: "Bandhan Bank", Headers: []string{"BDNSMS"}, Zone: India}
