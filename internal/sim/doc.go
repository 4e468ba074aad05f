// Package sim is the world outside of Galla, invented: banks that move money and send text messages about it, phones
// that forward those, payers with their habits, a merchant with a shop, a fleet of receivers of postbacks, most of
// which are broken, and providers of payouts that misbehave as they are told. The demo, the tests and the bench use it.
//
// It meets Galla where the real ones do, over HTTP, and shares no code with the server beyond package money: what the
// merchant here accepts, a merchant's own code accepts. What varies does so by a seed, and time is handed in.
package sim
