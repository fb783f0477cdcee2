import { kubeletContract } from '../contract/kubelet.contract.js';
import { realHarness, requireKubelet } from './support.js';

describe('with a real kubelet', () => {
  before(function () {
    requireKubelet(this);
  });

  kubeletContract('a real kubelet', realHarness);
});
