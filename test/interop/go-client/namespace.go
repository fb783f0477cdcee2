package main

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"sort"

	"github.com/vishvananda/netns"
)

// namespace is a network namespace that only this process holds.
type namespace struct {
	handle netns.NsHandle
}

// seenInterface is what somebody inside a namespace sees of an interface.
type seenInterface struct {
	Name string `json:"name"`
	MAC  string `json:"mac"`
	MTU  int    `json:"mtu"`
	Up   bool   `json:"up"`
	// With prefix lengths, sorted; without link-local ones, which the kernel gives by itself.
	Addresses []string `json:"addresses"`
}

func newNamespace() (*namespace, error) {
	return onThrowawayThread(func() (*namespace, error) {
		handle, err := netns.New()
		return &namespace{handle}, err
	})
}

// url names the namespace for the SDK, which opens and sends it.
func (n *namespace) url() string {
	return fmt.Sprintf("file:///proc/%d/fd/%d", os.Getpid(), int(n.handle))
}

// look lists the interfaces inside, without loopback.
func (n *namespace) look() ([]seenInterface, error) {
	return onThrowawayThread(func() ([]seenInterface, error) {
		if err := netns.Set(n.handle); err != nil {
			return nil, err
		}
		interfaces, err := net.Interfaces()
		if err != nil {
			return nil, err
		}
		seen := []seenInterface{}
		for _, it := range interfaces {
			if it.Flags&net.FlagLoopback != 0 {
				continue
			}
			addresses, err := globalAddresses(it)
			if err != nil {
				return nil, err
			}
			up := it.Flags&net.FlagUp != 0
			seen = append(seen, seenInterface{it.Name, it.HardwareAddr.String(), it.MTU, up, addresses})
		}
		return seen, nil
	})
}

func globalAddresses(it net.Interface) ([]string, error) {
	addresses, err := it.Addrs()
	if err != nil {
		return nil, err
	}
	texts := []string{}
	for _, address := range addresses {
		if prefix, ok := address.(*net.IPNet); ok && !prefix.IP.IsLinkLocalUnicast() {
			texts = append(texts, prefix.String())
		}
	}
	sort.Strings(texts)
	return texts, nil
}

// onThrowawayThread runs work on a thread that ends with it: a thread that changed its namespace must not serve others.
func onThrowawayThread[T any](work func() (T, error)) (T, error) {
	type outcome struct {
		value T
		err   error
	}
	done := make(chan outcome)
	go func() {
		runtime.LockOSThread()
		value, err := work()
		done <- outcome{value, err}
	}()
	result := <-done
	return result.value, result.err
}
