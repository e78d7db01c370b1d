// Command attest-engine is the real OPA and the real Gatekeeper behind JSON-RPC on stdin and stdout.
// engine/README.md documents the protocol.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"attest.continuu.ms/engine/internal/deadline"
	"attest.continuu.ms/engine/internal/policyset"
	"attest.continuu.ms/engine/internal/rpc"
	"attest.continuu.ms/engine/internal/version"
)

// A run is short, and what it holds at a time is small: garbage may be much more than that, but for a large project (ADR 0070).
// A process that lives on beside others has little room to spare: three engines of a server took 470 MB by the one, 300 MB by the
// other (100 percent), for a sixth more of processor.
var (
	briefly = &pace{Most: 400, Least: 100, Room: 224 << 20}
	lasting = &pace{Most: 200, Least: 100, Room: 80 << 20}
)

func main() {
	show := flag.Bool("version", false, "print the versions and exit")
	ahead := flag.String("ahead", "", "the sources of policies/load, as JSON, that will probably be asked for")
	flag.Parse()
	if *show {
		fmt.Printf("attest-engine %s (opa %s, gatekeeper %s)\n", version.Version, version.Of(opaModule), version.Of(gatekeeperModule))
		return
	}
	// Ctrl-C in a terminal reaches the whole process group; what it means is the parent's decision,
	// and our stdin closes when the parent goes.
	signal.Ignore(os.Interrupt)
	briefly.keep()
	deadline.Stuck = stuck
	if *ahead != "" {
		begin(*ahead)
	}
	rpc.Serve(context.Background(), stdio{polled(os.Stdin), polled(os.Stdout)}, newService(os.Stderr).methods())
}

// begin compiles policies before they are asked for. What is wrong with them is told when they are.
func begin(sources string) {
	defer func() { _ = recover() }()
	var params policyset.Params
	if json.Unmarshal([]byte(sources), &params) == nil {
		policyset.Ahead(params)
	}
}

// exitStuck is the exit code of a process that ended itself because an evaluation did not stop.
const exitStuck = 71

func stuck(what string) {
	fmt.Fprintf(os.Stderr, `{"level":"error","code":"stuck","msg":"an evaluation of %s could not be stopped at its time limit"}`+"\n", what)
	os.Exit(exitStuck)
}

// stdio is the stream to the parent.
type stdio struct{ in, out *os.File }

func (s stdio) Read(p []byte) (int, error)  { return s.in.Read(p) }
func (s stdio) Write(p []byte) (int, error) { return s.out.Write(p) }
func (s stdio) Close() error                { return s.in.Close() }

// polled is a pipe whose readers and writers wait without a thread of the system: where each message is waited for in a call
// of the system, the runtime wakes up every 20 µs to see whether the thread comes back. Anything else stays as it is, since
// others may share it.
func polled(file *os.File) *os.File {
	info, err := file.Stat()
	if err != nil || info.Mode()&os.ModeNamedPipe == 0 || syscall.SetNonblock(int(file.Fd()), true) != nil {
		return file
	}
	return os.NewFile(file.Fd(), file.Name())
}
