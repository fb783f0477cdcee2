package main

import (
	"context"
	"fmt"
	"net"
	"net/url"

	"github.com/golang/protobuf/ptypes/empty"
	"github.com/networkservicemesh/api/pkg/api/networkservice"
	"github.com/networkservicemesh/api/pkg/api/networkservice/mechanisms/noop"
	"github.com/networkservicemesh/sdk/pkg/networkservice/chains/endpoint"
	"github.com/networkservicemesh/sdk/pkg/networkservice/common/authorize"
	"github.com/networkservicemesh/sdk/pkg/networkservice/common/mechanisms"
	"github.com/networkservicemesh/sdk/pkg/networkservice/common/null"
	"github.com/networkservicemesh/sdk/pkg/networkservice/core/next"
	"github.com/networkservicemesh/sdk/pkg/networkservice/ipam/point2pointipam"
	"github.com/networkservicemesh/sdk/pkg/tools/grpcutils"
)

type endpointOptions struct {
	listen, name, prefix string
}

// runEndpoint serves NOOP connections with the SDK's default policies: it refuses a caller whose tokens do not fit.
func runEndpoint(ctx context.Context, self *identity, options endpointOptions) error {
	address, err := url.Parse(options.listen)
	if err != nil {
		return err
	}
	_, prefix, err := net.ParseCIDR(options.prefix)
	if err != nil {
		return err
	}
	gate := newGate()
	chain := endpoint.NewServer(ctx, self.tokens,
		endpoint.WithName(options.name),
		endpoint.WithAuthorizeServer(authorize.NewServer()),
		endpoint.WithAdditionalFunctionality(
			gate,
			point2pointipam.NewServer(prefix),
			&signature{name: options.name},
			mechanisms.NewServer(map[string]networkservice.NetworkServiceServer{noop.MECHANISM: null.NewServer()}),
		),
	)
	server := self.newServer()
	chain.Register(server)
	failures := grpcutils.ListenAndServe(ctx, address, server)
	select {
	case err := <-failures:
		return err
	default:
		fmt.Println(`{"ready":true}`)
	}
	return gate.open()
}

// signature leaves the endpoint's name in the extra context, beside what others put there.
type signature struct {
	name string
}

func (s *signature) Request(ctx context.Context, request *networkservice.NetworkServiceRequest) (*networkservice.Connection, error) {
	connectionContext := request.GetConnection().GetContext()
	if connectionContext.ExtraContext == nil {
		connectionContext.ExtraContext = map[string]string{}
	}
	connectionContext.ExtraContext["endpoint"] = s.name
	return next.Server(ctx).Request(ctx, request)
}

func (s *signature) Close(ctx context.Context, connection *networkservice.Connection) (*empty.Empty, error) {
	return next.Server(ctx).Close(ctx, connection)
}
