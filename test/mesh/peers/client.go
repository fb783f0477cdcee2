package main

import (
	"context"
	"net/url"
	"time"

	"github.com/golang/protobuf/ptypes/empty"
	"github.com/networkservicemesh/api/pkg/api/networkservice"
	kernelmechanism "github.com/networkservicemesh/api/pkg/api/networkservice/mechanisms/kernel"
	vfiomechanism "github.com/networkservicemesh/api/pkg/api/networkservice/mechanisms/vfio"
	kernelheal "github.com/networkservicemesh/sdk-kernel/pkg/kernel/tools/heal"
	"github.com/networkservicemesh/sdk-sriov/pkg/networkservice/common/mechanisms/vfio"
	"github.com/networkservicemesh/sdk-sriov/pkg/networkservice/common/token"
	"github.com/networkservicemesh/sdk/pkg/networkservice/chains/client"
	"github.com/networkservicemesh/sdk/pkg/networkservice/common/authorize"
	"github.com/networkservicemesh/sdk/pkg/networkservice/common/clientinfo"
	"github.com/networkservicemesh/sdk/pkg/networkservice/common/excludedprefixes"
	"github.com/networkservicemesh/sdk/pkg/networkservice/common/heal"
	"github.com/networkservicemesh/sdk/pkg/networkservice/common/mechanisms"
	"github.com/networkservicemesh/sdk/pkg/networkservice/common/mechanisms/kernel"
	"github.com/networkservicemesh/sdk/pkg/networkservice/common/mechanisms/sendfd"
	"github.com/networkservicemesh/sdk/pkg/networkservice/common/upstreamrefresh"
	"github.com/networkservicemesh/sdk/pkg/networkservice/core/next"
	"github.com/networkservicemesh/sdk/pkg/tools/nsurl"
	"google.golang.org/grpc"
)

// Times as cmd-nsc has them.
const (
	requestTimeout   = 15 * time.Second
	dialTimeout      = 5 * time.Second
	livenessInterval = 200 * time.Millisecond
	livenessTimeout  = time.Second
	retryPause       = 200 * time.Millisecond
)

// runClient is cmd-nsc: one connection, kept, healed, and closed at the end.
func runClient(ctx context.Context, self *identity, given options) error {
	service, err := url.Parse(given.service)
	if err != nil {
		return err
	}
	manager, err := url.Parse(given.manager)
	if err != nil {
		return err
	}
	// What keeps the connection ends after it was closed.
	keeping, stop := context.WithCancel(context.Background())
	defer stop()
	nsm := newClient(keeping, self, given, manager)
	connection := connect(ctx, nsm, requestFor((*nsurl.NSURL)(service), given.name))
	if connection == nil {
		return nil
	}
	report(event{Event: "ready"})
	<-ctx.Done()
	closing, cancel := context.WithTimeout(context.Background(), requestTimeout)
	defer cancel()
	_, err = nsm.Close(closing, connection)
	return err
}

func newClient(ctx context.Context, self *identity, given options, manager *url.URL) networkservice.NetworkServiceClient {
	return client.NewClient(ctx,
		client.WithClientURL(manager),
		client.WithName(given.name),
		client.WithAuthorizeClient(authorize.NewClient()),
		client.WithHealClient(heal.NewClient(ctx,
			heal.WithLivenessCheck(kernelheal.KernelLivenessCheck),
			heal.WithLivenessCheckInterval(livenessInterval),
			heal.WithLivenessCheckTimeout(livenessTimeout))),
		client.WithAdditionalFunctionality(
			witness{},
			clientinfo.NewClient(),
			upstreamrefresh.NewClient(ctx),
			token.NewClient(),
			mechanisms.NewClient(map[string]networkservice.NetworkServiceClient{
				kernelmechanism.MECHANISM: kernel.NewClient(),
				vfiomechanism.MECHANISM:   vfio.NewClient(vfio.WithVFIODir(given.vfio), vfio.WithCgroupDir(given.cgroup)),
			}),
			sendfd.NewClient(),
			excludedprefixes.NewClient(),
		),
		client.WithDialTimeout(dialTimeout),
		client.WithDialOptions(self.dialOptions()...),
	)
}

func requestFor(service *nsurl.NSURL, name string) *networkservice.NetworkServiceRequest {
	return &networkservice.NetworkServiceRequest{
		Connection: &networkservice.Connection{
			Id:             name + "-0",
			NetworkService: service.NetworkService(),
			Labels:         service.Labels(),
		},
		MechanismPreferences: []*networkservice.Mechanism{service.Mechanism()},
	}
}

// connect tries until it has a connection; nil when the context ends first.
func connect(
	ctx context.Context, nsm networkservice.NetworkServiceClient, request *networkservice.NetworkServiceRequest,
) *networkservice.Connection {
	for ctx.Err() == nil {
		trying, cancel := context.WithTimeout(ctx, requestTimeout)
		connection, err := nsm.Request(trying, request.Clone())
		cancel()
		if err == nil {
			return connection
		}
		select {
		case <-time.After(retryPause):
		case <-ctx.Done():
		}
	}
	return nil
}

// witness tells of every call that this client makes, whoever wanted it: the user, a refresh, or healing.
type witness struct{}

func (witness) Request(
	ctx context.Context, request *networkservice.NetworkServiceRequest, opts ...grpc.CallOption,
) (*networkservice.Connection, error) {
	began := time.Now()
	connection, err := next.Client(ctx).Request(ctx, request, opts...)
	reportCall("request", began, connection, err)
	return connection, err
}

func (witness) Close(
	ctx context.Context, connection *networkservice.Connection, opts ...grpc.CallOption,
) (*empty.Empty, error) {
	began := time.Now()
	answer, err := next.Client(ctx).Close(ctx, connection, opts...)
	reportCall("close", began, nil, err)
	return answer, err
}
