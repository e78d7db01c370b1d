// Command referrers serves go-containerregistry's registry with the referrers API, which `crane registry serve` leaves
// off. It holds everything in memory, says on which port of loopback it serves, and ends with its standard input.
package main

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"

	"github.com/google/go-containerregistry/pkg/registry"
)

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	quiet := registry.Logger(log.New(io.Discard, "", 0))
	go func() { log.Fatal(http.Serve(listener, registry.New(registry.WithReferrersSupport(true), quiet))) }()
	fmt.Fprintf(os.Stderr, "serving on port %d\n", listener.Addr().(*net.TCPAddr).Port)
	_, _ = io.Copy(io.Discard, os.Stdin)
}
