import type { TokenOffer } from '../deviceplugin/token-offer.js';
import type { ResourcePool } from '../resourcepool/resource-pool.js';
import { parseTokenId, type TokenId } from '../resourcepool/token-id.js';

/** Kubelet's view of the pool. Ids come from kubelet as text; those that are no tokens are nobody's. */
export function offerFromPool(pool: ResourcePool): TokenOffer {
  return {
    names: () => pool.names(),
    tokens: (name) => pool.tokens(name),
    allocate: (ids) => pool.allocate(ids.map(parseTokenId)),
    free: (ids) => pool.free(ids.map(parseTokenId)),
    restore: (held) => {
      const report = pool.restore(new Map([...held].map(([name, ids]) => [name, ids.map((id) => id as TokenId)])));
      return { surplus: report.surplus, unknownNames: report.unknownNames, duplicates: report.duplicates };
    },
    onChange: (listener) => pool.onChange(listener),
  };
}
