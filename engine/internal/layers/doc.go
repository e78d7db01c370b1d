// Package layers holds the test of which package may import which.
package layers
