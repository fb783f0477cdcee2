package main

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"sort"
	"time"

	"github.com/google/uuid"
	"github.com/networkservicemesh/api/pkg/api/networkservice"
	"github.com/networkservicemesh/api/pkg/api/networkservice/mechanisms/cls"
	"github.com/networkservicemesh/api/pkg/api/networkservice/mechanisms/common"
	"github.com/networkservicemesh/api/pkg/api/networkservice/mechanisms/kernel"
	"github.com/networkservicemesh/api/pkg/api/networkservice/payload"
	"github.com/networkservicemesh/sdk/pkg/networkservice/chains/client"
	"github.com/networkservicemesh/sdk/pkg/networkservice/common/authorize"
	"github.com/networkservicemesh/sdk/pkg/networkservice/common/mechanisms/sendfd"
)

// How long the forwarder may take to accept a connection.
const dialPatience = 10 * time.Second

// clientOptions are what all clients of this process have in common.
type clientOptions struct {
	self       *identity
	url        string
	refreshing bool
}

// nsmClient is one network service client: a network namespace, and the SDK's chain with its default policies, which
// refuses answers whose tokens do not fit.
type nsmClient struct {
	name       string
	namespace  *namespace
	chain      networkservice.NetworkServiceClient
	connection *networkservice.Connection
}

func newClient(ctx context.Context, options clientOptions, name string) (*nsmClient, error) {
	target, err := url.Parse(options.url)
	if err != nil {
		return nil, err
	}
	inside, err := newNamespace()
	if err != nil {
		return nil, err
	}
	chosen := []client.Option{
		client.WithName(name),
		client.WithClientURL(target),
		client.WithAuthorizeClient(authorize.NewClient()),
		client.WithAdditionalFunctionality(sendfd.NewClient()),
		client.WithDialTimeout(dialPatience),
		client.WithDialOptions(options.self.dialOptions()...),
	}
	if !options.refreshing {
		chosen = append(chosen, client.WithoutRefresh())
	}
	return &nsmClient{name: name, namespace: inside, chain: client.NewClient(ctx, chosen...)}, nil
}

// kernelMechanism asks for an interface of this name with this SR-IOV token.
func (c *nsmClient) kernelMechanism(interfaceName, tokenID string) *networkservice.Mechanism {
	return &networkservice.Mechanism{
		Cls:  cls.LOCAL,
		Type: kernel.MECHANISM,
		Parameters: map[string]string{
			common.InodeURL:         c.namespace.url(),
			common.InterfaceNameKey: interfaceName,
			common.DeviceTokenIDKey: tokenID,
		},
	}
}

// request asks for a connection, or refreshes the one that is open.
func (c *nsmClient) request(ctx context.Context, connection *networkservice.Connection, mechanism *networkservice.Mechanism) error {
	if c.connection != nil {
		connection = c.connection.Clone()
	}
	answer, err := c.chain.Request(ctx, &networkservice.NetworkServiceRequest{
		Connection:           connection,
		MechanismPreferences: []*networkservice.Mechanism{mechanism},
	})
	if err == nil {
		c.connection = answer
	}
	return err
}

func (c *nsmClient) close(ctx context.Context) error {
	connection := c.connection
	c.connection = nil
	_, err := c.chain.Close(ctx, connection)
	return err
}

// newConnection is a connection to ask for.
func newConnection(service string) *networkservice.Connection {
	return &networkservice.Connection{
		Id:             uuid.NewString(),
		NetworkService: service,
		Payload:        payload.Ethernet,
		Context:        &networkservice.ConnectionContext{},
	}
}

// verify compares the answer, and the namespace as it is now, with what was asked for. Empty: all is as it should be.
func (c *nsmClient) verify(interfaceName string, macs []string) error {
	answer := c.connection
	if answer.GetState() != networkservice.State_UP || answer.GetPath().GetIndex() != 0 {
		return fmt.Errorf("the answer has state %s and path index %d", answer.GetState(), answer.GetPath().GetIndex())
	}
	if inode := answer.GetMechanism().GetParameters()[common.InodeURL]; inode != c.namespace.url() {
		return fmt.Errorf("the answer's inodeURL is %s", inode)
	}
	interfaces, err := c.namespace.look()
	if err != nil {
		return err
	}
	if len(interfaces) != 1 {
		return fmt.Errorf("the namespace has %d interfaces: %+v", len(interfaces), interfaces)
	}
	seen := interfaces[0]
	if seen.Name != interfaceName || !seen.Up {
		return fmt.Errorf("expected %s, up, got %+v", interfaceName, seen)
	}
	wanted := slices.Clone(answer.GetContext().GetIpContext().GetSrcIpAddrs())
	sort.Strings(wanted)
	if len(wanted) == 0 || !slices.Equal(seen.Addresses, wanted) {
		return fmt.Errorf("%s has the addresses %v, the answer says %v", seen.Name, seen.Addresses, wanted)
	}
	if !slices.Contains(macs, seen.MAC) {
		return fmt.Errorf("%s has the MAC %s, which no VF has", seen.Name, seen.MAC)
	}
	return nil
}

// verifyGone checks that a Close has taken the interface away.
func (c *nsmClient) verifyGone() error {
	interfaces, err := c.namespace.look()
	if err == nil && len(interfaces) > 0 {
		err = fmt.Errorf("after Close the namespace still has %+v", interfaces)
	}
	return err
}
