import type { MethodDefinition } from '@grpc/grpc-js';

const text = { serialize: (value: string) => Buffer.from(value), deserialize: (bytes: Buffer) => bytes.toString() };

function method<const Stream extends boolean>(path: string, responseStream: Stream) {
  const definition = {
    path,
    requestStream: false as const,
    responseStream,
    requestSerialize: text.serialize,
    requestDeserialize: text.deserialize,
    responseSerialize: text.serialize,
    responseDeserialize: text.deserialize,
  };
  return definition satisfies MethodDefinition<string, string>;
}

/** A service of text in, text out, in the shape of a generated definition. */
export const EchoService = {
  say: method('/test.Echo/Say', false),
  repeat: method('/test.Echo/Repeat', true),
};
