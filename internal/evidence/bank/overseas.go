package bank

// No sample is known yet: the generic template reads its texts.
var overseas = Bank{Name: "Indian Overseas Bank", Headers: []string{"IOBCHN"}, Zone: India}
