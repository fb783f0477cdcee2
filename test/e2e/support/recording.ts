import { readFileSync } from 'node:fs';
import { Connection, type Mechanism } from '../../../apis/generated/connection.js';
import { NetworkServiceRequest } from '../../../apis/generated/networkservice.js';

/** A message as the mesh's manager sent it to the forwarder, its path without tokens. */
export type Recorded =
  | { readonly kind: 'request'; readonly connection: Connection; readonly preferences: readonly Mechanism[] }
  | { readonly kind: 'close'; readonly connection: Connection };

interface Line {
  readonly method: string;
  /** Base64. */
  readonly message: string;
}

/**
 * What a manager sent for one client after another, recorded in the mesh lane: `MESH_RECORDING=<file> npm run test:mesh`
 * appends to a file.
 */
function readRecording(): readonly Recorded[] {
  const text = readFileSync(new URL('../recorded/from-a-manager.jsonl', import.meta.url), 'utf8');
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => decode(JSON.parse(line) as Line));
}

/** Those for the connections that were asked for with this mechanism. */
export function recordedFor(mechanism: string): readonly Recorded[] {
  return readRecording().filter((it) => mechanismOf(it) === mechanism);
}

function decode({ method, message }: Line): Recorded {
  const bytes = Buffer.from(message, 'base64');
  if (method.endsWith('/Close')) return { kind: 'close', connection: Connection.decode(bytes) };
  const { connection, mechanismPreferences } = NetworkServiceRequest.decode(bytes);
  if (connection === undefined) throw new Error('a Request without a connection was recorded');
  return { kind: 'request', connection, preferences: mechanismPreferences };
}

function mechanismOf(it: Recorded): string | undefined {
  const preferred = it.kind === 'request' ? it.preferences[0] : undefined;
  return (it.connection.mechanism ?? preferred)?.type;
}
