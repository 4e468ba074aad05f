package bank

// No sample is known yet: the generic template reads its texts.
var southIndian = Bank{Name: "South Indian Bank", Headers: []string{"SIBSMS"}, Zone: India}
