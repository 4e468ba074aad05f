// Package rails joins the rails of providers with simulated providers that misbehave. It consists of tests only.
package rails
