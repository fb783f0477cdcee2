import type { Mechanism } from '../../../apis/generated/connection.js';
import { checkInterfaceName } from '../../mechanism/kernel/interface-name.js';
import { ForwarderError } from '../../ports/error.js';
import type { NamespaceId } from '../../ports/links.js';
import { parseTokenId, type TokenId } from '../../resourcepool/token-id.js';

/** What a client asks for with the KERNEL mechanism. */
export interface KernelRequest {
  readonly interfaceName: string;
  /** `inode://<st_dev>/<st_ino>`, as it came. */
  readonly inodeUrl: string;
  readonly namespace: NamespaceId;
  readonly token: TokenId;
  /** The endpoint tags frames itself: the netdev gets no addresses. */
  readonly trunk: boolean;
}

/**
 * Reads the parameters of a KERNEL mechanism (nsm-wire 2.2).
 *
 * @throws ForwarderError `invalid`, naming the parameter, its value and the rule
 */
export function readKernelRequest({ parameters }: Mechanism): KernelRequest {
  const interfaceName = parameters['name'] ?? '';
  checkInterfaceName(interfaceName);
  const token = parameters['tokenID'];
  if (token === undefined || token === '') {
    throw new ForwarderError('invalid', 'the mechanism has no tokenID: the client needs an SR-IOV token of its pod');
  }
  const inodeUrl = parameters['inodeURL'] ?? '';
  return {
    interfaceName,
    inodeUrl,
    namespace: namespaceOf(inodeUrl),
    token: parseTokenId(token),
    trunk: Number(parameters['vlan'] ?? 0) > 0,
  };
}

function namespaceOf(inodeUrl: string): NamespaceId {
  const match = /^inode:\/\/(\d{1,20})\/(\d{1,20})$/.exec(inodeUrl);
  if (match !== null) return `${match[1]}/${match[2]}` as NamespaceId;
  throw new ForwarderError(
    'invalid',
    `inodeURL ${JSON.stringify(inodeUrl)} names no network namespace: expected inode://<device>/<inode> ` +
      'and its descriptor on the same connection',
  );
}
