package main

import (
	"context"
	"net"
	"net/url"

	"github.com/networkservicemesh/api/pkg/api/networkservice"
	"github.com/networkservicemesh/api/pkg/api/networkservice/mechanisms/noop"
	"github.com/networkservicemesh/api/pkg/api/networkservice/payload"
	registryapi "github.com/networkservicemesh/api/pkg/api/registry"
	"github.com/networkservicemesh/sdk/pkg/networkservice/chains/endpoint"
	"github.com/networkservicemesh/sdk/pkg/networkservice/common/authorize"
	"github.com/networkservicemesh/sdk/pkg/networkservice/common/mechanisms"
	"github.com/networkservicemesh/sdk/pkg/networkservice/common/null"
	"github.com/networkservicemesh/sdk/pkg/networkservice/ipam/point2pointipam"
	registryclient "github.com/networkservicemesh/sdk/pkg/registry/chains/client"
	registryauthorize "github.com/networkservicemesh/sdk/pkg/registry/common/authorize"
	"github.com/networkservicemesh/sdk/pkg/registry/common/sendfd"
)

// runEndpoint is cmd-nse-vfio as far as a forwarder sees it: NOOP, and addresses for every connection.
func runEndpoint(ctx context.Context, self *identity, given options) error {
	manager, err := url.Parse(given.manager)
	if err != nil {
		return err
	}
	_, prefix, err := net.ParseCIDR(given.prefix)
	if err != nil {
		return err
	}
	chain := endpoint.NewServer(ctx, self.tokens,
		endpoint.WithName(given.name),
		endpoint.WithAuthorizeServer(authorize.NewServer()),
		endpoint.WithAdditionalFunctionality(
			point2pointipam.NewServer(prefix),
			mechanisms.NewServer(map[string]networkservice.NetworkServiceServer{noop.MECHANISM: null.NewServer()}),
		),
	)
	if err := self.serve(ctx, given.listen, chain); err != nil {
		return err
	}
	if err := self.register(ctx, manager, given); err != nil {
		return err
	}
	report(event{Event: "ready"})
	<-ctx.Done()
	return nil
}

// register makes the service and this endpoint of it known, and keeps the endpoint so.
func (i *identity) register(ctx context.Context, manager *url.URL, given options) error {
	policies := registryauthorize.WithPolicies(asRegistryClient...)
	services := registryclient.NewNetworkServiceRegistryClient(ctx,
		registryclient.WithClientURL(manager),
		registryclient.WithDialOptions(i.dialOptions()...),
		registryclient.WithAuthorizeNSRegistryClient(registryauthorize.NewNetworkServiceRegistryClient(policies)),
	)
	_, err := services.Register(ctx, &registryapi.NetworkService{Name: given.service, Payload: payload.Ethernet})
	if err != nil {
		return err
	}
	endpoints := registryclient.NewNetworkServiceEndpointRegistryClient(ctx,
		registryclient.WithClientURL(manager),
		registryclient.WithDialOptions(i.dialOptions()...),
		registryclient.WithAuthorizeNSERegistryClient(registryauthorize.NewNetworkServiceEndpointRegistryClient(policies)),
		registryclient.WithNSEAdditionalFunctionality(sendfd.NewNetworkServiceEndpointRegistryClient()),
	)
	_, err = endpoints.Register(ctx, &registryapi.NetworkServiceEndpoint{
		Name:                given.name,
		NetworkServiceNames: []string{given.service},
		NetworkServiceLabels: map[string]*registryapi.NetworkServiceLabels{
			given.service: {Labels: map[string]string{}},
		},
		Url: given.listen,
	})
	return err
}
