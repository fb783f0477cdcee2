import type { ClientOptions } from '@grpc/grpc-js';

/**
 * What every client of ours sets: a connection of its own (grpc-js shares them between clients otherwise), no retries behind
 * our back, no proxies from the environment, no service configuration from DNS, and no statistics that nobody asks for.
 */
export const clientOptions: ClientOptions = {
  'grpc.use_local_subchannel_pool': 1,
  'grpc.enable_retries': 0,
  'grpc.enable_channelz': 0,
  'grpc.enable_http_proxy': 0,
  'grpc.service_config_disable_resolution': 1,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 5000,
  // As kubelet's own clients: its list of all pods on a dense node is larger than the usual 4 MiB.
  'grpc.max_receive_message_length': 16 * 1024 * 1024,
};
