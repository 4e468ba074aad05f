// Package simulator lives whole lives of Galla in virtual time, a seed each. Two instances share one real database. Payers pay and
// claim, squatters and guessers claim what isn't theirs, phones report late, twice, out of order, wrongly or never, merchants'
// servers answer badly, people decide, withdrawals go to a bank that misbehaves. Instances die between any two operations on the
// database, lose the answer of a COMMIT, find the database away, and freeze past their leases. Two calls at once are interleaved at
// each operation on the database, in an order that the seed draws.
//
// Each seed enables a random subset of the faults (swarm testing: a fault that is always there hides what shows only without it).
// After each step the oracle looks at the database; after crashes, now and then, and at the end it compares all three books. At the
// end all faults stop, everything is delivered, and what must be true at rest is checked too.
//
// A seed is exact: the same seed on the same code draws the same life. What isn't drawn from it (secrets, leases, webhook ids)
// decides nothing.
package simulator
