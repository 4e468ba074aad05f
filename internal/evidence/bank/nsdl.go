package bank

// No sample is known yet: the generic template reads its texts.
var nsdl = Bank{Name: "NSDL Payments Bank", Headers: []string{"NSDLPB"}, Zone: India}
