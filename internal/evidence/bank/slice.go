package bank

// No sample is known yet: the generic template reads its texts.
var slice = Bank{Name: "slice", Headers: []string{"SLICEB"}, Zone: India}
