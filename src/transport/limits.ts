/**
 * What one peer may cost us at most ([decision](../../docs/decisions/limits-for-peers.md)). Honest peers are far from all
 * of it.
 */
export const limits = {
  /** Of a call or its answer, bytes. A connection of NSM has some kilobytes. */
  longestMessage: 1024 * 1024,
  /** Answers to one question, of which each may be as long as a message. */
  mostAnswers: 4096,
  /** Calls and streams at once on one connection. */
  mostStreams: 128,
  /** How long a connection may be without a call, ms. */
  idleTimeoutMs: 300_000,
  /** Connections at once, handshakes included. */
  mostConnections: 4096,
  /** And of one SPIFFE ID. A manager has one for each connection of NSM that it watches. */
  mostConnectionsOfOne: 1024,
  handshakeTimeoutMs: 10_000,
  mostHandshakes: 512,
} as const;
