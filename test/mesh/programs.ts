import { copyFileSync, linkSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { skipBecause } from '../skip-because.js';

/** Skips the suite unless the lane has built what it needs. */
export function requireMesh(context: Mocha.Context): void {
  if (process.env['MESH_PEERS'] === undefined || process.env['SPIRE'] === undefined) {
    skipBecause(context, "needs SPIRE and NSM's own programs: npm run test:mesh builds them");
  }
}

/** The path of one of SPIRE's programs. */
export function spireProgram(name: 'spire-server' | 'spire-agent'): string {
  return join(process.env['SPIRE'] ?? '', name);
}

/** Gives a peer a path of its own in a folder: SPIRE tells programs apart by their paths. */
export function peerProgram(folder: string, name: string): string {
  mkdirSync(folder, { recursive: true });
  const program = join(folder, name);
  const built = join(process.env['MESH_PEERS'] ?? '', 'mesh-peer');
  try {
    linkSync(built, program);
  } catch {
    copyFileSync(built, program); // another file system
  }
  return program;
}
