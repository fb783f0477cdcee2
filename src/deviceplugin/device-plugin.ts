import { join } from 'node:path';
import type { Clock } from '../ports/clock.js';
import type { Log } from '../ports/log.js';
import { CheckpointReader } from './checkpoint-account.js';
import { watchCountedTokens } from './counted-tokens.js';
import { DeviceCheckpointFile } from './device-checkpoint.js';
import type { DeviceGiver } from './device-giver.js';
import { Giving } from './giving.js';
import { GuardedOffer } from './guarded-offer.js';
import { isSupposed, OwnerLookup, type SupposedOwner } from './owner-lookup.js';
import { PluginFolder } from './plugin-folder.js';
import { PluginServer, type PluginState } from './plugin-server.js';
import { PodResources, type TokenOwner } from './pod-resources.js';
import type { AllocationPolicy } from './preferred-allocation.js';
import { checkSocketPath, pluginSocketName } from './socket-file.js';
import type { RestoreReport, TokenOffer } from './token-offer.js';
import { TokenReconciler } from './token-reconciler.js';

/** How long the start waits for kubelet to say which tokens are in use. */
const RESTORE_WAIT_MS = 5_000;

/** What the kubelet front-end works with. */
export interface DevicePluginParts {
  readonly offer: TokenOffer;
  readonly clock: Clock;
  readonly log: Log;
  /** NSM_DEVICE_PLUGIN_PATH: the folder of kubelet.sock, where our sockets go. */
  readonly devicePluginPath: string;
  /** NSM_POD_RESOURCES_PATH: the folder of the pod-resources socket. */
  readonly podResourcesPath: string;
  /** NSM_PREFERRED_ALLOCATION; `none` unless told. */
  readonly preferredAllocation?: AllocationPolicy;
  /** Gives VFs themselves for tokens of some resources; absent: of none. */
  readonly devices?: DeviceGiver;
  /** NSM_RESOURCE_POLL_TIMEOUT in milliseconds. */
  readonly pollInterval: number;
  /**
   * Ids by name that a former process knew to be with pods. They are taken over beside those that kubelet lists, which
   * have the right of way, and are freed like all others when kubelet has not listed them for long enough.
   */
  readonly remembered?: ReadonlyMap<string, readonly string[]>;
}

/** What is known of tokens before any of them is offered. */
export interface Restoration {
  /** `away`: kubelet has not said in time which tokens pods hold; none can be had until it does. */
  readonly kubelet: 'answered' | 'away';
  /** What of {@link DevicePluginParts.remembered} could not be taken over. */
  readonly remembered: RestoreReport;
}

/**
 * The kubelet front-end: one plugin server for each name of the offer, following the offer when names come and go, and
 * one reconciler for all. It never fails because of kubelet: it waits for it. It starts in two steps, so that what the
 * tokens stand for can be put in order between them. Disposing it ends all of that and removes the sockets; what is
 * allocated stays allocated.
 */
export class DevicePlugin implements AsyncDisposable {
  readonly #parts: DevicePluginParts;
  readonly #log: Log;
  readonly #offer: GuardedOffer;
  readonly #giving: Giving | undefined;
  readonly #folder: PluginFolder;
  readonly #reconciler: TokenReconciler;
  readonly #stopping = new AbortController();
  readonly #servers = new Map<string, PluginServer>();
  readonly #ending = new Set<Promise<void>>();
  readonly #watchers = new Set<() => void>();
  readonly #podResources: PodResources;
  readonly #lookup: OwnerLookup;
  readonly #polling: Promise<void>;
  #counting: Promise<void> | undefined;
  #changes: Disposable | undefined;
  #restoration: Restoration = { kubelet: 'away', remembered: { surplus: [], unknownNames: [], duplicates: [] } };

  private constructor(parts: DevicePluginParts) {
    const { clock, podResourcesPath, pollInterval } = parts;
    this.#parts = parts;
    this.#log = parts.log.with({ part: 'deviceplugin' });
    this.#offer = new GuardedOffer(parts.offer);
    const { signal } = this.#stopping;
    this.#giving = parts.devices && new Giving({ giver: parts.devices, offer: this.#offer, clock, signal });
    this.#folder = new PluginFolder({ path: parts.devicePluginPath, clock, log: this.#log });
    const podResources = new PodResources(podResourcesPath, clock);
    this.#podResources = podResources;
    this.#lookup = new OwnerLookup({
      podResources,
      clock,
      names: () => this.#offer.names(),
      signal: this.#stopping.signal,
    });
    const log = this.#log;
    const file = new DeviceCheckpointFile(join(parts.devicePluginPath, 'kubelet_internal_checkpoint'));
    const prompt = () => [...this.#servers.values()].find(({ state }) => state.kind === 'registered')?.repeat();
    const checkpoint = new CheckpointReader({ file, prompt, log });
    this.#reconciler = new TokenReconciler({ offer: this.#offer, podResources, checkpoint, clock, log, pollInterval });
    this.#polling = this.#reconciler.run(this.#stopping.signal);
  }

  /**
   * The first step: takes over the tokens that pods hold, as kubelet says and as is remembered. From here on kubelet is
   * asked again and again, but nothing is served or registered. When kubelet does not answer within five seconds this
   * is said in the log and in {@link DevicePlugin.restoration}.
   *
   * @throws ForwarderError `invalid` when the folder's path leaves no room for a socket's name, `cancelled`
   */
  static async restore(parts: DevicePluginParts, signal: AbortSignal): Promise<DevicePlugin> {
    for (const name of parts.offer.names()) checkSocketPath(join(parts.devicePluginPath, pluginSocketName(name)));
    const plugin = new DevicePlugin(parts);
    try {
      await plugin.#restore(signal);
      signal.throwIfAborted();
    } catch (thrown) {
      await plugin[Symbol.asyncDispose]();
      throw thrown;
    }
    return plugin;
  }

  /** The second step, to be taken once: serves and registers every name, now and whenever kubelet wants it again. */
  serve(): void {
    this.#changes = this.#offer.onChange(() => this.#followNames());
    this.#followNames();
    const { clock, pollInterval } = this.#parts;
    const onCounted = (counted: ReadonlyMap<string, ReadonlySet<string>>) => {
      for (const [name, server] of this.#servers) server.counted(counted.get(name) ?? new Set());
    };
    const parts = { podResources: this.#podResources, onCounted, clock, log: this.#log, pollInterval };
    this.#counting = watchCountedTokens(parts, this.#stopping.signal);
  }

  /** What the first step found. */
  get restoration(): Restoration {
    return this.#restoration;
  }

  /** Who holds which token, by id, as of kubelet's last good answer. */
  get owners(): ReadonlyMap<string, TokenOwner> {
    return this.#reconciler.owners;
  }

  /**
   * Who holds a token: as of kubelet's last good answer if that is who is supposed to, otherwise asked anew.
   *
   * @throws ForwarderError when kubelet has to be asked and does not answer
   */
  async ownerOf(token: string, supposed: SupposedOwner, signal: AbortSignal): Promise<TokenOwner | undefined> {
    const known = this.owners.get(token);
    if (known !== undefined && isSupposed(known, supposed)) return known;
    return this.#lookup.find(token, supposed, signal);
  }

  /** The present state of each plugin server, by resource name. */
  states(): ReadonlyMap<string, PluginState> {
    return new Map([...this.#servers].map(([name, server]) => [name, server.state]));
  }

  /** Calls the listener after every change of any plugin server's state. */
  onStates(listener: () => void): Disposable {
    this.#watchers.add(listener);
    return { [Symbol.dispose]: () => void this.#watchers.delete(listener) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#changes?.[Symbol.dispose]();
    this.#stopping.abort();
    for (const name of [...this.#servers.keys()]) this.#retire(name);
    await Promise.all([this.#polling, this.#counting, this.#giving?.ended(), ...this.#ending]);
    this.#folder[Symbol.dispose]();
  }

  async #restore(signal: AbortSignal): Promise<void> {
    const kubelet = await this.#firstAnswer(signal);
    const { offer, remembered = new Map() } = this.#parts;
    const report = offer.restore(remembered);
    this.#restoration = { kubelet, remembered: report };
    if (Object.values(report).flat().length > 0)
      this.#log.warn('remembered tokens cannot be taken over', { ...report });
  }

  async #firstAnswer(signal: AbortSignal): Promise<Restoration['kubelet']> {
    if (this.#offer.names().length === 0) return 'answered';
    const { answered } = this.#reconciler;
    await this.#parts.clock.sleep(RESTORE_WAIT_MS, AbortSignal.any([signal, answered])).catch(() => undefined);
    if (answered.aborted) return 'answered';
    if (!signal.aborted) {
      this.#log.warn('starting although kubelet has not said which tokens are in use: all are unhealthy until it does');
    }
    return 'away';
  }

  #followNames(): void {
    const names = new Set(this.#offer.names());
    for (const name of [...this.#servers.keys()]) if (!names.has(name)) this.#retire(name);
    for (const resource of names) {
      if (this.#servers.has(resource)) continue;
      const { clock, preferredAllocation: policy = 'none' } = this.#parts;
      const onState = () => this.#stateChanged();
      const giving = this.#giving?.gives(resource) === true ? { giving: this.#giving } : {};
      const own = { offer: this.#offer, folder: this.#folder, log: this.#log };
      const parts = { resource, policy, clock, onState, ...giving, ...own };
      this.#servers.set(resource, new PluginServer(parts));
    }
  }

  #retire(name: string): void {
    const ending = this.#servers.get(name)?.[Symbol.asyncDispose]();
    this.#servers.delete(name);
    if (ending === undefined) return;
    this.#ending.add(ending);
    void ending.finally(() => this.#ending.delete(ending));
  }

  #stateChanged(): void {
    for (const watcher of [...this.#watchers]) watcher();
  }
}
