// Command go-forwarder is the Go forwarder as far as the mesh sees it: the chain, pools and device plugin of NSM's published
// modules, put together in the order of cmd-forwarder-sriov. It takes our daemon's place in the tests of the mesh, so
// that it is known what they ask of the mesh, and what of us.
//
// It reads those of the daemon's settings that the Go forwarder has, and NSM_LISTEN_ON, so that the tests know its socket.
// It writes one JSON line to its standard output when it is registered and for every certificate; the SDK's log is its
// standard error.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/edwarnicke/genericsync"
	forwarder "github.com/networkservicemesh/sdk-sriov/pkg/networkservice/chains/forwarder"
	"github.com/networkservicemesh/sdk/pkg/networkservice/common/authorize"
	"github.com/networkservicemesh/sdk/pkg/tools/log"
	monitorauthorize "github.com/networkservicemesh/sdk/pkg/tools/monitorconnection/authorize"
	"github.com/sirupsen/logrus"
	"github.com/spiffe/go-spiffe/v2/spiffeid"
)

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGHUP, syscall.SIGTERM, syscall.SIGQUIT)
	defer cancel()
	// At WARN and below the SDK passes no descriptors.
	logrus.SetLevel(logrus.InfoLevel)
	log.EnableTracing(true)
	if err := run(ctx); err != nil && ctx.Err() == nil {
		logrus.Fatalf("%+v", err)
	}
}

func run(ctx context.Context) error {
	given, err := readSettings()
	if err != nil {
		return err
	}
	cards, err := openHardware(ctx, given)
	if err != nil {
		return err
	}
	if err := cards.offer(ctx, given); err != nil {
		return err
	}
	self, err := newIdentity(ctx, given.tokenLifetime)
	if err != nil {
		return err
	}
	failed := self.serve(ctx, given.listen, newChain(ctx, given, cards, self))
	if err := self.register(ctx, given); err != nil {
		return err
	}
	report("registered")
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		return nil
	}
}

// newChain is everything that a Request or Close passes through.
func newChain(ctx context.Context, given settings, cards *hardware, self *identity) service {
	var callers genericsync.Map[spiffeid.ID, *genericsync.Map[string, struct{}]]
	return forwarder.NewServer(ctx, given.name,
		authorize.NewServer(authorize.WithSpiffeIDConnectionMap(&callers)),
		monitorauthorize.NewMonitorConnectionServer(monitorauthorize.WithSpiffeIDConnectionMap(&callers)),
		self.tokens, cards.functions, cards.resources, cards.config, given.vfio, given.cgroup,
		given.manager, given.dialTimeout, self.dialOptions()...,
	)
}

// report tells the tests of something that has happened.
func report(event string) {
	line, _ := json.Marshal(map[string]string{"event": event})
	fmt.Println(string(line))
}
