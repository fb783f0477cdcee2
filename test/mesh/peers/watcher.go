package main

import (
	"context"
	"encoding/json"
	"net/url"

	registryapi "github.com/networkservicemesh/api/pkg/api/registry"
	"github.com/networkservicemesh/sdk/pkg/tools/grpcutils"
	"google.golang.org/grpc"
)

// runWatcher tells of every change of a service's endpoints in the registry, as whoever looks for them sees it.
func runWatcher(ctx context.Context, self *identity, given options) error {
	target, err := url.Parse(given.registry)
	if err != nil {
		return err
	}
	connection, err := grpc.DialContext(ctx, grpcutils.URLToTarget(target), self.dialOptions()...)
	if err != nil {
		return err
	}
	defer func() { _ = connection.Close() }()
	stream, err := registryapi.NewNetworkServiceEndpointRegistryClient(connection).Find(ctx,
		&registryapi.NetworkServiceEndpointQuery{
			NetworkServiceEndpoint: &registryapi.NetworkServiceEndpoint{NetworkServiceNames: []string{given.service}},
			Watch:                  true,
		})
	if err != nil {
		return err
	}
	report(event{Event: "ready"})
	for {
		change, err := stream.Recv()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		name := "registered"
		if change.GetDeleted() {
			name = "deleted"
		}
		endpoint, err := json.Marshal(map[string]any{
			"name":    change.GetNetworkServiceEndpoint().GetName(),
			"expires": change.GetNetworkServiceEndpoint().GetExpirationTime().AsTime().UnixMilli(),
		})
		if err != nil {
			return err
		}
		report(event{Event: name, Endpoint: endpoint})
	}
}
