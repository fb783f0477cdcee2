// Command mesh-peer is what surrounds a forwarder in a real mesh: each role is one of NSM's own programs, put together
// from the SDK's chains with their default policies.
//
//	mesh-peer registry -listen tcp://127.0.0.1:15002
//	mesh-peer manager  -name NAME -listen unix:///path,tcp://127.0.0.1:15001 -registry tcp://127.0.0.1:15002
//	mesh-peer endpoint -name NAME -listen unix:///path -manager unix:///path -service NAME -prefix 172.16.1.0/26
//	mesh-peer client   -name NAME -manager unix:///path -service kernel://service/nsm-1?sriovToken=domain/capability
//	mesh-peer churn    as client: one connection after the other
//	mesh-peer watcher  -registry tcp://127.0.0.1:15002 -service NAME
//	mesh-peer intruder -manager unix:///path -connection FILE
//
// All take their identity from the SPIFFE Workload API at SPIFFE_ENDPOINT_SOCKET, and write one JSON line to their
// standard output for each thing that happened. They end with SIGTERM; a client closes its connection first.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/networkservicemesh/sdk/pkg/tools/log"
	"github.com/sirupsen/logrus"
)

// options are those of all roles; each uses some.
type options struct {
	name, listen, registry, manager, service, prefix, connection, vfio, cgroup, recording, logFile string

	tokenLifetime time.Duration
}

var roles = map[string]func(context.Context, *identity, options) error{
	"registry": runRegistry,
	"manager":  runManager,
	"endpoint": runEndpoint,
	"client":   runClient,
	"churn":    runChurn,
	"watcher":  runWatcher,
	"intruder": runIntruder,
}

func main() {
	if len(os.Args) < 2 || roles[os.Args[1]] == nil {
		fail(fmt.Errorf("expected a role: registry, manager, endpoint, client, churn, watcher or intruder"))
	}
	given := readOptions(os.Args[1], os.Args[2:])
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	if err := setLog(given.logFile); err != nil {
		fail(err)
	}
	self, err := newIdentity(ctx, given.tokenLifetime)
	if err != nil {
		fail(err)
	}
	if err := roles[os.Args[1]](ctx, self, given); err != nil {
		fail(err)
	}
}

func readOptions(role string, args []string) (given options) {
	flags := flag.NewFlagSet(role, flag.ExitOnError)
	flags.StringVar(&given.name, "name", role, "name in paths and in the registry")
	flags.StringVar(&given.listen, "listen", "", "URLs to listen on, with commas between them")
	flags.StringVar(&given.registry, "registry", "", "URL of the registry")
	flags.StringVar(&given.manager, "manager", "", "URL of the manager")
	flags.StringVar(&given.service, "service", "", "the network service; for a client mechanism://service/interface?labels")
	flags.StringVar(&given.prefix, "prefix", "172.16.1.0/26", "addresses that the endpoint gives")
	flags.StringVar(&given.connection, "connection", "", "file with somebody's connection, in protobuf's JSON form")
	flags.StringVar(&given.vfio, "vfio", "/dev/vfio", "folder for the device nodes of a VFIO client")
	flags.StringVar(&given.cgroup, "cgroup", "", "cgroup of a VFIO client's pod; without it what a client finds out itself")
	flags.StringVar(&given.recording, "record", "", "file for the Requests and Closes that a manager sends")
	flags.StringVar(&given.logFile, "log", "", "file for the SDK's own log")
	flags.DurationVar(&given.tokenLifetime, "token-lifetime", 10*time.Minute, "how long tokens are good")
	_ = flags.Parse(args)
	return given
}

// setLog keeps the level at INFO: at WARN and below the SDK passes no descriptors.
func setLog(file string) error {
	logrus.SetLevel(logrus.InfoLevel)
	log.EnableTracing(true)
	if file == "" {
		logrus.SetOutput(io.Discard)
		return nil
	}
	output, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	logrus.SetOutput(output)
	return nil
}

func fail(err error) {
	fmt.Fprintf(os.Stderr, "%+v\n", err)
	os.Exit(1)
}
