import { EventEmitter } from 'node:events';
import type { ServerWritableStream } from '@grpc/grpc-js';
import { expect } from 'chai';
import type { Device, Empty, ListAndWatchResponse } from '../../apis/generated/deviceplugin-v1beta1.js';
import { PluginEndpoint } from '../../simulation/kubelet/plugin-endpoint.js';
import { deviceList } from '../../src/deviceplugin/device-list.js';
import { DeviceStream } from '../../src/deviceplugin/device-stream.js';
import { realClock } from '../sim/real-clock.js';
import { ModelOffer } from './model-offer.js';
import { PluginRig } from './plugin-rig.js';

const NAME = 'service.domain.1/10G';

describe('the device list that kubelet follows', () => {
  it('is the whole truth at once and after every change', async () => {
    await using rig = await PluginRig.create();
    const offer = new ModelOffer({ [NAME]: 3 });
    await rig.kubelet.start();
    await rig.startPlugin(offer);
    await rig.allocatable(NAME, 3);
    offer.setClosed(`${NAME}#1`, true);
    await rig.allocatable(NAME, 2);
    const health = rig.kubelet.resource(NAME)?.devices.map((device) => [device.ID, device.health]);
    expect(health).to.deep.equal([
      [`${NAME}#0`, 'Healthy'],
      [`${NAME}#1`, 'Unhealthy'],
      [`${NAME}#2`, 'Healthy'],
    ]);
    offer.setClosed(`${NAME}#1`, false);
    await rig.allocatable(NAME, 3);
  });

  it('comes as one message for many changes in one turn, and not at all when nothing in it changed', async () => {
    await using rig = await PluginRig.create();
    const offer = new ModelOffer({ [NAME]: 64 });
    await rig.kubelet.start();
    await rig.startPlugin(offer);
    await rig.allocatable(NAME, 64);
    const endpoint = new PluginEndpoint(rig.socketOf(NAME));
    const lists: (readonly Device[])[] = [];
    endpoint.follow(
      (devices) => lists.push(devices),
      () => undefined,
    );
    await rig.until(() => lists.length === 1);
    for (let n = 0; n < 64; n++) offer.setClosed(`${NAME}#${n}`, true);
    await rig.until(() => lists.length === 2);
    offer.allocate([]);
    offer.setClosed(`${NAME}#0`, false);
    await rig.until(() => lists.length > 2);
    endpoint.close();
    expect(lists.map((list) => list.filter(({ health }) => health === 'Healthy').length)).to.deep.equal([64, 0, 1]);
  });

  it('keeps one unsent message for a reader that does not read, however much changes', () => {
    let count = 0;
    const written: number[] = [];
    const call = Object.assign(new EventEmitter(), {
      write: ({ devices }: ListAndWatchResponse) => {
        written.push(devices.length);
        return false;
      },
      end: () => undefined,
    }) as unknown as ServerWritableStream<Empty, ListAndWatchResponse>;
    const devices = () =>
      Array.from({ length: count }, (_, n) => ({ ID: `${n}`, health: 'Healthy', topology: undefined }));
    const stream = new DeviceStream({ call, devices, clock: realClock(25) });
    for (count = 1; count < 1_000; count++) stream.changed();
    expect(written).to.deep.equal([0]);
    call.emit('drain');
    expect(written).to.deep.equal([0, 1_000]);
    stream.end();
  });

  it('names a NUMA node only where the token has one', () => {
    const token = { id: 'a', healthy: true, heldByPod: false };
    expect(deviceList([token, { ...token, id: 'b', numaNode: 0 }])).to.deep.equal([
      { ID: 'a', health: 'Healthy', topology: undefined },
      { ID: 'b', health: 'Healthy', topology: { nodes: [{ ID: 0 }] } },
    ]);
  });
});
