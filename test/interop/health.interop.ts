import { execFile } from 'node:child_process';
import { expect } from 'chai';
import { Cleanup } from '../../simulation/cleanup.js';
import { GoNode, requireGoPeers } from './go-node.js';

describe('grpc-health-probe', function () {
  this.timeout(60_000);
  const ending = new AbortController();
  const cleanup = new Cleanup();
  let goNode: GoNode;

  before(async function () {
    requireGoPeers(this);
    goNode = cleanup.use(await GoNode.start(ending.signal));
  });

  after(async () => {
    ending.abort();
    await cleanup[Symbol.asyncDispose]();
  });

  async function probe(...args: string[]): Promise<{ readonly status: number; readonly text: string }> {
    const env = await goNode.identity('probe');
    return new Promise((resolve) => {
      const command = ['-addr', goNode.url, '-connect-timeout', '10s', '-rpc-timeout', '10s', ...args];
      execFile(goNode.program('grpc-health-probe'), command, { env }, (error, stdout, stderr) =>
        resolve({ status: Number(error?.code ?? 0), text: stdout + stderr }),
      );
    });
  }

  for (const service of ['', 'networkservice.NetworkService']) {
    it(`finds the daemon serving over SPIFFE, service ${JSON.stringify(service)}`, async () => {
      const { status, text } = await probe('-spiffe', '-service', service);
      expect(text).to.include('status: SERVING');
      expect(status).to.equal(0);
    });
  }

  it('is told that there is no service of another name', async () => {
    const { status, text } = await probe('-spiffe', '-service', 'no.such.Service');
    expect(text).to.include('NotFound');
    expect(status).to.equal(3);
  });

  it('gets nowhere without an identity', async () => {
    const { status } = await probe('-connect-timeout', '1s');
    expect(status).to.equal(2);
  });
});
