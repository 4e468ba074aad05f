// Package broken does not build.
package broken

// Number is a string.
const Number int = "a string"
