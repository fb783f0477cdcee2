import type { Mechanism } from '../../../apis/generated/connection.js';
import { ForwarderError } from '../../ports/error.js';
import { parseTokenId, type TokenId } from '../../resourcepool/token-id.js';

/** What a client asks for with the VFIO mechanism. */
export interface VfioRequest {
  readonly token: TokenId;
  /** As it came: a hint that is checked against what kubelet says. */
  readonly cgroupDir: string | undefined;
}

/**
 * Reads the parameters of a VFIO mechanism (nsm-wire 2.2). Those that the forwarder itself sets (`pciAddress`,
 * `iommuGroup`, device numbers) are not among them: what a peer makes of them is never read.
 *
 * @throws ForwarderError `invalid`, naming the parameter, its value and the rule
 */
export function readVfioRequest({ parameters }: Mechanism): VfioRequest {
  const token = parameters['tokenID'];
  if (token === undefined || token === '') {
    throw new ForwarderError('invalid', 'the mechanism has no tokenID: the client needs an SR-IOV token of its pod');
  }
  return { token: parseTokenId(token), cgroupDir: parameters['cgroupDir'] };
}
