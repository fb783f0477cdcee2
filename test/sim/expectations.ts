import { expect } from 'chai';
import type { ErrorKind } from '../../src/ports/error.js';
import { ForwarderError } from '../../src/ports/error.js';
import type { Link, NetNamespace } from '../../src/ports/links.js';

/** For calls that nobody cancels. */
export const never = new AbortController().signal;

/** The link with this name, which must be there. */
export async function linkOf(namespace: NetNamespace, name: string): Promise<Link> {
  const link = await namespace.links.find({ name }, never);
  if (link === undefined) throw new Error(`no link ${name}`);
  return link;
}

/** Moves a link by its name, and returns it as it is there. */
export async function moveByName(
  from: NetNamespace,
  to: NetNamespace,
  names: readonly [string, string],
): Promise<Link> {
  await from.links.move((await linkOf(from, names[0])).index, to, names[1], never);
  return linkOf(to, names[1]);
}

/** Awaits a failure of this kind. */
export async function failing(kind: ErrorKind, attempt: Promise<unknown>): Promise<ForwarderError> {
  const outcome = await attempt.then(
    () => new Error('it did not fail'),
    (error: unknown) => error,
  );
  expect(outcome).to.be.instanceOf(ForwarderError);
  expect(outcome).to.include({ kind });
  return outcome as ForwarderError;
}

/** What has become of a promise by now. */
export async function stateOf(promise: Promise<unknown>): Promise<'pending' | 'resolved' | 'rejected'> {
  let state: 'pending' | 'resolved' | 'rejected' = 'pending';
  promise.then(
    () => {
      state = 'resolved';
    },
    () => {
      state = 'rejected';
    },
  );
  await new Promise((resolve) => setImmediate(resolve));
  return state;
}
