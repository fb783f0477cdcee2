package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/networkservicemesh/api/pkg/api/networkservice"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// Connections in commands are longer than bufio's usual line.
const longestLine = 1 << 20

// inJSON spells every field out: an enum's zero means something here.
var inJSON = protojson.MarshalOptions{EmitUnpopulated: true}

// command is one line of input; each kind uses some of the fields.
type command struct {
	Do     string `json:"do"`
	Client string `json:"client"`

	// request: a connection in protobuf's JSON, and the mechanism's parameters. With `behind` somebody else's path
	// segment of this name comes first, as if the connection were forwarded for it.
	Connection json.RawMessage `json:"connection"`
	Interface  string          `json:"interface"`
	Token      string          `json:"token"`
	Behind     string          `json:"behind"`
	// Fields that no protocol file knows, in protobuf's binary form.
	Unknown []byte `json:"unknown"`

	// load
	load

	// events
	Count int `json:"count"`
}

// answer is one line of output.
type answer struct {
	// Set when the command failed; Code is gRPC's.
	Error string `json:"error,omitempty"`
	Code  string `json:"code,omitempty"`

	Connection   json.RawMessage   `json:"connection,omitempty"`
	Unknown      []byte            `json:"unknown,omitempty"`
	Interfaces   []seenInterface   `json:"interfaces,omitempty"`
	Milliseconds float64           `json:"milliseconds,omitempty"`
	Load         *loadResult       `json:"load,omitempty"`
	Events       []json.RawMessage `json:"events,omitempty"`
}

// driver carries out commands.
type driver struct {
	options clientOptions
	clients map[string]*nsmClient
	monitor *monitor
}

// runClient ends with its input, also in the middle of a command.
func runClient(ctx context.Context, options clientOptions) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	lines := make(chan []byte)
	failure := make(chan error, 1)
	go func() {
		failure <- readLines(lines)
		close(lines)
		cancel()
	}()
	d := &driver{options: options, clients: map[string]*nsmClient{}}
	output := json.NewEncoder(os.Stdout)
	for line := range lines {
		if err := output.Encode(d.carryOut(ctx, line)); err != nil {
			return err
		}
	}
	return <-failure
}

func readLines(lines chan<- []byte) error {
	scanner := bufio.NewScanner(os.Stdin)
	scanner.Buffer(nil, longestLine)
	for scanner.Scan() {
		lines <- bytes.Clone(scanner.Bytes())
	}
	return scanner.Err()
}

func (d *driver) carryOut(ctx context.Context, line []byte) *answer {
	var given command
	result, err := &answer{}, json.Unmarshal(line, &given)
	if err == nil {
		result, err = d.dispatch(ctx, &given)
	}
	if err != nil {
		result = &answer{Error: err.Error(), Code: status.Code(err).String(), Milliseconds: result.Milliseconds}
	}
	return result
}

func (d *driver) dispatch(ctx context.Context, given *command) (*answer, error) {
	switch given.Do {
	case "request":
		return d.request(ctx, given)
	case "close":
		return d.close(ctx, given)
	case "load":
		return d.load(ctx, given)
	case "watch":
		var err error
		d.monitor, err = watch(ctx, d.options)
		return &answer{}, err
	case "events":
		events, err := d.monitor.await(ctx, given.Count)
		return &answer{Events: events}, err
	case "unwatch":
		d.monitor.cancel()
		return &answer{}, nil
	default:
		return &answer{}, fmt.Errorf("%q is no command", given.Do)
	}
}

func (d *driver) request(ctx context.Context, given *command) (*answer, error) {
	client, err := d.client(ctx, given.Client)
	if err != nil {
		return &answer{}, err
	}
	connection, err := d.connection(given)
	if err != nil {
		return &answer{}, err
	}
	took, err := timed(ctx, func(ctx context.Context) error {
		return client.request(ctx, connection, client.kernelMechanism(given.Interface, given.Token))
	})
	if err != nil {
		return &answer{Milliseconds: milliseconds(took)}, err
	}
	text, err := inJSON.Marshal(client.connection)
	if err != nil {
		return &answer{}, err
	}
	interfaces, err := client.namespace.look()
	return &answer{
		Connection:   text,
		Unknown:      client.connection.ProtoReflect().GetUnknown(),
		Interfaces:   interfaces,
		Milliseconds: milliseconds(took),
	}, err
}

// connection is the one that the command describes, completed.
func (d *driver) connection(given *command) (*networkservice.Connection, error) {
	connection := newConnection(given.Service)
	if given.Connection != nil {
		described := &networkservice.Connection{}
		if err := protojson.Unmarshal(given.Connection, described); err != nil {
			return nil, err
		}
		connection.Labels = described.GetLabels()
		if described.GetContext() != nil {
			connection.Context = described.GetContext()
		}
	}
	if given.Behind != "" {
		segment, err := d.foreignSegment(given.Behind, connection.GetId())
		if err != nil {
			return nil, err
		}
		connection.Path = &networkservice.Path{PathSegments: []*networkservice.PathSegment{segment}}
	}
	connection.ProtoReflect().SetUnknown(given.Unknown)
	return connection, nil
}

func (d *driver) foreignSegment(name, id string) (*networkservice.PathSegment, error) {
	token, expires, err := d.options.self.tokenForSelf()
	return &networkservice.PathSegment{
		Name:    name,
		Id:      id,
		Token:   token,
		Expires: timestamppb.New(expires),
		Metrics: map[string]string{"rx_bytes": "17"},
	}, err
}

func (d *driver) close(ctx context.Context, given *command) (*answer, error) {
	client, err := d.client(ctx, given.Client)
	if err != nil {
		return &answer{}, err
	}
	if client.connection == nil {
		return &answer{}, fmt.Errorf("%s has no connection", client.name)
	}
	took, err := timed(ctx, client.close)
	if err != nil {
		return &answer{Milliseconds: milliseconds(took)}, err
	}
	interfaces, err := client.namespace.look()
	return &answer{Interfaces: interfaces, Milliseconds: milliseconds(took)}, err
}

func (d *driver) load(ctx context.Context, given *command) (*answer, error) {
	clients := make([]*nsmClient, 0, len(given.Tokens))
	for i := range given.Tokens {
		client, err := d.client(ctx, fmt.Sprintf("load-%d", i))
		if err != nil {
			return &answer{}, err
		}
		clients = append(clients, client)
	}
	return &answer{Load: given.load.run(ctx, clients)}, nil
}

// client is the one of this name, made when it is first named.
func (d *driver) client(ctx context.Context, name string) (*nsmClient, error) {
	if known, ok := d.clients[name]; ok {
		return known, nil
	}
	made, err := newClient(ctx, d.options, name)
	if err == nil {
		d.clients[name] = made
	}
	return made, err
}
