import { createServer } from 'node:net';
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { type MethodDefinition, Server, ServerCredentials, type sendUnaryData } from '@grpc/grpc-js';
import { insideNetworkNamespace, type NamespaceFile } from '../../src/native/network-namespace.js';

/** What arrived of a span. Ids in hexadecimal digits; the parent of a root is empty. */
export interface CollectedSpan {
  readonly trace: string;
  readonly id: string;
  readonly parent: string;
  readonly name: string;
  /** Text attributes, those of its resource included. */
  readonly attributes: Readonly<Record<string, string>>;
  readonly failure?: string;
}

export interface CollectedPoint {
  readonly metric: string;
  readonly attributes: Readonly<Record<string, string>>;
  /** Of a gauge. */
  readonly value?: number;
  /** Of a histogram: how many were measured. */
  readonly count?: number;
}

/** An OpenTelemetry collector: OTLP over plaintext gRPC (opentelemetry-proto v1), as far as the tests look at it. */
export class Collector implements Disposable {
  readonly spans: CollectedSpan[] = [];
  readonly points: CollectedPoint[] = [];
  readonly #server = new Server();
  readonly #net = createServer();

  /** @param place - where it listens: in this network namespace and on any port unless told */
  static start({ namespace, port = 0 }: { namespace?: NamespaceFile; port?: number } = {}): Collector {
    const collector = new Collector();
    const server = collector.#server;
    server.addService(exporting('trace.v1.TraceService'), { export: taking((it) => collector.#takeSpans(it)) });
    server.addService(exporting('metrics.v1.MetricsService'), { export: taking((it) => collector.#takePoints(it)) });
    const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
    collector.#net.on('connection', (socket) => injector.injectConnection(socket));
    // Without a host to look up it binds at once, in the namespace of this moment.
    const listen = () => collector.#net.listen(port);
    if (namespace === undefined) listen();
    else insideNetworkNamespace(namespace, listen);
    return collector;
  }

  get endpoint(): string {
    const address = this.#net.address();
    return `127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  }

  [Symbol.dispose](): void {
    this.#net.close();
    this.#server.forceShutdown();
  }

  #takeSpans(request: Message): void {
    for (const ofResource of request.messages(1)) {
      const resource = attributesOf(ofResource.messages(1)[0]?.messages(1));
      for (const span of ofResource.messages(2).flatMap((scope) => scope.messages(2))) {
        const [status] = span.messages(15);
        this.spans.push({
          trace: span.hex(1),
          id: span.hex(2),
          parent: span.hex(4),
          name: span.text(5),
          attributes: { ...resource, ...attributesOf(span.messages(9)) },
          ...(status?.number(3) === 2 && { failure: status.text(2) }),
        });
      }
    }
  }

  #takePoints(request: Message): void {
    const metrics = request.messages(1).flatMap((resource) => resource.messages(2).flatMap((it) => it.messages(2)));
    for (const metric of metrics) {
      for (const point of metric.messages(5).flatMap((gauge) => gauge.messages(1))) {
        const value = point.number(6) ?? point.number(4) ?? 0;
        this.points.push({ metric: metric.text(1), attributes: attributesOf(point.messages(7)), value });
      }
      for (const point of metric.messages(9).flatMap((histogram) => histogram.messages(1))) {
        const count = point.number(4) ?? 0;
        this.points.push({ metric: metric.text(1), attributes: attributesOf(point.messages(9)), count });
      }
    }
  }
}

function exporting(name: string) {
  const method: MethodDefinition<Uint8Array, Uint8Array> = {
    path: `/opentelemetry.proto.collector.${name}/Export`,
    requestStream: false,
    responseStream: false,
    requestSerialize: Buffer.from,
    requestDeserialize: (bytes) => bytes,
    responseSerialize: Buffer.from,
    responseDeserialize: (bytes) => bytes,
  };
  return { export: method };
}

function taking(take: (request: Message) => void) {
  return ({ request }: { request: Uint8Array }, done: sendUnaryData<Uint8Array>) => {
    take(new Message(request));
    done(null, new Uint8Array());
  };
}

function attributesOf(pairs: readonly Message[] = []): Record<string, string> {
  return Object.fromEntries(pairs.map((pair) => [pair.text(1), pair.messages(2)[0]?.text(1) ?? '']));
}

/** A protobuf message of which only field numbers are known. */
class Message {
  readonly #fields = new Map<number, (Uint8Array | number)[]>();

  constructor(bytes: Uint8Array) {
    const reader = new BinaryReader(bytes);
    while (reader.pos < reader.len) {
      const [field, type] = reader.tag();
      this.#fields.set(field, [...(this.#fields.get(field) ?? []), read(reader, type, field)]);
    }
  }

  messages(field: number): Message[] {
    return this.#bytes(field).map((it) => new Message(it));
  }

  text(field: number): string {
    return Buffer.from(this.#bytes(field)[0] ?? []).toString();
  }

  hex(field: number): string {
    return Buffer.from(this.#bytes(field)[0] ?? []).toString('hex');
  }

  number(field: number): number | undefined {
    return this.#fields.get(field)?.find((it) => typeof it === 'number');
  }

  #bytes(field: number): Uint8Array[] {
    return (this.#fields.get(field) ?? []).filter((it) => typeof it !== 'number');
  }
}

/** All eight-byte numbers here are small whole ones, or doubles whose bits are none. */
function read(reader: BinaryReader, type: WireType, field: number): Uint8Array | number {
  if (type === WireType.LengthDelimited) return reader.bytes();
  if (type === WireType.Varint) return Number(reader.uint64());
  if (type === WireType.Bit32) return reader.fixed32();
  if (type !== WireType.Bit64) throw new Error(`field ${field} has wire type ${type}`);
  const bits = Buffer.alloc(8);
  bits.writeBigUInt64LE(BigInt(reader.fixed64()));
  const double = bits.readDoubleLE();
  return double > 1e-300 ? double : Number(bits.readBigUInt64LE());
}
