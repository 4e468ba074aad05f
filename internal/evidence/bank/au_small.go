package bank

// No sample is known yet: the generic template reads its texts.
var auSmall = Bank{Name: "AU Small Finance Bank", Headers: []string{"AUBANK"}, Zone: India}
