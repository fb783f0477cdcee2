package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"

	"github.com/golang/protobuf/ptypes/empty"
	"github.com/networkservicemesh/api/pkg/api/networkservice"
	"github.com/networkservicemesh/sdk/pkg/networkservice/core/next"
)

// gate holds every Request until whoever drives the endpoint lets it pass: it says {"asked":N} for each and waits for a
// line with the same number. What happens on the node meanwhile has then happened before the answer.
type gate struct {
	mutex   sync.Mutex
	last    int
	waiting map[int]chan struct{}
}

func newGate() *gate {
	return &gate{waiting: map[int]chan struct{}{}}
}

func (g *gate) Request(ctx context.Context, request *networkservice.NetworkServiceRequest) (*networkservice.Connection, error) {
	select {
	case <-g.ask():
		return next.Server(ctx).Request(ctx, request)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (g *gate) Close(ctx context.Context, connection *networkservice.Connection) (*empty.Empty, error) {
	return next.Server(ctx).Close(ctx, connection)
}

func (g *gate) ask() <-chan struct{} {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	g.last++
	pass := make(chan struct{})
	g.waiting[g.last] = pass
	fmt.Printf("{\"asked\":%d}\n", g.last)
	return pass
}

// open lets Requests pass as the lines of the standard input say, until it ends.
func (g *gate) open() error {
	lines := bufio.NewReader(os.Stdin)
	for {
		line, err := lines.ReadString('\n')
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		number, err := strconv.Atoi(line[:len(line)-1])
		if err != nil {
			return err
		}
		g.let(number)
	}
}

func (g *gate) let(number int) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	if pass, ok := g.waiting[number]; ok {
		close(pass)
		delete(g.waiting, number)
	}
}
