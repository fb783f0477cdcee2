/**
 * The wire as the peers' references list it, kept apart from our protos so that a slip in either shows: for each message
 * of a package its fields as `number name type`, for each enum its values.
 */
export type PackageTable = Readonly<Record<string, readonly string[]>>;

export const networkserviceTable: PackageTable = {
  NetworkServiceRequest: [
    '1 connection connection.Connection',
    '2 mechanism_preferences repeated connection.Mechanism',
  ],
};

export const connectionTable: PackageTable = {
  Mechanism: ['1 cls string', '2 type string', '3 parameters map<string, string>'],
  PathSegment: [
    '1 name string',
    '2 id string',
    '3 token string',
    '4 expires google.protobuf.Timestamp',
    '5 metrics map<string, string>',
  ],
  Path: ['1 index uint32', '2 path_segments repeated connection.PathSegment'],
  Connection: [
    '1 id string',
    '2 network_service string',
    '3 mechanism connection.Mechanism',
    '4 context connectioncontext.ConnectionContext',
    '5 labels map<string, string>',
    '6 path connection.Path',
    '7 network_service_endpoint_name string',
    '8 payload string',
    '9 state connection.State',
  ],
  ConnectionEvent: ['1 type connection.ConnectionEventType', '2 connections map<string, connection.Connection>'],
  MonitorScopeSelector: ['1 path_segments repeated connection.PathSegment', '2 network_services repeated string'],
  State: ['UP=0', 'DOWN=1', 'REFRESH_REQUESTED=2', 'RESELECT_REQUESTED=3'],
  ConnectionEventType: ['INITIAL_STATE_TRANSFER=0', 'UPDATE=1', 'DELETE=2'],
};

export const connectioncontextTable: PackageTable = {
  IpNeighbor: ['1 ip string', '2 hardware_address string'],
  Route: ['1 prefix string', '2 nextHop string'],
  IpFamily: ['1 family connectioncontext.IpFamily.Family'],
  'IpFamily.Family': ['IPV4=0', 'IPV6=1'],
  ExtraPrefixRequest: [
    '1 addr_family connectioncontext.IpFamily',
    '2 prefix_len uint32',
    '3 required_number uint32',
    '4 requested_number uint32',
  ],
  PolicyRoute: [
    '1 from string',
    '2 proto string',
    '3 dst_port string',
    '4 src_port string',
    '5 routes repeated connectioncontext.Route',
  ],
  IPContext: [
    '1 src_ip_addrs repeated string',
    '2 dst_ip_addrs repeated string',
    '3 src_ip_required bool',
    '4 dst_ip_required bool',
    '5 src_routes repeated connectioncontext.Route',
    '6 dst_routes repeated connectioncontext.Route',
    '7 excluded_prefixes repeated string',
    '8 ip_neighbors repeated connectioncontext.IpNeighbor',
    '9 extra_prefix_request repeated connectioncontext.ExtraPrefixRequest',
    '10 extra_prefixes repeated string',
    '11 policies repeated connectioncontext.PolicyRoute',
  ],
  DNSConfig: ['1 dns_server_ips repeated string', '2 search_domains repeated string'],
  DNSContext: ['1 configs repeated connectioncontext.DNSConfig'],
  EthernetContext: ['1 src_mac string', '2 dst_mac string', '3 vlan_tag int32'],
  ConnectionContext: [
    '1 ip_context connectioncontext.IPContext',
    '2 dns_context connectioncontext.DNSContext',
    '3 ethernet_context connectioncontext.EthernetContext',
    '4 extra_context map<string, string>',
    '5 MTU uint32',
  ],
};

export const registryTable: PackageTable = {
  NetworkService: [
    '1 name string',
    '2 payload string',
    '3 matches repeated registry.Match',
    '4 path_ids repeated string',
  ],
  Match: [
    '1 source_selector map<string, string>',
    '2 routes repeated registry.Destination',
    '3 fallthrough bool',
    '4 metadata registry.Metadata',
  ],
  Metadata: ['1 labels map<string, string>'],
  Destination: ['1 destination_selector map<string, string>', '2 weight uint32'],
  NetworkServiceLabels: ['1 labels map<string, string>'],
  NetworkServiceEndpoint: [
    '1 name string',
    '2 network_service_names repeated string',
    '3 network_service_labels map<string, registry.NetworkServiceLabels>',
    '4 url string',
    '5 expiration_time google.protobuf.Timestamp',
    '6 initial_registration_time google.protobuf.Timestamp',
    '7 path_ids repeated string',
  ],
  NetworkServiceQuery: ['1 network_service registry.NetworkService', '2 watch bool'],
  NetworkServiceEndpointQuery: ['1 network_service_endpoint registry.NetworkServiceEndpoint', '2 watch bool'],
  NetworkServiceResponse: ['1 network_service registry.NetworkService', '2 deleted bool'],
  NetworkServiceEndpointResponse: ['1 network_service_endpoint registry.NetworkServiceEndpoint', '2 deleted bool'],
};

export const workloadTable: PackageTable = {
  X509SVIDRequest: [],
  X509SVIDResponse: ['1 svids repeated X509SVID', '2 crl repeated bytes', '3 federated_bundles map<string, bytes>'],
  X509SVID: ['1 spiffe_id string', '2 x509_svid bytes', '3 x509_svid_key bytes', '4 bundle bytes', '5 hint string'],
  X509BundlesRequest: [],
  X509BundlesResponse: ['1 crl repeated bytes', '2 bundles map<string, bytes>'],
  JWTSVIDRequest: ['1 audience repeated string', '2 spiffe_id string'],
  JWTSVIDResponse: ['1 svids repeated JWTSVID'],
  JWTSVID: ['1 spiffe_id string', '2 svid string', '3 hint string'],
  JWTBundlesRequest: [],
  JWTBundlesResponse: ['1 bundles map<string, bytes>'],
  ValidateJWTSVIDRequest: ['1 audience string', '2 svid string'],
  ValidateJWTSVIDResponse: ['1 spiffe_id string', '2 claims google.protobuf.Struct'],
};

export const devicePluginTable: PackageTable = {
  DevicePluginOptions: ['1 pre_start_required bool', '2 get_preferred_allocation_available bool'],
  RegisterRequest: [
    '1 version string',
    '2 endpoint string',
    '3 resource_name string',
    '4 options v1beta1.DevicePluginOptions',
  ],
  Empty: [],
  ListAndWatchResponse: ['1 devices repeated v1beta1.Device'],
  Device: ['1 ID string', '2 health string', '3 topology v1beta1.TopologyInfo'],
  TopologyInfo: ['1 nodes repeated v1beta1.NUMANode'],
  NUMANode: ['1 ID int64'],
  PreStartContainerRequest: ['1 devices_ids repeated string'],
  PreStartContainerResponse: [],
  PreferredAllocationRequest: ['1 container_requests repeated v1beta1.ContainerPreferredAllocationRequest'],
  ContainerPreferredAllocationRequest: [
    '1 available_deviceIDs repeated string',
    '2 must_include_deviceIDs repeated string',
    '3 allocation_size int32',
  ],
  PreferredAllocationResponse: ['1 container_responses repeated v1beta1.ContainerPreferredAllocationResponse'],
  ContainerPreferredAllocationResponse: ['1 deviceIDs repeated string'],
  AllocateRequest: ['1 container_requests repeated v1beta1.ContainerAllocateRequest'],
  ContainerAllocateRequest: ['1 devices_ids repeated string'],
  AllocateResponse: ['1 container_responses repeated v1beta1.ContainerAllocateResponse'],
  ContainerAllocateResponse: [
    '1 envs map<string, string>',
    '2 mounts repeated v1beta1.Mount',
    '3 devices repeated v1beta1.DeviceSpec',
    '4 annotations map<string, string>',
    '5 cdi_devices repeated v1beta1.CDIDevice',
  ],
  CDIDevice: ['1 name string'],
  Mount: ['1 container_path string', '2 host_path string', '3 read_only bool'],
  DeviceSpec: ['1 container_path string', '2 host_path string', '3 permissions string'],
};

export const podResourcesTable: PackageTable = {
  ListPodResourcesRequest: [],
  ListPodResourcesResponse: ['1 pod_resources repeated v1.PodResources'],
  PodResources: [
    '1 name string',
    '2 namespace string',
    '3 containers repeated v1.ContainerResources',
    '4 cpu_ids repeated int64',
    '5 memory repeated v1.ContainerMemory',
  ],
  ContainerResources: [
    '1 name string',
    '2 devices repeated v1.ContainerDevices',
    '3 cpu_ids repeated int64',
    '4 memory repeated v1.ContainerMemory',
    '5 dynamic_resources repeated v1.DynamicResource',
  ],
  ContainerDevices: ['1 resource_name string', '2 device_ids repeated string', '3 topology v1.TopologyInfo'],
  TopologyInfo: ['1 nodes repeated v1.NUMANode'],
  NUMANode: ['1 ID int64'],
  ContainerMemory: ['1 memory_type string', '2 size uint64', '3 topology v1.TopologyInfo'],
  DynamicResource: ['2 claim_name string', '3 claim_namespace string', '4 claim_resources repeated v1.ClaimResource'],
  ClaimResource: [
    '1 cdi_devices repeated v1.CDIDevice',
    '2 driver_name string',
    '3 pool_name string',
    '4 device_name string',
    '5 share_id optional string',
  ],
  CDIDevice: ['1 name string'],
  GetPodResourcesRequest: ['1 pod_name string', '2 pod_namespace string'],
  GetPodResourcesResponse: ['1 pod_resources v1.PodResources'],
  AllocatableResourcesRequest: [],
  AllocatableResourcesResponse: [
    '1 devices repeated v1.ContainerDevices',
    '2 cpu_ids repeated int64',
    '3 memory repeated v1.ContainerMemory',
  ],
};

export const podResourcesAlphaTable: PackageTable = {
  ListPodResourcesRequest: [],
  ListPodResourcesResponse: ['1 pod_resources repeated v1alpha1.PodResources'],
  PodResources: ['1 name string', '2 namespace string', '3 containers repeated v1alpha1.ContainerResources'],
  ContainerResources: ['1 name string', '2 devices repeated v1alpha1.ContainerDevices'],
  ContainerDevices: ['1 resource_name string', '2 device_ids repeated string'],
};

export const healthTable: PackageTable = {
  HealthCheckRequest: ['1 service string'],
  HealthCheckResponse: ['1 status grpc.health.v1.HealthCheckResponse.ServingStatus'],
  'HealthCheckResponse.ServingStatus': ['UNKNOWN=0', 'SERVING=1', 'NOT_SERVING=2', 'SERVICE_UNKNOWN=3'],
};
