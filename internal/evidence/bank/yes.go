package bank

// No sample is known yet: the generic template reads its texts.
var yes = Bank{Name: "Yes Bank", Headers: []string{"YESBNK"}, Zone: India}
