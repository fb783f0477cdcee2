import type { TokenOffer } from '../deviceplugin/token-offer.js';
import type { ResourcePool } from '../resourcepool/resource-pool.js';
import { parseTokenId, type TokenId } from '../resourcepool/token-id.js';

/**
 * Kubelet's view of the pool. Ids come from kubelet as text; those that are no tokens are nobody's.
 *
 * @param onHandedOn is told of tokens that were taken back or given to a container anew: nothing that was true of their
 *   last users holds any more
 */
export function offerFromPool(pool: ResourcePool, onHandedOn: (tokens: readonly TokenId[]) => void): TokenOffer {
  const handingOn = (ids: readonly string[], verb: 'allocate' | 'free') => {
    const tokens = ids.map(parseTokenId);
    pool[verb](tokens);
    onHandedOn(tokens);
  };
  return {
    names: () => pool.names(),
    tokens: (name) => pool.tokens(name),
    allocate: (ids) => handingOn(ids, 'allocate'),
    free: (ids) => handingOn(ids, 'free'),
    restore: (held) => {
      const report = pool.restore(new Map([...held].map(([name, ids]) => [name, ids.map((id) => id as TokenId)])));
      return { surplus: report.surplus, unknownNames: report.unknownNames, duplicates: report.duplicates };
    },
    onChange: (listener) => pool.onChange(listener),
  };
}
