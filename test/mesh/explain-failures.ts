import type { Mesh } from './mesh.js';

/** So many of the daemon's last lines are printed. */
const lines = 40;

/** After a test of the running suite that failed: what the daemon has said, and what clients have asked. */
export function explainFailures(meshOf: () => Mesh | undefined): void {
  afterEach(function () {
    const mesh = meshOf();
    if (this.currentTest?.state !== 'failed' || mesh === undefined) return;
    for (const { daemonLines } of mesh.nodes) console.log(daemonLines.slice(-lines).join('\n'));
    for (const client of mesh.nodes.flatMap(({ clients }) => clients)) {
      for (const { event, at, milliseconds, error, connection } of client.calls) {
        const outcome = error ?? connection?.state ?? 'done';
        console.log(`${client.name} ${new Date(at).toISOString()} ${event} (${milliseconds} ms): ${outcome}`);
      }
    }
  });
}
