import { expect } from 'chai';
import type { ErrorKind } from '../../src/ports/error.js';
import { ForwarderError } from '../../src/ports/error.js';
import type { Link, Namespaces, NetNamespace } from '../../src/ports/links.js';
import type { PciAddress } from '../../src/ports/pci-address.js';

/** What the contract suites of links and addressing need of an implementation; one per test, disposed after it. */
export interface NetworkHarness extends AsyncDisposable {
  readonly namespaces: Namespaces;
  /** A path that opens a new, empty network namespace, good until the harness is disposed. */
  freshNamespace(): Promise<string>;
  /** Starts a client in a network namespace of its own, which ends with the harness at the latest. */
  startClient(): Promise<NetworkClient>;
  /**
   * Makes a link (a name of at most 10 bytes) in the home namespace that behaves like a VF's netdev: down, MTU 1500, no addresses. `wire` is the
   * name of what it is connected to, also at home, or absent where the implementation has no such link.
   */
  makeVfLink(name: string): Promise<{ readonly wire?: string }>;
  /** Adds an alternative name to a link at home. */
  addAltName(index: number, altName: string): Promise<void>;
  /** A PF with at least two VFs in their initial state, and the PCI address behind a link at home; absent if none. */
  readonly physicalFunction?: { readonly index: number; readonly vfs: number; readonly address: PciAddress };
}

/** What lives in a network namespace: as long as it does, others see it there. */
export interface NetworkClient {
  /** Opens the namespace while the client lives. */
  readonly path: string;
  end(): Promise<void>;
}

/** How a contract suite is told what to test. */
export interface NetworkSuite {
  /** The implementation's name, for the titles. */
  readonly name: string;
  create(): Promise<NetworkHarness>;
  /** Why the suite cannot run here; it is then skipped with that reason. */
  readonly skip?: string | undefined;
}

/** A signal for calls that end by themselves; generous, for it is only a safety net. */
export function inTime(): AbortSignal {
  return AbortSignal.timeout(50_000);
}

/** Awaits a failure and checks its kind; returns it for a look at its message. */
export async function failure(kind: ErrorKind, attempt: Promise<unknown>): Promise<ForwarderError> {
  const outcome = await attempt.then(
    () => 'no failure',
    (error: unknown) => error,
  );
  expect(outcome).to.be.instanceOf(ForwarderError);
  const error = outcome as ForwarderError;
  expect(error.kind, error.message).to.equal(kind);
  return error;
}

/** Like {@link failure} for something that fails at once. */
export function failureOf(kind: ErrorKind, action: () => unknown): Promise<ForwarderError> {
  return failure(kind, (async () => action())());
}

/** A link that must be there. */
export async function linkNamed(namespace: NetNamespace, name: string): Promise<Link> {
  const link = await namespace.links.find({ name }, inTime());
  if (link === undefined) throw new Error(`no link ${name}`);
  return link;
}
