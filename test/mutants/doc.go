// Package mutants holds bugs that were made on purpose, one patch each, and the test that they still fit the code.
// scripts/mutants runs the tests that must see them.
package mutants
