// Package lane delivers postbacks: it leases what is due, posts it and records what came of it, through the verbs of
// package gateway.
//
//	due row → LeasePostbacks → POST with the stored bytes → RecordAttempts → delivered, next try, or exhausted
//
// What it promises. Every postback is delivered at least once or visibly exhausted: a lease that its owner can't record
// ends by itself, and the postback is sent again with the same body and webhook-id. A running process never has two
// requests open for one postback: no request starts in the last MinLeaseLeft of its lease and none lasts longer than
// RequestLimit, so each ends before anybody else may lease the postback, even if clocks of instances are up to
// MinLeaseLeft - RequestLimit apart. A process that was frozen past its lease may overlap once; what it then records is
// refused.
//
// Who is slow or dead delays nobody else: each endpoint has a limit of open requests that grows while it answers and
// falls to one while it doesn't (see slots), and no more is leased than is sent at once.
package lane
