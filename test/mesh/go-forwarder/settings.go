package main

import (
	"errors"
	"net/url"
	"os"
	"time"
)

// settings are those of cmd-forwarder-sriov that matter here, with its defaults, and where to listen.
type settings struct {
	name, service               string
	manager, listen             *url.URL
	config, devices, drivers    string
	devicePlugins, podResources string
	vfio, cgroup                string

	dialTimeout, tokenLifetime, poll time.Duration
}

func readSettings() (settings, error) {
	var failures []error
	address := func(name, fallback string) *url.URL {
		value, err := url.Parse(setting(name, fallback))
		failures = append(failures, err)
		return value
	}
	duration := func(name, fallback string) time.Duration {
		value, err := time.ParseDuration(setting(name, fallback))
		failures = append(failures, err)
		return value
	}
	given := settings{
		name:          setting("NAME", "sriov-forwarder"),
		service:       setting("NSNAME", "forwarder"),
		manager:       address("CONNECT_TO", "unix:///var/lib/networkservicemesh/nsm.io.sock"),
		listen:        address("LISTEN_ON", "unix:///listen.on.sock"),
		config:        setting("SRIOV_CONFIG_FILE", "pci.config"),
		devices:       setting("PCI_DEVICES_PATH", "/sys/bus/pci/devices"),
		drivers:       setting("PCI_DRIVERS_PATH", "/sys/bus/pci/drivers"),
		devicePlugins: setting("DEVICE_PLUGIN_PATH", "/var/lib/kubelet/device-plugins/"),
		podResources:  setting("POD_RESOURCES_PATH", "/var/lib/kubelet/pod-resources/"),
		vfio:          setting("VFIO_PATH", "/host/dev/vfio"),
		cgroup:        setting("CGROUP_PATH", "/host/sys/fs/cgroup/devices"),
		dialTimeout:   duration("DIAL_TIMEOUT", "50ms"),
		tokenLifetime: duration("MAX_TOKEN_LIFETIME", "10m"),
		poll:          duration("RESOURCE_POLL_TIMEOUT", "30s"),
	}
	return given, errors.Join(failures...)
}

func setting(name, fallback string) string {
	if value, ok := os.LookupEnv("NSM_" + name); ok {
		return value
	}
	return fallback
}
