package main

import (
	"context"

	registryapi "github.com/networkservicemesh/api/pkg/api/registry"
	registryclient "github.com/networkservicemesh/sdk/pkg/registry/chains/client"
	"github.com/networkservicemesh/sdk/pkg/registry/common/authorize"
	"github.com/networkservicemesh/sdk/pkg/registry/common/sendfd"
	"github.com/networkservicemesh/sdk/pkg/tools/grpcutils"
)

// clientPolicies are NSM's own, as cmd-forwarder-sriov names them by default.
var clientPolicies = []string{
	"etc/nsm/opa/common/.*.rego",
	"etc/nsm/opa/registry/.*.rego",
	"etc/nsm/opa/client/.*.rego",
}

// register makes this forwarder known to the manager, its socket as a descriptor, and keeps it so.
func (i *identity) register(ctx context.Context, given settings) error {
	policies := authorize.WithPolicies(clientPolicies...)
	registry := registryclient.NewNetworkServiceEndpointRegistryClient(ctx,
		registryclient.WithClientURL(given.manager),
		registryclient.WithDialOptions(i.dialOptions()...),
		registryclient.WithAuthorizeNSERegistryClient(authorize.NewNetworkServiceEndpointRegistryClient(policies)),
		registryclient.WithNSEAdditionalFunctionality(sendfd.NewNetworkServiceEndpointRegistryClient()),
	)
	_, err := registry.Register(ctx, &registryapi.NetworkServiceEndpoint{
		Name:                given.name,
		NetworkServiceNames: []string{given.service},
		NetworkServiceLabels: map[string]*registryapi.NetworkServiceLabels{
			given.service: {Labels: map[string]string{"p2p": "true"}},
		},
		Url: grpcutils.URLToTarget(given.listen),
	})
	return err
}
