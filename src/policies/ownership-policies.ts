import type { Policy } from './policy.js';

/** A name stays with whoever registered it first. */
export const clientAllowed: Policy = {
  name: 'registry/client_allowed',
  objection: ({ registration }) =>
    registration?.owner === undefined || registration.owner === registration.id
      ? undefined
      : `the name belongs to ${registration.owner}`,
};

/**
 * A connection is refreshed and closed by whoever made it: the same client, through the same component or through our own
 * manager, which may be another one by now. The SDK has no such rule.
 */
export const connectionOwned: Policy = {
  name: 'server/connection_owned',
  objection: ({ connection }) => {
    if (connection?.owner === undefined) return undefined;
    const { asker, owner, manager } = connection;
    if (asker.caller !== owner.caller && asker.caller !== manager) {
      return `the connection was made through ${owner.caller}`;
    }
    return owner.origin === undefined || asker.origin === owner.origin
      ? undefined
      : `the connection belongs to ${owner.origin}`;
  },
};

/**
 * Connections are watched by whoever made them. The SDK has this rule and does not use it; there a monitor that names no
 * connection, or one that is not there yet, is refused as well, here it is shown what is its own.
 */
export const serviceConnection: Policy = {
  name: 'monitor/service_connection',
  objection: ({ monitor }) =>
    monitor === undefined || monitor.others.length === 0 || monitor.own.length > 0
      ? undefined
      : 'the named connections were made by others',
};
