// Package payouts holds the campaign that proves that no withdrawal is paid twice. Simulated providers with every fault live
// in the test's process, so that the bank's book survives whatever happens to the gateway; the gateway is a process of its own
// that is killed again and again, at random moments and in the windows that are the dangerous ones: while a request is under
// way to the bank, after the bank took it and before it answered, and after the answer was sent. A virtual clock lets days
// pass in a moment, also between a question and its answer.
//
// The laws, checked after each crash and at the end, over three books (the bank's, the gateway's database, the merchants'
// money): no account is credited twice; the bank has nothing that the gateway didn't mean it to have, and hears of nothing
// before it is stored that it may have heard; what is paid there ends paid here; what was given back isn't paid there; all
// money is accounted for to the paisa; each end was told once; the audit is clean; everything ends.
//
// What ends and how. Most of it ends by itself. What a provider never decides, what it never took on, and what it once named by
// a wrong id, is ended after days by two people who look into the bank's book.
//
// Out of reach, by design (docs/decisions/0020): a bank that says "failed" without a break for more than an hour and pays later. The
// gateway gives the money back after that hour, and can only raise an alarm when the bank changes its mind. So the banks here that
// change their mind do so within the hour, and then nothing may be given back, whatever else goes wrong. A bank that takes a payment
// back after it said paid leaves it paid here (the end was told) unless the gateway heard of the return first; never both.
// Also out of reach: a request that is under way for more than the two days between the last time that a bank is told of a reference
// and the moment when it forgets it.
package payouts
