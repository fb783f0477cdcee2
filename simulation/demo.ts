import { constants } from 'node:os';
import { toForwarderError } from '../src/ports/error.js';
import { usableCgroups } from './cgroups/usable-cgroups.js';
import { Report } from './demo/report.js';
import { againInUserNamespace, rights } from './demo/rights.js';
import { Story } from './demo/story.js';
import { SimulatedNode } from './node.js';
import { findTraces } from './traces.js';

/** `npm run demo`: the forwarder's main job on a simulated node. Exit status 1 when a step failed, 128 + N after signal N. */
async function main(): Promise<number> {
  const granted = rights();
  if (granted === 'none') {
    const status = await againInUserNamespace();
    if (status !== undefined) return status;
    process.stdout.write(
      'The demo needs root, or a kernel that lets everybody make user namespaces: it makes network namespaces.\n',
    );
    return 1;
  }
  return play(granted === 'all' ? '' : ' In a user namespace, as this is not root.');
}

async function play(remark: string): Promise<number> {
  const report = new Report(process.stdout.isTTY && process.env['NO_COLOR'] === undefined);
  const interruption = new AbortController();
  const stop = (signal: NodeJS.Signals) => interruption.abort(signal);
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, stop);
  process.stdout.write(`The SR-IOV forwarder on a simulated node.${remark}\n`);
  const before = await findTraces();
  try {
    await tell(report, interruption.signal);
    interruption.signal.throwIfAborted();
    await report.step('Nothing stays behind', async (say) => {
      const left = (await findTraces()).filter((trace) => !before.includes(trace));
      if (left.length > 0) throw new Error(`left behind: ${left.join(', ')}`);
      say([['links, namespaces, mounts, cgroups, processes, sockets and files are as they were']]);
    });
  } catch (thrown) {
    const told = interruption.signal.aborted ? (interruption.signal.reason as NodeJS.Signals) : undefined;
    if (told !== undefined) {
      process.stdout.write(`\nended by ${told}\n`);
      return 128 + constants.signals[told];
    }
    if (!report.failed) process.stdout.write(`\n${toForwarderError(thrown).message}\n`);
    report.totals();
    return 1;
  }
  report.totals();
  return report.failed ? 1 : 0;
}

/** The story on a node of its own; both are over when this returns. */
async function tell(report: Report, signal: AbortSignal): Promise<void> {
  const usable = await usableCgroups();
  await using node = await SimulatedNode.create('version' in usable ? { cgroups: usable.version } : {}, signal);
  await new Story({ node, report, signal, usable }).tell();
}

process.exit(await main());
