import { basename } from 'node:path';
import { RegistrationService } from '../../apis/generated/deviceplugin-v1beta1.js';
import type { Clock } from '../ports/clock.js';
import { type PluginTraits, pluginOptions } from './plugin-service.js';
import { callOnce } from './unary-call.js';

/** Longer than the 10 s kubelet itself waits for our socket, so that its answer says what was wrong. */
const REGISTER_MS = 15_000;

/** Who registers, where. */
export interface RegistrationParts extends PluginTraits {
  readonly resource: string;
  /** The plugin's socket; kubelet gets the file name, in the folder of kubelet.sock. */
  readonly socket: string;
  readonly kubeletSocket: string;
  readonly clock: Clock;
}

/**
 * Registers a plugin that is being served: kubelet calls it back before it answers.
 *
 * @throws ForwarderError by kubelet's answer, `timed-out` when it accepts and says nothing, or the signal's reason
 */
export async function register(parts: RegistrationParts, signal: AbortSignal): Promise<void> {
  const { resource, socket, kubeletSocket, clock } = parts;
  using deadline = clock.deadline(`registering ${resource} with kubelet`, REGISTER_MS, signal);
  await callOnce({
    socket: kubeletSocket,
    method: RegistrationService.register,
    request: {
      version: 'v1beta1',
      endpoint: basename(socket),
      resourceName: resource,
      options: pluginOptions(parts),
    },
    signal: deadline.signal,
  });
}
