import type { NaivePool } from './naive-pool.js';
import { podOf } from './naive-state.js';

/** What the model says should be seen of the pool, less the report. Keys are in the same order: text compares. */
export function viewModel(model: NaivePool) {
  const tokens = model.tokens.map((token) => {
    const { state } = token;
    const vf = state.is === 'closed' ? state.by : 'vf' in state ? state.vf : undefined;
    return {
      id: token.id,
      name: token.name,
      state: state.is,
      healthy: state.is !== 'closed' && state.is !== 'quarantined',
      heldByPod: podOf(token) === 'allocated',
      ...(token.home && { home: token.home }),
      ...(vf && { function: vf }),
      ...(state.is === 'in-use' && state.handedOn && { podGone: true }),
    };
  });
  const functions = model.functions.map(({ address, pf, vfIndex, group, use }) => ({
    address,
    physicalFunction: pf,
    vfIndex,
    ...(group !== undefined && { iommuGroup: group }),
    use: {
      kind: use.is,
      ...('reason' in use && { reason: use.reason }),
      ...('token' in use && { token: use.token.id }),
      ...('driver' in use && { driver: use.driver }),
      ...(use.is === 'claimed' && { owners: [...use.owners] }),
      ...(use.is === 'superseded' && { owners: [use.owner] }),
    },
  }));
  return { tokens, functions };
}
