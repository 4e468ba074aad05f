// Package lane delivers postbacks through the verbs of package gateway. A lane is an endpoint, a merchant's address for one
// kind of postback; whoever has leased it alone sends there.
//
//	due lanes → LeaseLanes → ReadLanes, or what was just committed → POST the stored bytes → RecordAttempts
//	          → delivered, next try, or exhausted; breaker moved; lane given back
//
// What it promises. Every postback is delivered at least once or visibly exhausted: a lease that its owner can't record
// under ends by itself, and the postback is sent again with the same body and webhook-id. A running process never has two
// requests open for one postback: no request starts in the last MinLeaseLeft of a lease and none lasts longer than
// RequestLimit, so each ends before anybody else may lease the lane. A process that was frozen past its lease may overlap
// once; what it then records is refused.
//
// Who is slow or dead delays nobody else: each endpoint has a limit of open requests that grows while it answers and
// falls to one while it doesn't (see slots), and behind an open breaker (package postback) only probes are sent.
package lane
