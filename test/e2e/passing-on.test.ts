import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import type { Connection } from '../../apis/generated/connection.js';
import { fixedIdentity } from '../../simulation/identity.js';
import { endpointOf } from '../../simulation/messages.js';
import { freshNamespace, pathOf } from '../../simulation/network/fresh-namespace.js';
import type { SimulatedNode } from '../../simulation/node.js';
import type { NodeOptions } from '../../simulation/node-options.js';
import { SystemClock } from '../../src/clock/system-clock.js';
import { Es256TokenIssuer } from '../../src/transport/es256-token-issuer.js';
import { foreignParts, withForeignParts } from './support/foreign-parts.js';
import { freshen, freshMechanism } from './support/freshen.js';
import { useNode } from './support/node-fixture.js';
import { RawPeer } from './support/raw-peer.js';
import { recordedFor } from './support/recording.js';

const mechanisms: readonly (readonly [string, NodeOptions])[] = [
  ['KERNEL', {}],
  ['VFIO', { cgroups: 1 }],
];

for (const [mechanism, options] of mechanisms) {
  describe(`what a real manager sent for a ${mechanism} client, with fresh tokens and ids`, () => {
    const fixture = useNode(options);

    it('is served again; what is not ours comes back, and goes on, as it was sent (nsm-wire 10.8)', async () => {
      const { node } = fixture;
      const { peer, clientToken } = await manager(node);
      await using _ = peer;
      using namespace = freshNamespace();
      node.hardware.hold(pathOf(namespace));
      const parameters = {
        tokenID: fixture.token(),
        inodeURL: await peer.use(async (channel) => channel.sendFile(pathOf(namespace))),
        cgroupDir: `kubepods/burstable/pod${node.kubelet.uidOf('default', 'pod-0')}/*`,
      };
      const id = randomUUID();
      let answer: Connection | undefined;
      const seen: string[] = [];
      for (const message of recordedFor(mechanism)) {
        seen.push(message.kind);
        const present = { id, clientToken, parameters, answer };
        if (message.kind === 'close') {
          await peer.close(freshen(message.connection, present));
          continue;
        }
        const sent = withForeignParts(freshen(message.connection, present));
        offer(node, sent.networkService);
        answer = await peer.request(
          sent,
          message.preferences.map((it) => freshMechanism(it, present)),
        );
        expect(answer.mechanism?.type).to.equal(mechanism);
        expect(foreignParts(answer)).to.deep.equal(foreignParts(sent));
        expect(foreignParts(node.endpoint.lastRequest?.connection)).to.deep.equal(foreignParts(sent));
      }
      expect(seen.at(0)).to.equal('request');
      expect(seen.at(-1)).to.equal('close');
      expect(node.endpoint.connections).to.equal(0);
    }).timeout(60_000);
  });
}

/** Somebody in the manager's place, and the token that a client would have given it. */
async function manager(node: SimulatedNode) {
  const identity = await node.issue('/manager');
  const client = await node.issue('/client/replay');
  const clock = new SystemClock();
  const tokens = new Es256TokenIssuer({ source: fixedIdentity(client), clock, lifetimeMs: 600_000 });
  return {
    peer: new RawPeer({ identity, url: node.registry.urlOf(node.daemonName) }),
    clientToken: tokens.issue(identity.spiffeId).token,
  };
}

/** The node's endpoint serves this service as well. */
function offer({ registry, endpoint }: SimulatedNode, name: string): void {
  registry.services.set(name, { name, payload: 'ETHERNET', matches: [], pathIds: [] });
  registry.add(endpointOf(endpoint.name, name, endpoint.url));
}
