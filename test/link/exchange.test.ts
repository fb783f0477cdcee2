import { expect } from 'chai';
import { formatMessage, putS32 } from 'netlink/dist/structs.js';
import type { Socket } from '../../src/link/exchange.js';
import { exchange } from '../../src/link/exchange.js';
import { NLM_F, RTM } from '../../src/link/rtnetlink.js';
import { RtnlChannel } from '../../src/link/rtnl-channel.js';
import { RtnlLane } from '../../src/link/rtnl-lane.js';
import { openOwnNetworkNamespace } from '../../src/native/network-namespace.js';
import { failure, inTime } from '../contract/network-harness.js';

const [error, done] = [2, 3];

function message(type: number, seq: number, more: { flags?: number; data?: Buffer } = {}): Buffer {
  const { flags = 0, data = Buffer.alloc(0) } = more;
  return Buffer.concat(formatMessage({ type, flags, seq, port: 0, data }));
}

/** An acknowledgement, or a refusal when the number is not 0. */
function status(seq: number, errno = 0): Buffer {
  return message(error, seq, { data: Buffer.concat([putS32(-errno), Buffer.alloc(16)]) });
}

/** A socket whose answers to each send are given: datagrams, one list per send. */
function scriptedSocket(...script: readonly (readonly Buffer[])[]): Socket & Disposable {
  const sends = [...script];
  let waiting: Buffer[] = [];
  const receive = (buffer: Uint8Array) => {
    const next = waiting.shift();
    next?.copy(buffer);
    return next?.length;
  };
  return {
    send: async () => {
      waiting = [...(sends.shift() ?? [])];
    },
    receive,
    receivePart: async (buffer) => receive(buffer),
    [Symbol.dispose]: () => undefined,
  };
}

const request = { type: RTM.SETLINK, flags: 0, body: Buffer.alloc(16) };

describe('an exchange with the kernel', () => {
  it('gives every request its own answer, whatever the datagrams', async () => {
    const socket = scriptedSocket([
      Buffer.concat([status(1), message(RTM.NEWLINK, 2, { data: Buffer.from([1, 2, 3, 4]) })]),
      Buffer.concat([status(2), status(3, 17)]),
    ]);
    const answers = await exchange(socket, [request, request, request]);
    expect(answers.map((answer) => answer.refusal?.errno)).to.deep.equal([undefined, undefined, 17]);
    expect(answers.map((answer) => answer.replies.length)).to.deep.equal([0, 1, 0]);
    expect([...(answers[1]?.replies[0] ?? [])]).to.deep.equal([1, 2, 3, 4]);
  });

  it('fails when an answer is missing', async () => {
    await failure('unknown', exchange(scriptedSocket([status(1)]), [request, request]));
  });

  it('takes the errno at the end of a list', async () => {
    const end = message(done, 1, { data: putS32(-19) });
    const [answer] = await exchange(scriptedSocket([end]), [{ ...request, flags: NLM_F.DUMP }]);
    expect(answer?.refusal).to.deep.equal({ errno: 19, text: '' });
  });
});

describe('a list that changes while it is read', () => {
  const end = message(done, 1, { data: putS32(0) });
  const entry = (flags: number) => message(RTM.NEWLINK, 1, { flags, data: Buffer.alloc(16) });
  const over = (socket: Socket & Disposable) =>
    new RtnlChannel({ file: openOwnNetworkNamespace(), lane: new RtnlLane(), openSocket: () => socket });
  const list = (channel: RtnlChannel) =>
    channel.dump(RTM.GETLINK, Buffer.alloc(16), { signal: inTime(), operation: 'list links' });

  it('is read again', async () => {
    using channel = over(scriptedSocket([entry(0), entry(NLM_F.DUMP_INTR), end], [entry(0), end]));
    expect(await list(channel)).to.have.lengthOf(1);
  });

  it('is not read for ever', async () => {
    const broken = [entry(NLM_F.DUMP_INTR), end];
    using channel = over(scriptedSocket(...Array.from({ length: 9 }, () => broken)));
    await failure('busy', list(channel));
  });
});
