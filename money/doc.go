// Package money holds amounts as whole minor units and reads and writes them as decimal text.
//
// No amount ever passes through a floating-point number: text is read digit by digit, and every operation that could
// leave the range of int64 reports an error.
package money
