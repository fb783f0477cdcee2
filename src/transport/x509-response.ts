import { X509Certificate } from 'node:crypto';
import type { X509SVIDResponse } from '../../apis/generated/workload.js';
import { ForwarderError } from '../ports/error.js';
import type { X509Material } from '../ports/identity.js';
import { derElements } from './der.js';
import { trustDomainOf } from './spiffe-id.js';

/**
 * The identity in an answer of the SPIFFE Workload API: its first SVID, as the standard has it for workloads that expect one.
 *
 * @throws ForwarderError `invalid` when there is none or it is malformed
 */
export function materialOf(response: X509SVIDResponse): X509Material {
  const [svid] = response.svids;
  if (svid === undefined) throw new ForwarderError('invalid', 'the workload API sent no SVID');
  const certificates = split(svid.x509Svid);
  const [leaf] = certificates;
  if (leaf === undefined)
    throw new ForwarderError('invalid', `the workload API sent no certificate for ${svid.spiffeId}`);
  const bundles = new Map(
    Object.entries(response.federatedBundles).map(([id, der]) => [trustDomainOf(id), split(der)]),
  );
  bundles.set(trustDomainOf(svid.spiffeId), split(svid.bundle));
  return {
    spiffeId: svid.spiffeId,
    certificates,
    privateKey: svid.x509SvidKey,
    bundles,
    notAfter: Date.parse(new X509Certificate(leaf).validTo),
  };
}

/** Concatenated DER certificates, each by itself. */
function split(der: Uint8Array): Uint8Array[] {
  return derElements(der).map(({ whole }) => whole);
}
