import { formatMessage, getS32, getString, getU32, pad, parseMessages } from 'netlink/dist/structs.js';
import type { NetlinkSocket } from '../native/netlink-socket.js';
import { ForwarderError } from '../ports/error.js';
import { Attributes } from './attributes.js';
import { NLM_F } from './rtnetlink.js';

/** One rtnetlink message to the kernel: `flags` without REQUEST and ACK, which are added. */
export interface Request {
  readonly type: number;
  readonly flags: number;
  readonly body: Uint8Array;
}

/** The kernel's no: a positive errno and its text, empty when it gives none. */
export interface Refusal {
  readonly errno: number;
  readonly text: string;
}

/** What came back for one request: message bodies, and a refusal unless it was carried out. */
export interface Answer {
  readonly refusal?: Refusal;
  readonly replies: readonly Buffer[];
  /** The set changed while the kernel listed it: the list may have gaps. */
  readonly interrupted: boolean;
}

/** What the exchange needs of a socket. */
export type Socket = Pick<NetlinkSocket, 'send' | 'receive' | 'receivePart'>;

const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const NLMSGERR_ATTR_MSG = 1;
/** Enough for the largest reply, a PF with all its VFs in a nest of at most 64 KiB. */
const bufferSize = 128 * 1024;
/** Replies are read and copied out synchronously, so that all sockets can share one buffer; parts of lists are not. */
const sharedBuffer = Buffer.allocUnsafeSlow(bufferSize);

/**
 * Sends requests in one datagram and collects an answer for each. The kernel works through all of them in order,
 * whether or not one fails. A request that lists (DUMP) must be alone.
 *
 * @throws ForwarderError `unknown` when answers are missing (ENOBUFS): what was done is unknown, the socket unusable
 */
export async function exchange(socket: Socket, requests: readonly Request[]): Promise<readonly Answer[]> {
  const lists = requests.length === 1 && requests.every(isDump);
  const collected = requests.map((): Collected => ({ done: false, replies: [], interrupted: false }));
  await socket.send(Buffer.concat(requests.flatMap(format)));
  const buffer = lists ? Buffer.allocUnsafe(bufferSize) : sharedBuffer;
  while (!collected.every((answer) => answer.done)) {
    const length = lists ? await socket.receivePart(buffer) : socket.receive(buffer);
    if (length === undefined)
      throw new ForwarderError('unknown', 'the kernel left a netlink request without an answer');
    for (const message of parseMessages(buffer.subarray(0, length))) take(message, collected[message.seq - 1]);
  }
  return collected;
}

interface Collected {
  done: boolean;
  refusal?: Refusal;
  replies: Buffer[];
  interrupted: boolean;
}

type Message = ReturnType<typeof parseMessages>[number];

function isDump(request: Request): boolean {
  return (request.flags & NLM_F.DUMP) === NLM_F.DUMP;
}

/** The sequence number is the position plus one: a socket has one exchange at a time. */
function format(request: Request, position: number): Uint8Array[] {
  const flags = request.flags | NLM_F.REQUEST | (isDump(request) ? 0 : NLM_F.ACK);
  return pad(formatMessage({ type: request.type, flags, seq: position + 1, port: 0, data: request.body }));
}

function take(message: Message, answer: Collected | undefined): void {
  if (answer === undefined) return;
  if ((message.flags & NLM_F.DUMP_INTR) !== 0) answer.interrupted = true;
  if (message.type !== NLMSG_ERROR && message.type !== NLMSG_DONE) {
    answer.replies.push(Buffer.from(message.data));
    return;
  }
  answer.done = true;
  const refusal = refusalOf(message);
  if (refusal !== undefined) answer.refusal = refusal;
}

/** Reads the status of an ERROR (an acknowledgement when 0) or a DONE message. */
function refusalOf(message: Message): Refusal | undefined {
  if (message.data.length < 4) return undefined;
  const errno = -getS32(message.data.subarray(0, 4));
  return errno === 0 ? undefined : { errno, text: message.type === NLMSG_ERROR ? refusalText(message) : '' };
}

function refusalText(message: Message): string {
  if ((message.flags & NLM_F.ACK_TLVS) === 0) return '';
  // After the errno comes the header of the refused request and, unless capped, the rest of it.
  const repeated = (message.flags & NLM_F.CAPPED) === 0 ? getU32(message.data.subarray(4, 8)) - 16 : 0;
  const text = new Attributes(message.data.subarray(20 + repeated)).bytes(NLMSGERR_ATTR_MSG);
  return text === undefined ? '' : getString(text);
}
