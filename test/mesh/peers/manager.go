package main

import (
	"context"
	"net/url"
	"strings"
	"time"

	"github.com/edwarnicke/genericsync"
	"github.com/networkservicemesh/sdk/pkg/networkservice/chains/nsmgr"
	"github.com/networkservicemesh/sdk/pkg/networkservice/common/authorize"
	registryauthorize "github.com/networkservicemesh/sdk/pkg/registry/common/authorize"
	monitorauthorize "github.com/networkservicemesh/sdk/pkg/tools/monitorconnection/authorize"
	"github.com/spiffe/go-spiffe/v2/spiffeid"
)

// How long a manager lets a dial take, as cmd-nsmgr has it.
const managerDialTimeout = 750 * time.Millisecond

// runManager is cmd-nsmgr.
func runManager(ctx context.Context, self *identity, given options) error {
	registry, err := url.Parse(given.registry)
	if err != nil {
		return err
	}
	dialOptions := self.dialOptions()
	if given.recording != "" {
		dialOptions = append(dialOptions, record(given.recording))
	}
	var callers genericsync.Map[spiffeid.ID, *genericsync.Map[string, struct{}]]
	server := registryauthorize.WithPolicies(asRegistryServer...)
	client := registryauthorize.WithPolicies(asRegistryClient...)
	manager := nsmgr.NewServer(ctx, self.tokens,
		nsmgr.WithName(given.name),
		nsmgr.WithURL(publicURL(given.listen)),
		nsmgr.WithRegistry(registry),
		nsmgr.WithAuthorizeServer(authorize.NewServer(authorize.WithSpiffeIDConnectionMap(&callers))),
		nsmgr.WithAuthorizeMonitorConnectionServer(
			monitorauthorize.NewMonitorConnectionServer(monitorauthorize.WithSpiffeIDConnectionMap(&callers))),
		nsmgr.WithAuthorizeNSRegistryServer(registryauthorize.NewNetworkServiceRegistryServer(server)),
		nsmgr.WithAuthorizeNSERegistryServer(registryauthorize.NewNetworkServiceEndpointRegistryServer(server)),
		nsmgr.WithAuthorizeNSRegistryClient(registryauthorize.NewNetworkServiceRegistryClient(client)),
		nsmgr.WithAuthorizeNSERegistryClient(registryauthorize.NewNetworkServiceEndpointRegistryClient(client)),
		nsmgr.WithDialTimeout(managerDialTimeout),
		nsmgr.WithDialOptions(dialOptions...),
	)
	if err := self.serve(ctx, given.listen, manager); err != nil {
		return err
	}
	report(event{Event: "ready"})
	<-ctx.Done()
	return nil
}

// publicURL is what other nodes reach the manager by: the first URL that is no unix socket.
func publicURL(listen string) string {
	for _, address := range strings.Split(listen, ",") {
		if strings.HasPrefix(address, "tcp:") {
			return address
		}
	}
	return ""
}
