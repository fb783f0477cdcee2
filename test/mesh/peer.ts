import { RunningProgram } from '../../simulation/running-program.js';
import type { NamespaceFile } from '../../src/native/network-namespace.js';
import type { GoConnection } from '../interop/go-client.js';
import type { Role } from './mesh-peers.js';

/** What a peer tells of, one line each. */
export interface PeerEvent {
  readonly event: 'ready' | 'request' | 'close' | 'monitor' | 'seen' | 'registered' | 'deleted';
  /** ms since the epoch. */
  readonly at: number;
  /** Of a call: how long it took. */
  readonly milliseconds?: number;
  readonly error?: string;
  readonly connection?: GoConnection;
  readonly endpoint?: { readonly name: string; readonly expires: number };
}

export interface PeerOptions {
  /** Its path, which is also what SPIRE knows it by. */
  readonly program: string;
  readonly role: Role;
  readonly args: readonly string[];
  readonly namespace: NamespaceFile;
  readonly env: Readonly<Record<string, string>>;
  /** What starts it; nothing unless told. */
  readonly entry?: readonly string[];
}

/** One of NSM's programs, which can be ended and started again. */
export class Peer implements AsyncDisposable {
  readonly #options: PeerOptions;
  #program: RunningProgram | undefined;

  constructor(options: PeerOptions) {
    this.#options = options;
  }

  /** Starts it, once or again after its end. */
  begin(): void {
    const { program, role, args, namespace, env, entry = [] } = this.#options;
    const command = [...entry, program, role, ...args] as [string, ...string[]];
    this.#program = new RunningProgram({ name: `the ${role}`, command, namespace, env });
  }

  /** Starts it and resolves when it does its work; returns when it was started, ms since the epoch. */
  async start(signal: AbortSignal): Promise<number> {
    const started = Date.now();
    this.begin();
    await this.until(({ event }) => event === 'ready', signal);
    return started;
  }

  /** Everything that it has told since it was last started. */
  get events(): readonly PeerEvent[] {
    return (this.#program?.lines ?? []).flatMap(parse);
  }

  /** The first such event of those told since it was last started; waits for it. */
  async until(wanted: (event: PeerEvent) => boolean, signal: AbortSignal): Promise<PeerEvent> {
    await this.#running.until((lines) => lines.some((line) => parse(line).some(wanted)), signal);
    const found = this.events.find(wanted);
    if (found === undefined) throw new Error('the event has gone');
    return found;
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    await this.#program?.stop(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#program?.[Symbol.asyncDispose]();
  }

  get #running(): RunningProgram {
    if (this.#program === undefined) throw new Error(`the ${this.#options.role} was not started`);
    return this.#program;
  }
}

/** What it writes to its standard error is no JSON. */
function parse(line: string): PeerEvent[] {
  return line.startsWith('{"event"') ? [JSON.parse(line) as PeerEvent] : [];
}
