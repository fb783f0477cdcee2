package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/url"
	"strings"
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

// How long the agent may take to know this process.
const identityPatience = 30 * time.Second

// identity is who this process is: certificates for TLS, and tokens signed with the same key.
type identity struct {
	source *workloadapi.X509Source
	tokens token.GeneratorFunc
}

func newIdentity(ctx context.Context, lifetime time.Duration) (*identity, error) {
	waiting, cancel := context.WithTimeout(ctx, identityPatience)
	defer cancel()
	source, err := workloadapi.NewX509Source(waiting)
	if err != nil {
		return nil, fmt.Errorf("no identity: %w", err)
	}
	return &identity{source: source, tokens: spiffejwt.TokenGeneratorFunc(source, lifetime)}, nil
}

func (i *identity) clientTLS() grpc.DialOption {
	config := tlsconfig.MTLSClientConfig(i.source, i.source, tlsconfig.AuthorizeAny())
	config.MinVersion = tls.VersionTLS12
	return grpc.WithTransportCredentials(grpcfd.TransportCredentials(credentials.NewTLS(config)))
}

// dialOptions are those of NSM's programs: mutual TLS with descriptors below it, and a token for each call. A dial waits
// until the peer is there or its time is up; a call would wait as long as its caller does.
func (i *identity) dialOptions() []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithBlock(),
		i.clientTLS(),
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

// serve listens on all the URLs until the context ends.
func (i *identity) serve(ctx context.Context, listen string, it service) error {
	config := tlsconfig.MTLSServerConfig(i.source, i.source, tlsconfig.AuthorizeAny())
	config.MinVersion = tls.VersionTLS12
	server := grpc.NewServer(grpc.Creds(grpcfd.TransportCredentials(credentials.NewTLS(config))))
	it.Register(server)
	failed := make(chan error, 1)
	for _, address := range strings.Split(listen, ",") {
		target, err := url.Parse(address)
		if err != nil {
			return err
		}
		failures := grpcutils.ListenAndServe(ctx, target, server)
		select {
		case err := <-failures:
			return err
		default:
		}
		go func() { failed <- <-failures }()
	}
	go func() {
		<-ctx.Done()
		server.Stop()
	}()
	select {
	case err := <-failed:
		if ctx.Err() == nil {
			return err
		}
	case <-ctx.Done():
	default:
	}
	return nil
}
