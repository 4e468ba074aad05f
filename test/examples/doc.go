// Package examples runs the programs of docs/examples, which the merchant's page shows, against a real server: they ask
// for a wallet, report a payment, receive its postback and refuse what isn't genuine. It consists of tests only.
package examples
