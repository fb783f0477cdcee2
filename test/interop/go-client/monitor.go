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
	cancel  context.CancelFunc
	mutex   sync.Mutex
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
	stream, err := networkservice.NewMonitorConnectionClient(connection).
		MonitorConnections(ctx, &networkservice.MonitorScopeSelector{})
	if err != nil {
		cancel()
		return nil, err
	}
	m := &monitor{cancel: cancel, changed: make(chan struct{})}
	go func() {
		defer connection.Close()
		for {
			event, err := stream.Recv()
			m.add(event, err)
			if err != nil {
				return
			}
		}
	}()
	return m, nil
}

func (m *monitor) add(event *networkservice.ConnectionEvent, err error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if err != nil {
		m.err = err
	} else {
		m.events = append(m.events, event)
	}
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
