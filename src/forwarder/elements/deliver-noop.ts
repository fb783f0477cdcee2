import type { Delivery } from './choose-mechanism.js';

/** NOOP: the client needs nothing of this node; only the connection to the next hop is made. */
export const deliverNoop: Delivery = {
  name: 'deliver-noop',
  types: ['NOOP'],
  remembers: [],
  inspect: async () => undefined,
  async request(call, next) {
    const answer = await next(call);
    return { ...answer, mechanism: call.connection.mechanism };
  },
};
