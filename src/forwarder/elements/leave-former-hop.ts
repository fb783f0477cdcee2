import type { Element } from '../chain/element.js';

/**
 * Closes the next hop that a refresh has moved away from, when all the rest of the refresh is done: until then a failure
 * goes back to it. One that does not take its Close forgets the connection when its token ends.
 */
export const leaveFormerHop: Element = {
  name: 'leave-former-hop',
  async request(call, next) {
    const answer = await next(call);
    const { ledger } = call.held;
    const current = ledger.find('onward');
    const { failures } = await ledger.release((entry) => entry.kind === 'onward' && entry.id !== current?.id);
    for (const { message } of failures)
      call.log.warn('the former next hop did not take its Close', { reason: message });
    return answer;
  },
};
