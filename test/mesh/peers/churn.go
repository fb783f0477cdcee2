package main

import (
	"context"
	"fmt"
	"net/url"

	"github.com/networkservicemesh/sdk/pkg/tools/nsurl"
)

// runChurn asks for one connection after the other, and closes each, until it is told to end.
func runChurn(ctx context.Context, self *identity, given options) error {
	service, err := url.Parse(given.service)
	if err != nil {
		return err
	}
	manager, err := url.Parse(given.manager)
	if err != nil {
		return err
	}
	keeping, stop := context.WithCancel(context.Background())
	defer stop()
	nsm := newClient(keeping, self, given, manager)
	report(event{Event: "ready"})
	for round := 0; ctx.Err() == nil; round++ {
		calling, cancel := context.WithTimeout(keeping, requestTimeout)
		connection, err := nsm.Request(calling, requestFor((*nsurl.NSURL)(service), fmt.Sprintf("%s-%d", given.name, round)))
		if err == nil {
			_, _ = nsm.Close(calling, connection)
		}
		cancel()
	}
	return nil
}
