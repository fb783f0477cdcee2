import type { Clock } from '../ports/clock.js';
import { ForwarderError, toForwarderError } from '../ports/error.js';
import type { PodOwners, TokenHolder } from '../ports/pod-owners.js';
import type { CheckpointEntry, DeviceCheckpointFile } from './device-checkpoint.js';
import type { PodResources, TokenOwner } from './pod-resources.js';

type Owners = ReadonlyMap<string, TokenOwner>;
type Entries = readonly CheckpointEntry[];

interface Parts {
  readonly checkpoint: Pick<DeviceCheckpointFile, 'read'>;
  readonly podResources: Pick<PodResources, 'list'>;
  /** Names of the resources that are offered. */
  readonly names: () => readonly string[];
  readonly clock: Clock;
}

/** The two accounts are written one after the other: what differs now may agree in a moment. */
const looks = 4;
const pauseMs = 50;

/**
 * Which pod has a token, by kubelet's two accounts: pod-resources says which containers have which tokens, by the names
 * of their pods; the checkpoint has the pods' UIDs, which are never used twice. Only what both say counts.
 *
 * Every allocation changes the entries of the checkpoint, so an answer of pod-resources is good until there are others:
 * kubelet allows few questions.
 */
export class KubeletPodOwners implements PodOwners {
  readonly #parts: Parts;
  #known: { readonly entries: Entries; readonly owners: Owners } | undefined;
  #asking: { readonly entries: Entries; readonly owners: Promise<Owners> } | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  async holderOf(token: string, signal: AbortSignal): Promise<TokenHolder> {
    for (let look = 1; ; look += 1) {
      try {
        return await this.#look(token, signal);
      } catch (thrown) {
        const { kind } = toForwarderError(thrown);
        if (look === looks || (kind !== 'refused' && kind !== 'not-found')) throw thrown;
      }
      await this.#parts.clock.sleep(pauseMs, signal);
    }
  }

  async #look(token: string, signal: AbortSignal): Promise<TokenHolder> {
    const { checkpoint } = this.#parts;
    const { entries } = await checkpoint.read();
    const known = this.#known;
    if (known?.entries === entries && known.owners.has(token)) return reconcile(token, entries, known.owners);
    const owners = await this.#ask(entries, signal);
    this.#known = { entries, owners };
    const holder = reconcile(token, entries, owners);
    if ((await checkpoint.read()).entries === entries) return holder;
    throw new ForwarderError('refused', `kubelet is giving tokens to pods: whose ${token} is cannot be told right now`);
  }

  /** Whoever asks about the same entries meanwhile gets the same answer. */
  #ask(entries: Entries, signal: AbortSignal): Promise<Owners> {
    if (this.#asking?.entries === entries) return this.#asking.owners;
    const { podResources, names } = this.#parts;
    const owners = podResources.list(new Set(names()), signal).then((answer) => answer.owners);
    const asking = { entries, owners };
    this.#asking = asking;
    const ended = () => {
      if (this.#asking === asking) this.#asking = undefined;
    };
    owners.then(ended, ended);
    return owners;
  }
}

/** @throws ForwarderError `not-found` when one account knows nothing of the token, `refused` when they differ */
function reconcile(token: string, entries: Entries, owners: Owners): TokenHolder {
  const given = entries.filter(({ devices }) => devices.includes(token));
  const [first] = given;
  const owner = owners.get(token);
  if (first === undefined || owner === undefined) {
    const who = first === undefined ? "kubelet's checkpoint" : 'kubelet';
    throw new ForwarderError('not-found', `${who} knows no pod that has token ${token}`);
  }
  const { pod } = first;
  const named = given.some((it) => it.container === owner.container && it.resource === owner.resource);
  const same =
    named &&
    given.every((it) => it.pod === pod) &&
    isSamePod(
      entries.filter((it) => it.pod === pod),
      owner,
      owners,
    );
  if (same) return { pod, container: owner.container };
  throw new ForwarderError(
    'refused',
    `kubelet and its checkpoint do not say the same of the pod that has token ${token}`,
  );
}

/** Whether all that one account gives to the UID the other one gives to the named pod, as far as it lists it. */
function isSamePod(entries: Entries, { namespace, pod }: TokenOwner, owners: Owners): boolean {
  const devices = new Set(entries.flatMap((entry) => entry.devices));
  return [...owners].every(([id, it]) => devices.has(id) === (it.namespace === namespace && it.pod === pod));
}
