import type { KeyObject } from 'node:crypto';
import type { PathToken } from './jwt.js';

/** Who a connection belongs to, or who asks for it. */
export interface Owner {
  /** The SPIFFE ID that the calling component's certificate proves. */
  readonly caller: string;
  /** The SPIFFE ID that the first token of the path names: the client's; the components between vouch for it. */
  readonly origin?: string;
}

/** All that policies look at. A policy has no objection to a call of a kind that is not its own. */
export interface PolicyInput {
  /** The path's tokens in order, as far as the call's side of it is judged. */
  readonly tokens: readonly PathToken[];
  /** Position in the path of whoever judges. */
  readonly index: number;
  /** Of the peer's certificate. */
  readonly peer: { readonly spiffeId: string; readonly publicKey: KeyObject };
  /** ms since the epoch. */
  readonly now: number;
  /** Of a Request or a Close. */
  readonly connection?: {
    readonly asker: Owner;
    /** Absent for one that nobody has yet. */
    readonly owner?: Owner;
    /** The SPIFFE ID of our own manager, as soon as it is known. */
    readonly manager?: string;
  };
  /** Of an answer to a registration. */
  readonly registration?: {
    /** Whose it is by its path: the first token's subject. */
    readonly id?: string;
    /** Whose it was when it was made; absent the first time. */
    readonly owner?: string;
  };
  /** Of a monitor. */
  readonly monitor?: {
    /** Of the connection ids that it names those of connections that were made through it. */
    readonly own: readonly string[];
    /** And those of connections that others have made. */
    readonly others: readonly string[];
  };
}

/** A rule about who may do what. */
export interface Policy {
  /** `folder/name`, as in the SDK's `etc/nsm/opa/folder/name.rego`. */
  readonly name: string;
  /** Why not, for people, without any token; undefined: no objection. */
  objection(input: PolicyInput): string | undefined;
}

/** The first objection of some policies. */
export interface Denial {
  readonly policy: string;
  readonly reason: string;
}

/** Asks the policies one after the other; undefined when none objects. */
export function judge(policies: readonly Policy[], input: PolicyInput): Denial | undefined {
  for (const policy of policies) {
    const reason = policy.objection(input);
    if (reason !== undefined) return { policy: policy.name, reason };
  }
  return undefined;
}
