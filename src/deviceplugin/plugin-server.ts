import { join } from 'node:path';
import type { Clock } from '../ports/clock.js';
import { type ForwarderError, toForwarderError } from '../ports/error.js';
import { hasFired } from '../ports/has-fired.js';
import type { Log } from '../ports/log.js';
import { BackOff } from './back-off.js';
import { FollowedList } from './followed-list.js';
import type { PluginFolder } from './plugin-folder.js';
import { PluginListener } from './plugin-listener.js';
import { PluginService, type PluginTraits } from './plugin-service.js';
import { register } from './registration.js';
import { type FileIdentity, pluginSocketName } from './socket-file.js';
import { Tenure } from './tenure.js';
import type { TokenOffer } from './token-offer.js';

const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 30_000;

/**
 * The life of one resource's plugin: `starting` → `registered` → `stale` → `starting` and so on until `stopped`.
 *
 * - `starting`: kubelet does not know us; `failure` is why the last attempt failed, absent before the first.
 * - `registered`: kubelet answered Register and follows our list.
 * - `displaced`: another plugin has registered the same name, and kubelet goes by `rival`, some of its ids. We say nothing
 *   more until it goes, for kubelet would ask it for our tokens.
 * - `stale`: that is over (kubelet restarted, its stream ended, our socket was removed); the old server is being closed.
 */
export type PluginState =
  | { readonly kind: 'starting'; readonly failure?: ForwarderError }
  | { readonly kind: 'registered'; readonly kubelet: FileIdentity }
  | { readonly kind: 'displaced'; readonly rival: readonly string[] }
  | { readonly kind: 'stale'; readonly reason: ForwarderError }
  | { readonly kind: 'stopped' };

/** What a plugin server works with. */
export interface PluginServerParts extends PluginTraits {
  readonly resource: string;
  readonly offer: TokenOffer;
  readonly folder: PluginFolder;
  readonly clock: Clock;
  readonly log: Log;
  readonly onState: (state: PluginState) => void;
}

/** A registration that kubelet has answered. */
interface Registered {
  readonly kubelet: FileIdentity;
  readonly tenure: Tenure;
  readonly service: PluginService;
  readonly list: FollowedList;
}

/**
 * Keeps one resource name registered with whichever kubelet is there, for ever: each registration gets a fresh server,
 * which serves before it registers, and the old one with its stream is closed before the next is made. (Kubelet cleans up
 * after an ended stream by resource name: an old stream that ends late would take the new registration with it.)
 */
export class PluginServer implements AsyncDisposable {
  readonly resource: string;
  readonly #parts: PluginServerParts;
  readonly #log: Log;
  readonly #socket: string;
  readonly #stopping = new AbortController();
  readonly #backOff = new BackOff(FIRST_WAIT_MS, LONGEST_WAIT_MS);
  readonly #running: Promise<void>;
  #state: PluginState = { kind: 'starting' };
  #registration: Registered | undefined;

  /** Starts at once; {@link PluginServerParts.onState} is told of every later state. */
  constructor(parts: PluginServerParts) {
    this.resource = parts.resource;
    this.#parts = parts;
    this.#log = parts.log.with({ resource: parts.resource });
    this.#socket = join(parts.folder.path, pluginSocketName(parts.resource));
    this.#running = this.#run(this.#stopping.signal);
  }

  get state(): PluginState {
    return this.#state;
  }

  /** Takes in what kubelet says can be allocated under the name: our list, another plugin's, or nothing at all. */
  counted(counted: ReadonlySet<string>): void {
    if (this.#registration === undefined) return;
    const { list, service, tenure, kubelet } = this.#registration;
    const tokens = this.#parts.offer.tokens(this.resource);
    const own = new Set(tokens.map(({ id }) => id));
    const healthy = new Set(tokens.filter((token) => token.healthy).map(({ id }) => id));
    const followed = list.look({ counted, own, healthy });
    if (followed === undefined) return;
    service.hush(followed.kind === 'rival');
    if (followed.kind === 'nobody') tenure.lose('kubelet counts none of our tokens any more');
    else if (followed.kind === 'rival') this.#displaced(followed.ids);
    else if (this.#state.kind === 'displaced') this.#undisputed(kubelet, tenure, healthy.size);
  }

  /** Tells kubelet the list once more, if it listens. */
  repeat(): void {
    this.#registration?.service.repeat();
  }

  /** Ends the stream, closes the server and removes its socket; no Register follows. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { folder } = this.#parts;
    while (!signal.aborted) {
      let kubelet: FileIdentity | undefined;
      try {
        kubelet = await folder.until(() => folder.kubelet(), signal);
        await this.#serve(kubelet, signal);
      } catch (thrown) {
        if (!hasFired(signal)) this.#failed(toForwarderError(thrown));
      }
      await this.#pause(kubelet, signal);
    }
    this.#enter({ kind: 'stopped' });
  }

  /** One tenure from beginning to end; throws when it does not get as far as being registered. */
  async #serve(kubelet: FileIdentity, signal: AbortSignal): Promise<void> {
    const { folder, clock } = this.#parts;
    const socket = this.#socket;
    using tenure = new Tenure({ folder, clock, kubelet, socket }, signal);
    const onStreams = (open: number) => tenure.streams(open);
    using service = new PluginService({ ...this.#parts, log: this.#log, onStreams });
    await using listener = await PluginListener.open(socket, service, clock);
    tenure.serves(listener.identity);
    await register({ ...this.#parts, socket, kubeletSocket: folder.kubeletSocket }, tenure.signal);
    const since = clock.now();
    this.#registration = { kubelet, tenure, service, list: new FollowedList() };
    this.#registered(kubelet);
    await tenure.over();
    this.#registration = undefined;
    if (clock.now() - since > LONGEST_WAIT_MS) this.#backOff.reset();
    if (!signal.aborted) this.#stale(toForwarderError(tenure.signal.reason));
  }

  /** Waits out the back-off; another kubelet than the one just tried ends the wait early. */
  async #pause(tried: FileIdentity | undefined, signal: AbortSignal): Promise<void> {
    const { folder, clock } = this.#parts;
    using wait = clock.deadline('back-off', this.#backOff.next(), signal);
    const another = async () => {
      const there = await folder.kubelet();
      return there === undefined || there === tried ? undefined : there;
    };
    await folder.until(another, wait.signal).then(
      () => this.#backOff.reset(),
      () => undefined,
    );
  }

  #registered(kubelet: FileIdentity): void {
    this.#enter({ kind: 'registered', kubelet });
    this.#log.info('registered with kubelet');
  }

  #displaced(rival: readonly string[]): void {
    if (this.#state.kind === 'displaced') return;
    this.#enter({ kind: 'displaced', rival });
    this.#log.error('another device plugin has registered this resource, pods get its devices until it goes', {
      rival,
    });
  }

  /** Without healthy tokens nothing shows whether kubelet has let go of us together with the other one. */
  #undisputed(kubelet: FileIdentity, tenure: Tenure, healthy: number): void {
    if (healthy === 0) tenure.lose('the other plugin of this resource is gone');
    else this.#registered(kubelet);
  }

  #stale(reason: ForwarderError): void {
    this.#enter({ kind: 'stale', reason });
    this.#log.warn('must register with kubelet again', { reason: reason.message });
  }

  #failed(failure: ForwarderError): void {
    this.#enter({ kind: 'starting', failure });
    this.#log.warn('cannot register with kubelet yet', { reason: failure.message });
  }

  #enter(state: PluginState): void {
    this.#state = state;
    this.#parts.onState(state);
  }
}
