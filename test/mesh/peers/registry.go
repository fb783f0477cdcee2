package main

import (
	"context"
	"time"

	"github.com/networkservicemesh/sdk/pkg/registry/chains/memory"
	"github.com/networkservicemesh/sdk/pkg/registry/common/authorize"
)

// How long a registration lasts without a refresh, as cmd-registry-memory has it.
const registrationLifetime = time.Minute

// runRegistry is cmd-registry-memory.
func runRegistry(ctx context.Context, self *identity, given options) error {
	server := authorize.WithPolicies(asRegistryServer...)
	client := authorize.WithPolicies(asRegistryClient...)
	registry := memory.NewServer(ctx, self.tokens,
		memory.WithDefaultExpiration(registrationLifetime),
		memory.WithAuthorizeNSRegistryServer(authorize.NewNetworkServiceRegistryServer(server)),
		memory.WithAuthorizeNSERegistryServer(authorize.NewNetworkServiceEndpointRegistryServer(server)),
		memory.WithAuthorizeNSRegistryClient(authorize.NewNetworkServiceRegistryClient(client)),
		memory.WithAuthorizeNSERegistryClient(authorize.NewNetworkServiceEndpointRegistryClient(client)),
		memory.WithDialOptions(self.dialOptions()...),
	)
	if err := self.serve(ctx, given.listen, registry); err != nil {
		return err
	}
	report(event{Event: "ready"})
	<-ctx.Done()
	return nil
}
