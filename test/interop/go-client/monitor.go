package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"sync"
	"time"

	"github.com/networkservicemesh/api/pkg/api/networkservice"
	"github.com/networkservicemesh/sdk/pkg/tools/grpcutils"
	"google.golang.org/grpc"
)

// monitor collects what the forwarder tells about its connections.
type monitor struct {
	cancel context.CancelFunc
	mutex  sync.Mutex
	// Closed and replaced at every change of what follows.
	changed chan struct{}
	events  []*networkservice.ConnectionEvent
	err     error
}

func watch(ctx context.Context, options clientOptions) (*monitor, error) {
	target, err := url.Parse(options.url)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	connection, err := grpc.NewClient(grpcutils.URLToTarget(target), options.self.dialOptions()...)
	if err != nil {
		cancel()
		return nil, err
	}
	m := &monitor{cancel: cancel, changed: make(chan struct{})}
	go func() {
		defer connection.Close()
		m.follow(ctx, networkservice.NewMonitorConnectionClient(connection))
	}()
	return m, nil
}

func (m *monitor) follow(ctx context.Context, client networkservice.MonitorConnectionClient) {
	stream, err := client.MonitorConnections(ctx, &networkservice.MonitorScopeSelector{})
	for err == nil {
		var event *networkservice.ConnectionEvent
		if event, err = stream.Recv(); err == nil {
			m.change(func() { m.events = append(m.events, event) })
		}
	}
	m.change(func() { m.err = err })
}

// change wakes everybody who waits.
func (m *monitor) change(change func()) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	change()
	close(m.changed)
	m.changed = make(chan struct{})
}

func (m *monitor) state() ([]*networkservice.ConnectionEvent, <-chan struct{}, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return m.events, m.changed, m.err
}

// await returns all events so far, as JSON, once there are so many.
func (m *monitor) await(ctx context.Context, count int) ([]json.RawMessage, error) {
	limit := time.After(callPatience)
	for {
		events, changed, err := m.state()
		if len(events) >= count {
			return eventsInJSON(events)
		}
		if err != nil {
			return nil, err
		}
		select {
		case <-changed:
		case <-limit:
			return nil, fmt.Errorf("%d events came, %d were expected", len(events), count)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func eventsInJSON(events []*networkservice.ConnectionEvent) ([]json.RawMessage, error) {
	texts := make([]json.RawMessage, 0, len(events))
	for _, event := range events {
		text, err := inJSON.Marshal(event)
		if err != nil {
			return nil, err
		}
		texts = append(texts, text)
	}
	return texts, nil
}
