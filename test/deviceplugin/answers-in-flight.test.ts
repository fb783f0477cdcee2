import { expect } from 'chai';
import { GuardedOffer } from '../../src/deviceplugin/guarded-offer.js';
import type { PodResourcesAnswer } from '../../src/deviceplugin/pod-resources.js';
import type { FileIdentity } from '../../src/deviceplugin/socket-file.js';
import { TokenReconciler } from '../../src/deviceplugin/token-reconciler.js';
import { realClock } from '../sim/real-clock.js';
import { ModelOffer } from './model-offer.js';
import { RecordedLog } from './recorded-log.js';

const NAME = 'service.domain.1/10G';
const ID = `${NAME}#0`;
const owner = { namespace: 'ns', pod: 'p', container: 'c', resource: NAME };
const kubelet = 'kubelet' as FileIdentity;

describe('an answer of kubelet that was on its way', () => {
  it('does not free a token that was given to the next pod meanwhile', async () => {
    const offer = new ModelOffer({ [NAME]: 1 });
    const guarded = new GuardedOffer(offer);
    const never = new AbortController().signal;
    let answer: () => PodResourcesAnswer = () => ({ kubelet, pods: 1, owners: new Map([[ID, owner]]) });
    const podResources = { list: async () => answer() };
    const clock = realClock(25);
    const log = new RecordedLog();
    const checkpoint = { account: async () => 'unreadable' as const, rest: () => undefined };
    const parts = { offer: guarded, podResources, checkpoint, clock, log, pollInterval: 1_000 };
    const reconciler = new TokenReconciler(parts);
    await reconciler.poll(never);
    answer = () => ({ kubelet, pods: 0, owners: new Map() });
    await reconciler.poll(never);
    answer = () => {
      guarded.allocate([ID]);
      return { kubelet, pods: 0, owners: new Map() };
    };
    await reconciler.poll(never);
    expect(offer.held()).to.deep.equal([ID]);
  });
});
