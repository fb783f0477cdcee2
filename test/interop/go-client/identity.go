package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"time"

	"github.com/edwarnicke/grpcfd"
	"github.com/networkservicemesh/sdk/pkg/tools/spiffejwt"
	"github.com/networkservicemesh/sdk/pkg/tools/token"
	"github.com/spiffe/go-spiffe/v2/spiffetls/tlsconfig"
	"github.com/spiffe/go-spiffe/v2/workloadapi"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
)

// How long the workload API may take to grant an identity.
const identityPatience = 20 * time.Second

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

// dialOptions are those of cmd-nsc: mutual TLS with descriptors below it, and a token for each call.
func (i *identity) dialOptions() []grpc.DialOption {
	config := tlsconfig.MTLSClientConfig(i.source, i.source, tlsconfig.AuthorizeAny())
	config.MinVersion = tls.VersionTLS12
	return []grpc.DialOption{
		grpcfd.WithChainStreamInterceptor(),
		grpcfd.WithChainUnaryInterceptor(),
		grpc.WithDefaultCallOptions(
			grpc.WaitForReady(true),
			grpc.PerRPCCredentials(token.NewPerRPCCredentials(i.tokens)),
		),
		grpc.WithTransportCredentials(grpcfd.TransportCredentials(credentials.NewTLS(config))),
	}
}

func (i *identity) newServer() *grpc.Server {
	config := tlsconfig.MTLSServerConfig(i.source, i.source, tlsconfig.AuthorizeAny())
	config.MinVersion = tls.VersionTLS12
	return grpc.NewServer(grpc.Creds(grpcfd.TransportCredentials(credentials.NewTLS(config))))
}

// tokenForSelf is one that this process addresses to itself, as two NSM components with one identity exchange them.
func (i *identity) tokenForSelf() (string, time.Time, error) {
	svid, err := i.source.GetX509SVID()
	if err != nil {
		return "", time.Time{}, err
	}
	return i.tokens(credentials.TLSInfo{State: tls.ConnectionState{PeerCertificates: svid.Certificates}})
}
