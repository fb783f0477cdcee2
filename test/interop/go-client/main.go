// Command go-client is a real Go peer for the forwarder: the NSM SDK's client and endpoint chains, driven from outside.
//
//	go-client client -url unix:///path/of/the/forwarder [-log-level INFO] [-token-lifetime 10m] [-refresh]
//	go-client endpoint -listen unix:///path -name NAME -prefix 172.16.0.0/16 [-log-level INFO]
//
// Both take their identity from the SPIFFE Workload API at SPIFFE_ENDPOINT_SOCKET. A client reads one JSON command per
// line from its standard input and answers each with one JSON line, in order; it ends with its input, and leaves its
// connections to the forwarder as they are. An endpoint says {"ready":true}, then {"asked":N} for every Request, which
// waits for a line N of input; it serves until its input ends.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/networkservicemesh/sdk/pkg/tools/log"
	"github.com/sirupsen/logrus"
)

func main() {
	if len(os.Args) < 2 {
		fail(fmt.Errorf("expected a role: client or endpoint"))
	}
	flags := flag.NewFlagSet(os.Args[1], flag.ExitOnError)
	level := flags.String("log-level", "INFO", "log level, as NSM_LOG_LEVEL has it")
	lifetime := flags.Duration("token-lifetime", 10*time.Minute, "how long tokens are good")
	target := flags.String("url", "", "the forwarder's URL")
	listen := flags.String("listen", "", "where the endpoint listens")
	refreshing := flags.Bool("refresh", false, "the client refreshes by itself, as cmd-nsc does")
	name := flags.String("name", "go-endpoint", "the endpoint's name")
	prefix := flags.String("prefix", "172.16.0.0/16", "addresses that the endpoint gives")
	_ = flags.Parse(os.Args[2:])

	setLogLevel(*level)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	self, err := newIdentity(ctx, *lifetime)
	if err != nil {
		fail(err)
	}
	switch os.Args[1] {
	case "client":
		err = runClient(ctx, clientOptions{self: self, url: *target, refreshing: *refreshing})
	case "endpoint":
		err = runEndpoint(ctx, self, endpointOptions{listen: *listen, name: *name, prefix: *prefix})
	default:
		err = fmt.Errorf("%s is no role: expected client or endpoint", os.Args[1])
	}
	if err != nil {
		fail(err)
	}
}

// setLogLevel does what NSM's commands do with NSM_LOG_LEVEL: the SDK behaves differently at different levels.
func setLogLevel(text string) {
	level, err := logrus.ParseLevel(text)
	if err != nil {
		fail(err)
	}
	logrus.SetLevel(level)
	logrus.SetOutput(io.Discard)
	log.EnableTracing(true)
}

func fail(err error) {
	fmt.Fprintf(os.Stderr, "%+v\n", err)
	os.Exit(1)
}
