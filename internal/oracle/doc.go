// Package oracle judges Galla from outside. It holds three books against each other: the database, read with SQL of its own; what
// somebody asked of Galla and was answered (Told); and what the world saw (Seen): transfers on wallets, payouts at banks, postbacks
// at merchants. It imports none of the rules that it judges. Each check is an invariant of ARCHITECTURE.md ("What must always hold").
//
// The checks of the database also run in production: over what is new while a server works, over everything in `galla audit`.
package oracle
