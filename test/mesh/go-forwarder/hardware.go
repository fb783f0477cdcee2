package main

import (
	"context"

	"github.com/networkservicemesh/sdk-k8s/pkg/tools/deviceplugin"
	"github.com/networkservicemesh/sdk-k8s/pkg/tools/podresources"
	"github.com/networkservicemesh/sdk-sriov/pkg/sriov/config"
	"github.com/networkservicemesh/sdk-sriov/pkg/sriov/pci"
	"github.com/networkservicemesh/sdk-sriov/pkg/sriov/resource"
	"github.com/networkservicemesh/sdk-sriov/pkg/sriov/token"
)

// hardware is what there is of VFs, and who has which.
type hardware struct {
	config    *config.Config
	functions *pci.Pool
	tokens    *token.Pool
	resources *resource.Pool
}

func openHardware(ctx context.Context, given settings) (*hardware, error) {
	offered, err := config.ReadConfig(ctx, given.config)
	if err != nil {
		return nil, err
	}
	if err := pci.UpdateConfig(given.devices, given.drivers, offered); err != nil {
		return nil, err
	}
	functions, err := pci.NewPool(given.devices, given.drivers, given.vfio, offered)
	if err != nil {
		return nil, err
	}
	tokens := token.NewPool(offered)
	return &hardware{offered, functions, tokens, resource.NewPool(tokens, offered)}, nil
}

// offer takes over the tokens that pods have, and offers all of them to kubelet.
func (h *hardware) offer(ctx context.Context, given settings) error {
	return deviceplugin.StartServers(ctx, h.tokens, given.poll,
		deviceplugin.NewClient(given.devicePlugins), podresources.NewClient(given.podResources))
}
