package main

import (
	"context"
	"encoding/json"
	"net/url"
	"os"
	"time"

	"github.com/networkservicemesh/api/pkg/api/networkservice"
	"github.com/networkservicemesh/sdk/pkg/tools/grpcutils"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"
)

// How long each of an intruder's calls may take.
const intruderPatience = 10 * time.Second

// runIntruder has got hold of somebody else's connection, and asks for it in its own name: a refresh, a monitor, a Close.
func runIntruder(ctx context.Context, self *identity, given options) error {
	target, err := url.Parse(given.manager)
	if err != nil {
		return err
	}
	connection, err := readConnection(given.connection)
	if err != nil {
		return err
	}
	peer, err := grpc.DialContext(ctx, grpcutils.URLToTarget(target), self.dialOptions()...)
	if err != nil {
		return err
	}
	defer func() { _ = peer.Close() }()
	report(event{Event: "ready"})
	service := networkservice.NewNetworkServiceClient(peer)
	attempt(ctx, "request", func(ctx context.Context) error {
		_, err := service.Request(ctx, &networkservice.NetworkServiceRequest{Connection: connection.Clone()})
		return err
	})
	attempt(ctx, "monitor", func(ctx context.Context) error { return watch(ctx, peer, connection) })
	attempt(ctx, "close", func(ctx context.Context) error {
		_, err := service.Close(ctx, connection.Clone())
		return err
	})
	<-ctx.Done()
	return nil
}

func attempt(ctx context.Context, name string, call func(context.Context) error) {
	ctx, cancel := context.WithTimeout(ctx, intruderPatience)
	defer cancel()
	began := time.Now()
	reportCall(name, began, nil, call(ctx))
}

// watch reads the first event of a monitor that names the connection.
func watch(ctx context.Context, peer *grpc.ClientConn, connection *networkservice.Connection) error {
	stream, err := networkservice.NewMonitorConnectionClient(peer).MonitorConnections(ctx,
		&networkservice.MonitorScopeSelector{PathSegments: []*networkservice.PathSegment{{Id: connection.GetId()}}})
	if err != nil {
		return err
	}
	seen, err := stream.Recv()
	if err != nil {
		return err
	}
	text, err := json.Marshal(len(seen.GetConnections()))
	if err == nil {
		report(event{Event: "seen", Connection: text})
	}
	return err
}

func readConnection(file string) (*networkservice.Connection, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	connection := &networkservice.Connection{}
	return connection, protojson.Unmarshal(text, connection)
}
