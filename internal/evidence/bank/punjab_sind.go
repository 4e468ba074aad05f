package bank

// No sample is known yet: the generic template reads its texts.
var punjabSind = Bank{Name: "Punjab & Sind Bank", Headers: []string{"PSBANK"}, Zone: India}
