package main

// Where NSM's own policies are, as its programs name them by default.
const (
	commonPolicies   = "etc/nsm/opa/common/.*.rego"
	registryPolicies = "etc/nsm/opa/registry/.*.rego"
	serverPolicies   = "etc/nsm/opa/server/.*.rego"
	clientPolicies   = "etc/nsm/opa/client/.*.rego"
)

var (
	asRegistryServer = []string{commonPolicies, registryPolicies, serverPolicies}
	asRegistryClient = []string{commonPolicies, registryPolicies, clientPolicies}
)
