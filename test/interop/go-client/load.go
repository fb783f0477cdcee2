package main

import (
	"context"
	"fmt"
	"math"
	"sort"
	"sync"
	"time"
)

// How long each call of a pair may take, as cmd-nsc has it.
const callPatience = 15 * time.Second

const loadInterface = "nsm-1"

// load is a number of Request and Close pairs, shared by clients that work at the same time, each with its own token.
type load struct {
	Service string   `json:"service"`
	Tokens  []string `json:"tokens"`
	Pairs   int      `json:"pairs"`
	MACs    []string `json:"macs"`
}

type quantiles struct {
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
}

// loadResult has latencies in milliseconds.
type loadResult struct {
	Pairs      int       `json:"pairs"`
	Failures   int       `json:"failures"`
	FirstError string    `json:"firstError,omitempty"`
	Seconds    float64   `json:"seconds"`
	Request    quantiles `json:"request"`
	Close      quantiles `json:"close"`
}

// measurements collects what all clients of a load see.
type measurements struct {
	mutex            sync.Mutex
	requests, closes []float64
	failures         []error
}

func (m *measurements) add(request, closed time.Duration, err error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if err != nil {
		m.failures = append(m.failures, err)
		return
	}
	m.requests = append(m.requests, milliseconds(request))
	m.closes = append(m.closes, milliseconds(closed))
}

// run does the load with the given clients, as many as there are tokens.
func (l *load) run(ctx context.Context, clients []*nsmClient) *loadResult {
	jobs := make(chan struct{}, l.Pairs)
	for range l.Pairs {
		jobs <- struct{}{}
	}
	close(jobs)
	seen := &measurements{}
	start := time.Now()
	var running sync.WaitGroup
	for i, client := range clients {
		running.Add(1)
		go func() {
			defer running.Done()
			for range jobs {
				seen.add(l.pair(ctx, client, l.Tokens[i]))
			}
		}()
	}
	running.Wait()
	result := &loadResult{
		Pairs:    l.Pairs,
		Failures: len(seen.failures),
		Seconds:  time.Since(start).Seconds(),
		Request:  quantilesOf(seen.requests),
		Close:    quantilesOf(seen.closes),
	}
	if len(seen.failures) > 0 {
		result.FirstError = seen.failures[0].Error()
	}
	return result
}

// pair makes one connection, looks at what arrived, closes it, and looks again.
func (l *load) pair(ctx context.Context, client *nsmClient, tokenID string) (request, closed time.Duration, err error) {
	request, err = timed(ctx, func(ctx context.Context) error {
		return client.request(ctx, newConnection(l.Service), client.kernelMechanism(loadInterface, tokenID))
	})
	if err != nil {
		return 0, 0, fmt.Errorf("%s: Request: %w", client.name, err)
	}
	wrong := client.verify(loadInterface, l.MACs)
	closed, err = timed(ctx, client.close)
	if err != nil {
		return 0, 0, fmt.Errorf("%s: Close: %w", client.name, err)
	}
	if wrong == nil {
		wrong = client.verifyGone()
	}
	if wrong != nil {
		return 0, 0, fmt.Errorf("%s: %w", client.name, wrong)
	}
	return request, closed, nil
}

func timed(ctx context.Context, call func(context.Context) error) (time.Duration, error) {
	limited, cancel := context.WithTimeout(ctx, callPatience)
	defer cancel()
	start := time.Now()
	err := call(limited)
	return time.Since(start), err
}

func quantilesOf(values []float64) quantiles {
	if len(values) == 0 {
		return quantiles{}
	}
	sort.Float64s(values)
	at := func(part float64) float64 {
		return values[min(len(values)-1, int(part*float64(len(values))))]
	}
	return quantiles{P50: at(0.5), P99: at(0.99)}
}

func milliseconds(d time.Duration) float64 {
	return math.Round(d.Seconds()*1e5) / 1e2
}
