package main

import (
	"context"
	"crypto/tls"
	"net/url"
	"time"

	"github.com/edwarnicke/grpcfd"
	"github.com/networkservicemesh/sdk/pkg/tools/grpcutils"
	"github.com/networkservicemesh/sdk/pkg/tools/spiffejwt"
	"github.com/networkservicemesh/sdk/pkg/tools/token"
	"github.com/spiffe/go-spiffe/v2/spiffetls/tlsconfig"
	"github.com/spiffe/go-spiffe/v2/workloadapi"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
)

// identity is who this process is: certificates for TLS, and tokens signed with the same key.
type identity struct {
	source *workloadapi.X509Source
	tokens token.GeneratorFunc
}

// newIdentity waits for the agent, as long as that takes.
func newIdentity(ctx context.Context, lifetime time.Duration) (*identity, error) {
	source, err := workloadapi.NewX509Source(ctx)
	if err != nil {
		return nil, err
	}
	report("certificate")
	go func() {
		for {
			select {
			case <-source.Updated():
				report("certificate")
			case <-ctx.Done():
				return
			}
		}
	}()
	return &identity{source, spiffejwt.TokenGeneratorFunc(source, lifetime)}, nil
}

// dialOptions are mutual TLS with descriptors below it, and a token for each call.
func (i *identity) dialOptions() []grpc.DialOption {
	config := tlsconfig.MTLSClientConfig(i.source, i.source, tlsconfig.AuthorizeAny())
	config.MinVersion = tls.VersionTLS12
	return []grpc.DialOption{
		grpc.WithBlock(),
		grpc.WithTransportCredentials(grpcfd.TransportCredentials(credentials.NewTLS(config))),
		grpc.WithDefaultCallOptions(
			grpc.WaitForReady(true),
			grpc.PerRPCCredentials(token.NewPerRPCCredentials(i.tokens)),
		),
		grpcfd.WithChainStreamInterceptor(),
		grpcfd.WithChainUnaryInterceptor(),
	}
}

// service registers itself with a server.
type service interface {
	Register(*grpc.Server)
}

// serve listens until the context ends; what comes out of the channel is why it could not.
func (i *identity) serve(ctx context.Context, listen *url.URL, it service) <-chan error {
	config := tlsconfig.MTLSServerConfig(i.source, i.source, tlsconfig.AuthorizeAny())
	config.MinVersion = tls.VersionTLS12
	server := grpc.NewServer(grpc.Creds(grpcfd.TransportCredentials(credentials.NewTLS(config))))
	it.Register(server)
	return grpcutils.ListenAndServe(ctx, listen, server)
}
