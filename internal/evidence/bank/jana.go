package bank

// No sample is known yet: the generic template reads its texts.
var jana = Bank{Name: "Jana Small Finance Bank", Headers: []string{"JANABK"}, Zone: India}
